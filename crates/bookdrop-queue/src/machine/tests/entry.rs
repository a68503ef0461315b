//! What the reference knows of one item.

use std::time::Instant;

use super::thing::Thing;

/// Names a group by when it was made.
pub(super) type GroupNumber = usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stands {
    Ready,
    /// Behind another of its key, in this place of all that were ever put there.
    Parked(u64),
    Delayed(Instant),
    InHand,
    Dead,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) number: u32,
    pub(super) group: GroupNumber,
    pub(super) key: Option<&'static str>,
    pub(super) priority: u8,
    pub(super) expires: Option<Instant>,
    pub(super) is_request: bool,
    pub(super) stands: Stands,
    /// Whether it stands at a node, plain or not: it waited until it was due, or was put back.
    pub(super) is_beside_lane: bool,
    pub(super) order: u64,
    pub(super) deliveries: u32,
    pub(super) failures: u32,
    pub(super) leads: bool,
    pub(super) backs_off: bool,
    pub(super) dead_id: u64,
    /// Whether it is a dead letter that stays, however many there are.
    pub(super) stays: bool,
}

impl Entry {
    /// Of an item that is about to be sent.
    pub(super) fn of(thing: &Thing) -> Self {
        Entry {
            number: thing.number,
            group: 0,
            key: thing.key,
            // The machine knows of ten.
            priority: thing.priority.min(9),
            expires: thing.expires,
            is_request: thing.call.is_some(),
            stands: Stands::Ready,
            is_beside_lane: false,
            order: 0,
            deliveries: 0,
            failures: 0,
            leads: false,
            backs_off: false,
            dead_id: 0,
            stays: false,
        }
    }

    pub(super) fn is_queued(&self) -> bool {
        matches!(self.stands, Stands::Ready | Stands::Parked(_))
    }

    /// It needs nothing but its turn.
    pub(super) fn is_plain(&self) -> bool {
        self.key.is_none() && self.priority == 0 && self.expires.is_none()
    }

    /// In the machine and not in a hand.
    pub(super) fn is_inside(&self) -> bool {
        self.is_queued() || matches!(self.stands, Stands::Delayed(_))
    }
}
