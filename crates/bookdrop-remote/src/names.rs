//! What the two sides call each other, and what they hand over.

use std::fmt;

use bookdrop_backend::Receipt;
use serde::{Deserialize, Serialize};

/// Names one guest, in each of its lives anew: random bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GuestId(pub [u8; 16]);

impl fmt::Display for GuestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for GuestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GuestId({self})")
    }
}

/// Names one hand-over: the same after another driver became keeper. A request has a name that no other keeper knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HandOver {
    /// The number of the event.
    pub event: u64,
    /// The number of the group.
    pub group: u64,
    /// Which hand-over of the event in the group it is.
    pub delivery: u32,
}

impl HandOver {
    /// What the keeper of this epoch calls a request in hand. No group has such a number.
    pub(crate) fn of_request(epoch: u64, receipt: Receipt) -> Self {
        HandOver {
            event: receipt.0,
            group: u64::MAX - epoch,
            delivery: 0,
        }
    }
}
