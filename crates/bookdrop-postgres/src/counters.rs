//! What this driver counts since it was opened.

use std::sync::atomic::{AtomicU64, Ordering};

use bookdrop_backend::Stats;

macro_rules! counters {
    ($($name:ident),* $(,)?) => {
        /// What happened since the driver was opened.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
        }

        impl Counters {
            pub(crate) fn fill(&self, stats: &mut Stats) {
                $(stats.$name = self.$name.0.load(Ordering::Relaxed);)*
            }
        }
    };
}

counters!(
    sent,
    handed_over,
    acked,
    returned,
    buried,
    dead_dropped,
    expired,
    given_up,
    answered,
    replies_refused,
    duplicates,
    dropped_when_full,
    rejected_when_full,
    purged,
);

/// Only the driver's thread and those who give up count, and nothing else is read by it.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }
}
