//! What the queue counts, in the words of the contract.

use bookdrop_backend::Stats;
use bookdrop_queue::{Counters, Depths};

pub(super) fn stats_of(counters: Counters, depths: Depths) -> Stats {
    let mut stats = Stats::default();
    stats.queued = depths.queued;
    stats.delayed = depths.delayed;
    stats.in_hand = depths.in_hand;
    stats.dead = depths.dead;
    stats.consumers = depths.consumers;
    stats.waiting_consumers = depths.waiting_consumers;
    stats.sent = counters.sent;
    stats.handed_over = counters.handed_over;
    stats.acked = counters.acked;
    stats.returned = counters.returned;
    stats.buried = counters.buried;
    stats.dead_dropped = counters.dead_dropped;
    stats.expired = counters.expired;
    stats.given_up = counters.given_up;
    stats.answered = counters.answered;
    stats.replies_refused = counters.replies_refused;
    stats.duplicates = counters.duplicates;
    stats.dropped_when_full = counters.dropped_when_full;
    stats.rejected_when_full = counters.rejected_when_full;
    stats.purged = counters.purged;
    stats
}
