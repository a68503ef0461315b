//! What the reference knows of one item.

use std::time::Instant;

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
    pub(super) is_watched: bool,
    pub(super) is_wanted: bool,
    pub(super) stands: Stands,
    pub(super) order: u64,
    pub(super) deliveries: u32,
    pub(super) failures: u32,
    pub(super) leads: bool,
    pub(super) backs_off: bool,
    pub(super) dead_id: u64,
}

impl Entry {
    pub(super) fn is_queued(&self) -> bool {
        matches!(self.stands, Stands::Ready | Stands::Parked(_))
    }

    /// In the machine and not in a hand.
    pub(super) fn is_inside(&self) -> bool {
        self.is_queued() || matches!(self.stands, Stands::Delayed(_))
    }
}
