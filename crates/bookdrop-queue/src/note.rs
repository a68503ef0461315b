//! What an item is told of what happens to it.

use std::time::{Instant, SystemTime};

use crate::item::{DeadReason, Item};
use crate::machine::GroupId;

/// What has just happened to an item: see [`Item::note`].
///
/// But for [`Accepted`](Note::Accepted), `item.hand()` says in which group, and how often it was handed over and failed by
/// then. Of groups nothing is told here: see [`Queue::join_and_tell`](crate::Queue::join_and_tell).
pub enum Note<'a> {
    /// It and its copies were taken in. Told to the item itself alone, before it or any copy stands in the queue.
    Accepted {
        /// The groups that get it or a copy of it, with their names; of a request, the default group alone.
        groups: &'a mut dyn Iterator<Item = (GroupId, &'a str)>,
        /// When it is to be handed over, if not as soon as possible.
        due: Option<Instant>,
    },
    /// It was handed over.
    HandedOver,
    /// It comes back: it failed, or whoever had it is gone, or it never reached its consumer, and then it was handed over once less.
    Returned {
        /// When it is to be handed over again, if not as soon as possible.
        due: Option<Instant>,
    },
    /// It waited to be handed over, for the first time or again, and stands in the queue now.
    Due,
    /// It is a dead letter now. If it was a request, it is one no more.
    Buried {
        /// Why it failed for good.
        reason: &'a DeadReason,
        /// Names the dead letter.
        id: u64,
        /// When it failed for good.
        at: SystemTime,
    },
    /// A dead letter is sent again, in its group: its hand-overs and failures are counted anew.
    Replayed,
    /// The queue lets go of it for good, in this group: it was done with, or expired, or was purged, or whatever else.
    ///
    /// An item that was never taken in is told so, too, when the queue lets go of it (a duplicate, a copy for a group that was
    /// removed, one whose sender gave up): its hand names no group, or one that it was sent to before.
    Gone,
}

/// Tells an item what happened to it, if it wants to know: what is plain does not.
#[inline]
pub(crate) fn note<I: Item>(item: &mut I, what: Note<'_>) {
    if !item.is_plain() {
        item.note(what);
    }
}
