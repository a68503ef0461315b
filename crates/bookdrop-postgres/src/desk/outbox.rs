//! The outbox: what users sent within transactions of their own, on its way into the queue.

use std::time::Instant;

use tokio::task::{JoinHandle, spawn_local};

use super::Desk;
use crate::error::Trouble;
use crate::sql::Relayed;

/// So many events are relayed at once, at most, of those without a delay and of those with one,
const MAX_EVENTS: usize = 512;
/// and about so many bytes.
const MAX_BYTES: i64 = 4 << 20;

/// What this driver knows of the outbox of its queue.
pub(super) struct Outbox {
    /// Whether there may be something that can be relayed.
    is_doubted: bool,
    /// Whether it may be relayed whatever else there is to do: what came before is done.
    is_due: bool,
    /// Whether something is there for which there was no room.
    is_held: bool,
    /// Whether there may be more room than the relay that is on its way has seen.
    has_room_come: bool,
}

/// Nobody has looked yet.
impl Default for Outbox {
    fn default() -> Self {
        Outbox {
            is_doubted: true,
            is_due: false,
            is_held: false,
            has_room_come: false,
        }
    }
}

impl Outbox {
    /// There may be something.
    pub(super) fn doubt(&mut self) {
        self.is_doubted = true;
    }

    /// There may be room now.
    pub(super) fn try_again(&mut self) {
        self.is_doubted |= self.is_held;
        self.has_room_come = true;
    }

    pub(super) fn is_doubted(&self) -> bool {
        self.is_doubted
    }

    /// What there may have been then may be relayed now.
    pub(super) fn call_up(&mut self, was_doubted: bool) {
        self.is_due |= was_doubted && self.is_doubted;
    }

    pub(super) fn is_held(&self) -> bool {
        self.is_held
    }

    /// Some of it is on its way.
    fn begin(&mut self) {
        self.is_doubted = false;
        self.is_due = false;
        self.has_room_come = false;
    }

    /// Some of it came into the queue, or there was no room. What is left is relayed at once, as long as there is.
    fn end(&mut self, relayed: &Relayed) {
        let went_on = relayed.sent + relayed.duplicates > 0;
        self.is_held = relayed.are_left && !went_on;
        self.is_doubted |= relayed.are_left && (went_on || self.has_room_come);
    }
}

/// Some of it on its way.
pub(super) struct Relay {
    pub(super) since: Instant,
    relaying: JoinHandle<Result<Relayed, Trouble>>,
}

impl Relay {
    pub(super) async fn landed(&mut self) -> Result<Relayed, Trouble> {
        let landed = (&mut self.relaying).await;
        landed.expect("it does not panic, and nobody aborts it")
    }
}

impl Desk {
    /// Whether to look into the outbox now. A driver that is closed takes nothing new.
    pub(super) fn may_relay(&self) -> bool {
        self.outbox.is_doubted
            && self.relaying.is_none()
            && !self.shared.is_closed()
            && (self.outbox.is_due || !self.others_come_first())
    }

    /// Puts what is first in the outbox on its way into the queue. It goes where senders go, since it waits for the same row.
    pub(super) fn relay(&mut self) {
        let Some(database) = self.link.sender() else {
            return;
        };
        let (queue, bounds) = (self.link.session.queue, self.bounds.clone());
        let most = self.measure().records.min(MAX_EVENTS) as i64;
        let relaying = async move { database.relay(queue, most, MAX_BYTES, &bounds).await };
        self.outbox.begin();
        self.relaying = Some(Relay {
            since: Instant::now(),
            relaying: spawn_local(relaying),
        });
    }

    /// Counts what came into the queue. Where a relay failed, the clock, or the next hint, says when to try again.
    pub(super) fn land_relay(&mut self, relayed: Result<Relayed, Trouble>) {
        self.relaying = None;
        self.look_at_the_link();
        self.warnings.of_relay(self.link.queue(), &relayed);
        let Ok(relayed) = relayed else {
            return;
        };
        let counters = &self.shared.counters;
        counters.sent.add(relayed.sent);
        counters.duplicates.add(relayed.duplicates);
        counters.dropped_when_full.add(relayed.dropped);
        counters.expired.add(relayed.expired);
        if relayed.sent > 0 {
            self.note_events();
        }
        self.outbox.end(&relayed);
    }
}
