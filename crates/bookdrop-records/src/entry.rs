//! A record as it stands in the queue.

use std::sync::Arc;
use std::time::Instant;

use bookdrop_backend::{Record, Unanswered, Why};
use bookdrop_queue::{CallId, Cause, Hand, Item, Note, Room, clock};
use bytes::Bytes;

use crate::event::Event;
use crate::reason::told_reason;
use crate::store::Ledger;

/// What a request ends with.
type Outcome = Result<Bytes, Unanswered>;

/// An event in the queue of one group.
pub struct Entry<L: Ledger> {
    event: Arc<Event<L>>,
    hand: Hand,
    expires_at: Option<Instant>,
    asks: Option<(CallId, Instant)>,
}

impl<L: Ledger> Entry<L> {
    /// One that is published now, with the instant at which it is to be handed over, if it has a delay.
    pub(crate) fn new(record: Record, ledger: Arc<L>) -> (Self, Option<Instant>) {
        let has_times = record.delay.is_some() || record.time_to_live.is_some();
        let now = has_times.then(clock::now);
        let after = |wait: Option<_>| Some(clock::after(now?, wait?));
        let (due, expires_at) = (after(record.delay), after(record.time_to_live));
        let event = Arc::new(Event::new(record, ledger, L::account_of));
        (Entry::restored(event, expires_at), due)
    }

    /// One that was published before.
    pub fn restored(event: Arc<Event<L>>, expires_at: Option<Instant>) -> Self {
        Entry {
            event,
            hand: Hand::default(),
            expires_at,
            asks: None,
        }
    }

    /// One for a further group.
    pub fn copy(&self) -> Self {
        Entry::restored(self.event.clone(), self.expires_at)
    }

    /// The event.
    pub fn event(&self) -> &Arc<Event<L>> {
        &self.event
    }

    /// Until when its requester wants an answer.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.asks.map(|(_, deadline)| deadline)
    }
}

impl<L: Ledger> Item for Entry<L> {
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
        match self.asks {
            None => self.event.ledger().room(&self.event),
            // A request is not written down.
            Some(_) => Room::Enough,
        }
    }

    fn note(&mut self, what: Note<'_>) {
        let is_request_taken_in = self.asks.is_some() && matches!(what, Note::Accepted { .. });
        if !is_request_taken_in {
            let ledger = self.event.ledger();
            ledger.note(&self.event, &self.hand, what);
        }
    }

    fn revive(&mut self, now: Instant) {
        let time_to_live = self.event.time_to_live;
        self.expires_at = time_to_live.map(|ttl| clock::after(now, ttl));
    }

    fn discarded(self, cause: Cause, deliveries: u32, answer: impl FnOnce(Outcome)) {
        if self.asks.is_some() {
            let was_taken = deliveries > 0;
            answer(Err(match self.event.ledger().broken() {
                Some(error) if cause == Cause::Broken => Unanswered {
                    why: Why::Backend(error),
                    was_taken,
                },
                _ => unanswered(cause, was_taken),
            }));
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
