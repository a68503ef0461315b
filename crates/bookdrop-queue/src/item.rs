//! What the queue has to know about what it holds.

use std::time::Instant;

use crate::machine::{CallId, Hand, Spot};
use crate::note::Note;
use crate::slab::Ticket;

/// Something that can stand in a [`Queue`](crate::Queue): an event with what belongs to it.
///
/// Every method but [`discarded`](Item::discarded) and [`told`](Item::told) may be called under the queue's lock: it
/// must be quick and must not call code of the user. What has a body here is for items that have no such thing.
pub trait Item: Sized {
    /// What a request is answered with.
    type Answer;

    /// A place in the item for what the queue knows of it while it is handed over.
    fn hand(&self) -> &Hand;

    /// The same place, to be written to.
    fn hand_mut(&mut self) -> &mut Hand;

    /// It is about to be taken, most likely by a core that has not written it: the time to [`prefetch`](crate::prefetch) what
    /// it owns.
    fn fetch_ahead(&self) {}

    /// Whether it has no key, no priority, no end of its life and no identity: then it takes the express lane. It must not
    /// have a time at which it is to be handed over either.
    fn is_plain(&self) -> bool;

    /// Items of one key are handed over one at a time, in order.
    fn key(&self) -> Option<&str> {
        None
    }

    /// From 0 (the default) to [`MAX_PRIORITY`](crate::MAX_PRIORITY), the most urgent.
    fn priority(&self) -> u8 {
        0
    }

    /// The end of its time to live: from this instant on it is not handed over any more. A request's deadline is its
    /// call's affair.
    fn expires_at(&self) -> Option<Instant> {
        None
    }

    /// Two items with the same identity within the window are one. Requests are never compared.
    fn identity(&self) -> Option<&str> {
        None
    }

    /// The call that it asks an answer for; `None` for a one-way item.
    fn call(&self) -> Option<CallId>;

    /// It asks for the answer of this call, which nobody wants any more after the deadline.
    fn ask_for(&mut self, call: CallId, deadline: Instant);

    /// Parts the item from its call, which ends for a reason that [`told`](Item::told) is about to hear. From now on it is
    /// a one-way item.
    fn sever(&mut self) -> Option<CallId>;

    /// A dead letter is sent again: its time to live begins anew.
    fn revive(&mut self, _now: Instant) {}

    /// What room there is for it and its copies beside the queue, as on a disk. Asked before it is taken in, as the bounds
    /// of the queue are, and in its turn; not when it comes back or is sent again. (What is plain is not asked always.)
    ///
    /// When room appears other than by what is [gone](Note::Gone), [`Queue::let_in`](crate::Queue::let_in) is to be called.
    /// Where the oldest make room they go as long as it is [full](Room::Full), or until none is left: so what is gone has to
    /// make room at once. Where that would be in vain it is [taken](Room::Taken), and none of them goes.
    #[inline]
    fn room(&self) -> Room {
        Room::Enough
    }

    /// Something happened to it: told under the queue's lock, in the order in which it happens, so that a journal can be kept.
    ///
    /// What is plain is told nothing: it goes ways on which nobody looks at it. Who wants to be told is never plain, and its
    /// consumers settle each delivery through the queue, never by giving back their loan alone.
    ///
    /// Nothing is told of an item that its sender is given back, with an error or by
    /// [`take_left`](crate::Queue::take_left), nor when the queue itself is dropped.
    #[inline]
    fn note(&mut self, _what: Note<'_>) {}

    /// The queue lets go of the item, which was handed over so many times. A request leaves its requester an answer, once
    /// and first of all: with the item itself, if nobody ever had it. Then whatever is left of it is dropped.
    fn discarded(self, cause: Cause, deliveries: u32, answer: impl FnOnce(Self::Answer));

    /// The item stays (as a dead letter), but its requester gets this in place of an answer.
    fn told(cause: Cause) -> Self::Answer;
}

/// What room there is beside the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// As much as is asked for.
    Enough,
    /// None, until something is [gone](Note::Gone): enough of it if all that stands in the queue is.
    Full,
    /// None, and too little if all that stands in the queue were gone: it is taken by what is in hand, waits to be
    /// [due](Note::Due), or is dead.
    Taken,
    /// None yet, but it is being made: nothing has to go for it.
    Soon,
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Before the queue, waiting for room.
    InLine(Ticket),
    /// In the queue.
    Queued(Spot),
    /// On its way out: the queue has let go of it, and its requester is about to be told.
    Leaving,
    /// Nowhere: it is in a consumer's hand, or gone.
    Elsewhere,
}

/// Why the queue let go of an item, or of its requester.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its time to live or its deadline passed.
    Expired,
    /// Somebody emptied the queue.
    Purged,
    /// A newer one took its place in a full queue.
    Displaced,
    /// The list of dead letters was full and this one was the oldest, or somebody discarded it.
    DeadLetterDropped,
    /// Its group was removed.
    GroupRemoved,
    /// The same identity was sent within the window.
    Duplicate,
    /// The driver was closed.
    Closed,
    /// What keeps the queue is broken, so nothing is handed over any more.
    Broken,
    /// There is no consumer of the default group.
    NoConsumer,
    /// The requester gave up while the work was under way, and the work came back undone.
    GivenUp,
    /// It would have been tried again only after the requester's deadline.
    RetryTooLate,
    /// It became a dead letter.
    Buried(DeadReason),
}

/// Why an item became a dead letter.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadReason {
    /// A consumer rejected it, with this explanation.
    Rejected(String),
    /// It failed as often as the driver allows.
    MaxAttempts,
    /// It was handed over as often as the driver allows.
    MaxDeliveries,
    /// Its content does not make an event of the consumer's types; this says why.
    Undecodable(String),
}

impl std::fmt::Display for DeadReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DeadReason::Rejected(why) => write!(f, "rejected: {why}"),
            DeadReason::MaxAttempts => f.write_str("it failed as often as `max_attempts` allows"),
            DeadReason::MaxDeliveries => {
                f.write_str("it was handed over as often as `max_deliveries` allows")
            }
            DeadReason::Undecodable(why) => write!(f, "it cannot be decoded: {why}"),
        }
    }
}
