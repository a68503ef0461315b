//! What the queue has to know about what it holds.

use std::time::Instant;

use crate::slab::Ticket;

/// Something that can stand in a [`Queue`](crate::Queue): an event with what belongs to it.
///
/// Every method but [`discarded`](Item::discarded) and [`told`](Item::told) is called under the queue's lock: it must
/// be quick and must not call code of the user.
pub trait Item: Sized {
    /// The one who waits for an answer to this item.
    type Requester;

    /// Items of one key are handed over one at a time, in order.
    fn key(&self) -> Option<&str>;

    /// From 0 (the default) to [`MAX_PRIORITY`](crate::MAX_PRIORITY), the most urgent.
    fn priority(&self) -> u8;

    /// From this instant on the item is not handed over any more: the end of its time to live, or a request's deadline,
    /// whichever comes first.
    fn expires_at(&self) -> Option<Instant>;

    /// Whether the queue has to watch the clock for [`expires_at`](Item::expires_at). It need not for a deadline, which
    /// the requester watches.
    fn expires_by_itself(&self) -> bool;

    /// Two items with the same identity within the window are one. Requests are never compared.
    fn identity(&self) -> Option<&str>;

    /// Whether somebody waits for an answer, or did so when the item was sent.
    fn is_request(&self) -> bool;

    /// Whether a request waits for a consumer to come, rather than to fail when there is none.
    fn waits_for_consumer(&self) -> bool;

    /// False once the requester gave up.
    fn is_wanted(&self) -> bool;

    /// Tells a request where it stands now, so that its requester can take it out again.
    fn placed(&self, at: Standing);

    /// Parts the item from its requester, who is about to be told why by [`told`](Item::told).
    fn sever(&mut self) -> Option<Self::Requester>;

    /// A dead letter is sent again: its time to live begins anew.
    fn revive(&mut self, now: Instant);

    /// The queue lets go of the item, which was handed over so many times: it is dropped, or given back to its
    /// requester if nobody ever had it.
    fn discarded(self, cause: Cause, deliveries: u32);

    /// The item stays (as a dead letter), but its requester will get no answer.
    fn told(requester: Self::Requester, cause: Cause);
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Before the queue, waiting for room.
    InLine(Ticket),
    /// In the queue.
    Queued(Ticket),
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
}

impl std::fmt::Display for DeadReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DeadReason::Rejected(why) => write!(f, "rejected: {why}"),
            DeadReason::MaxAttempts => f.write_str("it failed as often as `max_attempts` allows"),
            DeadReason::MaxDeliveries => {
                f.write_str("it was handed over as often as `max_deliveries` allows")
            }
        }
    }
}
