//! What was sent, and how far it was tried: whoever looks sees what came of all that was sent before.

/// Counts sends and requests as they come, and the trips on which they are tried.
#[derive(Default)]
pub(super) struct Tries {
    came: u64,
    /// How many of these were tried at least once.
    tried: u64,
    landed: u64,
    /// How many had come when somebody wanted to look last,
    wanted: u64,
    /// and how many trips had begun: what was under way may have been a further try of what had come long before.
    begun: u64,
}

impl Tries {
    /// One more came.
    pub(super) fn note(&mut self) {
        self.came += 1;
    }

    /// A trip begins now, and tries all that came so far. How many these are.
    pub(super) fn upto(&self) -> u64 {
        self.came
    }

    /// A trip has landed, which tried so many.
    pub(super) fn land(&mut self, upto: u64) {
        self.landed += 1;
        self.tried = self.tried.max(upto);
    }

    /// Somebody wants to look.
    pub(super) fn want_to_look(&mut self, is_under_way: bool) {
        self.wanted = self.came;
        self.begun = self.landed + u64::from(is_under_way);
    }

    /// Whether whoever wanted to look may; where nothing can be tried now, what is left waits for something else.
    pub(super) fn may_look(&self, is_at_rest: bool) -> bool {
        (is_at_rest || self.tried >= self.wanted) && self.landed >= self.begun
    }
}
