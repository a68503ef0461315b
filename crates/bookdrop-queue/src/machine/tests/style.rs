//! What a random history is made of.

/// splitmix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(super) fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let at = self.below(all.len().max(1) as u64) as usize;
        all.get(at)
    }
}

/// All items are alike in what a style leaves out.
pub(super) struct Style {
    pub(super) keys: &'static [&'static str],
    pub(super) priorities: u64,
    pub(super) delays: bool,
    pub(super) expiry: bool,
    pub(super) requests: u64,
    pub(super) groups: bool,
    /// What matters is the lane: nothing else is there that would keep it from being lent.
    pub(super) lends: bool,
}

impl Style {
    pub(super) fn of(seed: u64) -> Self {
        let bit = |n: u64| seed & (1 << n) != 0;
        Style {
            keys: if bit(0) { &["a", "b", "c"] } else { &["a"] },
            priorities: if bit(1) { 12 } else { 1 },
            delays: bit(2) && !bit(6),
            expiry: bit(3) && !bit(6),
            requests: if bit(4) && !bit(6) { 30 } else { 0 },
            groups: bit(5),
            lends: bit(6),
        }
    }

    /// Where nothing else decides on the order, it is this: the oldest whose key is free. (In a group that others
    /// were moved to, one that comes back is older than the one that has its key by then.)
    pub(super) fn is_plain(&self) -> bool {
        self.priorities == 1 && !self.groups
    }
}
