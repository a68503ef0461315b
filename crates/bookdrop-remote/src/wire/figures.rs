//! What is counted, as it is written down.

use bookdrop_backend::Stats;
use serde::{Deserialize, Serialize};

macro_rules! written_stats {
    ($($field:ident),* $(,)?) => {
        #[derive(Serialize, Deserialize, Debug)]
        pub(crate) struct WrittenStats {
            $($field: u64,)*
        }

        impl From<Stats> for WrittenStats {
            fn from(stats: Stats) -> Self {
                WrittenStats {
                    $($field: stats.$field as _,)*
                }
            }
        }

        impl From<WrittenStats> for Stats {
            fn from(written: WrittenStats) -> Self {
                let mut stats = Stats::default();
                $(stats.$field = written.$field as _;)*
                stats
            }
        }
    };
}

written_stats!(
    queued,
    held,
    delayed,
    in_hand,
    dead,
    consumers,
    waiting_senders,
    waiting_consumers,
    waiting_requests,
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
    damaged,
    reconnects,
);
