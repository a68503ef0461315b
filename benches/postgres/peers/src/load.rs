//! What those share that call handlers.

use std::sync::atomic::{AtomicU64, Ordering::AcqRel};

use bookdrop_bench_common::event::{Tally, number_of};

/// The events that handlers of a turn are called with.
pub(crate) struct Handled {
    arrived: Tally,
    left: AtomicU64,
}

impl Handled {
    /// None yet of so many.
    pub(crate) fn none_of(events: u64) -> Self {
        Self {
            arrived: Tally::below(events),
            left: AtomicU64::new(events),
        }
    }

    /// One more, and whether that was the last.
    pub(crate) fn note(&self, event: &[u8]) -> bool {
        self.arrived.note(number_of(event));
        self.left.fetch_sub(1, AcqRel) == 1
    }

    /// Panics unless all of them were there.
    pub(crate) fn check(&self) {
        self.arrived.check();
    }
}
