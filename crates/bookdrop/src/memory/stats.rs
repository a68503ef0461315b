//! What the queue in memory counts, and what it can do, in the words that all drivers share.

use bookdrop_backend::{Capabilities, Stats};
use bookdrop_queue::{Counters, Depths};

/// What a driver in memory can do.
pub(crate) fn capabilities() -> Capabilities {
    let mut can = Capabilities::default();
    can.groups = true;
    can.keys = true;
    can.priority = true;
    can.delay = true;
    can.time_to_live = true;
    can.duplicate_detection = true;
    can.dead_letters = true;
    can.no_consumer_detection = true;
    can.moves_events = true;
    can
}

/// What was counted, and what stands where.
pub(crate) fn stats(counters: Counters, depths: Depths) -> Stats {
    let Depths {
        queued,
        delayed,
        in_hand,
        dead,
        consumers,
        waiting_consumers,
    } = depths;
    let mut stats = Stats::default();
    stats.queued = queued;
    stats.delayed = delayed;
    stats.in_hand = in_hand;
    stats.dead = dead;
    stats.consumers = consumers;
    stats.waiting_consumers = waiting_consumers;
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
