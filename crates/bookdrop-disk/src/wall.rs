//! The time of day by which events are noted.

use std::time::{Instant, SystemTime};

use bookdrop_queue::clock;

/// This machine's clock, or another one's, of which is known what it said at some moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wall {
    known: Option<(Instant, SystemTime)>,
}

impl Wall {
    pub(crate) fn new(known: Option<(Instant, SystemTime)>) -> Self {
        Wall { known }
    }

    pub(crate) fn now(self) -> SystemTime {
        let Some((moment, at)) = self.known else {
            return clock::wall();
        };
        let since = clock::now().saturating_duration_since(moment);
        at.checked_add(since).unwrap_or(at)
    }
}
