//! A record as it stands in the queue.

use std::sync::Arc;
use std::time::Instant;

use bookdrop_backend::{DeadReason, Record, Unanswered, Why};
use bookdrop_queue::{CallId, Cause, Hand, Item, Note, Room, clock};
use bytes::Bytes;

use crate::event::Event;
use crate::ledger::{Change, Ledger};

/// What a request ends with.
pub(crate) type Outcome = Result<Bytes, Unanswered>;

/// An event in the queue of one group.
pub(crate) struct Entry {
    pub(crate) event: Arc<Event>,
    hand: Hand,
    expires_at: Option<Instant>,
    asks: Option<(CallId, Instant)>,
}

impl Entry {
    /// One that is published now, with the instant at which it is to be handed over, if it has a delay.
    pub(crate) fn new(record: Record, ledger: Option<Arc<Ledger>>) -> (Self, Option<Instant>) {
        let has_times = record.delay.is_some() || record.time_to_live.is_some();
        let now = has_times.then(clock::now);
        let after = |wait: Option<_>| Some(clock::after(now?, wait?));
        let (due, expires_at) = (after(record.delay), after(record.time_to_live));
        let event = Arc::new(Event::new(record, ledger));
        (Entry::restored(event, expires_at), due)
    }

    /// One that was published before.
    pub(crate) fn restored(event: Arc<Event>, expires_at: Option<Instant>) -> Self {
        Entry {
            event,
            hand: Hand::default(),
            expires_at,
            asks: None,
        }
    }

    /// One for a further group.
    pub(crate) fn copy(&self) -> Self {
        Entry::restored(self.event.clone(), self.expires_at)
    }

    /// Until when its requester wants an answer.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.asks.map(|(_, deadline)| deadline)
    }
}

impl Item for Entry {
    type Answer = Outcome;

    fn hand(&self) -> &Hand {
        &self.hand
    }

    fn hand_mut(&mut self) -> &mut Hand {
        &mut self.hand
    }

    /// The express tells nobody what happens to an item.
    fn is_plain(&self) -> bool {
        false
    }

    fn key(&self) -> Option<&str> {
        self.event.key.as_deref()
    }

    fn priority(&self) -> u8 {
        self.event.priority
    }

    fn expires_at(&self) -> Option<Instant> {
        self.expires_at
    }

    fn identity(&self) -> Option<&str> {
        self.event.given_id.as_deref()
    }

    fn call(&self) -> Option<CallId> {
        self.asks.map(|(call, _)| call)
    }

    fn ask_for(&mut self, call: CallId, deadline: Instant) {
        self.asks = Some((call, deadline));
    }

    fn sever(&mut self) -> Option<CallId> {
        self.asks.take().map(|(call, _)| call)
    }

    fn room(&self) -> Room {
        match &self.event.ledger {
            // A request is not written down.
            Some(ledger) if self.asks.is_none() => ledger.room(&self.event),
            _ => Room::Enough,
        }
    }

    fn note(&mut self, what: Note<'_>) {
        let Some(ledger) = &self.event.ledger else {
            return;
        };
        let group = self.hand.group();
        let change = match what {
            Note::Accepted { .. } if self.asks.is_some() => return,
            Note::Accepted { groups, due } => return ledger.accepted(&self.event, groups, due),
            Note::HandedOver => Change::HandedOver,
            Note::Returned { due } => Change::Returned(due),
            Note::Due => Change::Due,
            Note::Buried { reason, id, at } => Change::Buried(reason, id, at),
            Note::Replayed => Change::Replayed,
            Note::Gone => Change::Gone,
        };
        ledger.changed(&self.event, group, &self.hand, change);
    }

    fn revive(&mut self, now: Instant) {
        let time_to_live = self.event.time_to_live;
        self.expires_at = time_to_live.map(|ttl| clock::after(now, ttl));
    }

    fn discarded(self, cause: Cause, deliveries: u32, answer: impl FnOnce(Outcome)) {
        if self.asks.is_some() {
            let was_taken = deliveries > 0;
            let ledger = self.event.ledger.as_ref();
            answer(Err(
                match ledger.and_then(|ledger| ledger.survival.broken()) {
                    Some(error) if cause == Cause::Broken => Unanswered {
                        why: Why::Backend(error),
                        was_taken,
                    },
                    _ => unanswered(cause, was_taken),
                },
            ));
        }
    }

    fn told(cause: Cause) -> Outcome {
        Err(unanswered(cause, true))
    }
}

/// What a requester is told when its request was settled without an answer.
pub(crate) fn settled_unanswered() -> Outcome {
    Err(Unanswered {
        why: Why::Unanswered,
        was_taken: true,
    })
}

/// What a requester is told when the queue let go of its request.
fn unanswered(cause: Cause, was_taken: bool) -> Unanswered {
    let why = match cause {
        Cause::Expired => Why::Deadline,
        Cause::NoConsumer | Cause::GroupRemoved => Why::NoConsumer,
        Cause::Closed => Why::Closed,
        Cause::Displaced => Why::Full,
        Cause::RetryTooLate => Why::RetryTooLate,
        Cause::Purged => Why::Purged,
        Cause::Buried(reason) => Why::Buried(told_reason(reason)),
        // Nobody is there to be told in the remaining cases.
        Cause::Duplicate | Cause::DeadLetterDropped | Cause::GivenUp | Cause::Broken => {
            Why::Unanswered
        }
    };
    Unanswered { why, was_taken }
}

/// The reason in the words of the queue.
pub(crate) fn known_reason(reason: DeadReason) -> bookdrop_queue::DeadReason {
    use bookdrop_queue::DeadReason as Known;
    match reason {
        DeadReason::Rejected(why) => Known::Rejected(why),
        DeadReason::MaxAttempts => Known::MaxAttempts,
        DeadReason::MaxDeliveries => Known::MaxDeliveries,
        DeadReason::Undecodable(why) => Known::Undecodable(why),
        other => Known::Rejected(other.to_string()),
    }
}

/// The reason in the words of the contract.
pub(crate) fn told_reason(reason: bookdrop_queue::DeadReason) -> DeadReason {
    use bookdrop_queue::DeadReason as Known;
    match reason {
        Known::Rejected(why) => DeadReason::Rejected(why),
        Known::MaxAttempts => DeadReason::MaxAttempts,
        Known::MaxDeliveries => DeadReason::MaxDeliveries,
        Known::Undecodable(why) => DeadReason::Undecodable(why),
        other => DeadReason::Rejected(other.to_string()),
    }
}
