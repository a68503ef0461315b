//! An event as it stands in the queue.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bookdrop_queue::{Cause, Item, Standing, clock};

use crate::event::Event;

use super::requester::{Requester, outcome};

/// An event in the queue, with the one who waits for an answer to it.
pub(crate) struct Stored<T, R> {
    pub(crate) event: Event<T>,
    expires_at: Option<Instant>,
    /// Whether that is the end of its time to live; else it is a deadline, which the requester watches.
    expires_by_itself: bool,
    requester: Option<Arc<Requester<T, R>>>,
    /// It was sent as a request, whatever became of its requester.
    is_request: bool,
}

impl<T, R> Stored<T, R> {
    /// A one-way event, with the instant at which it is to be handed over, if it has a delay.
    pub(crate) fn one_way(event: Event<T>) -> (Self, Option<Instant>) {
        let now = (event.delay().is_some() || event.time_to_live().is_some()).then(clock::now);
        let after = |wait: Option<Duration>| Some(clock::after(now?, wait?));
        let (due, expires_at) = (after(event.delay()), after(event.time_to_live()));
        let stored = Stored {
            event,
            expires_at,
            expires_by_itself: true,
            requester: None,
            is_request: false,
        };
        (stored, due)
    }

    pub(crate) fn request(
        event: Event<T>,
        requester: Arc<Requester<T, R>>,
        now: Instant,
    ) -> (Self, Option<Instant>) {
        let after = |wait: Option<Duration>| Some(clock::after(now, wait?));
        let (due, end_of_life) = (after(event.delay()), after(event.time_to_live()));
        let end_of_life = end_of_life.filter(|end| *end < requester.deadline);
        let stored = Stored {
            event,
            expires_at: Some(end_of_life.unwrap_or(requester.deadline)),
            expires_by_itself: end_of_life.is_some(),
            requester: Some(requester),
            is_request: true,
        };
        (stored, due)
    }

    pub(crate) fn requester(&self) -> Option<&Arc<Requester<T, R>>> {
        self.requester.as_ref()
    }

    pub(crate) fn into_parts(self) -> (Event<T>, Option<Arc<Requester<T, R>>>) {
        (self.event, self.requester)
    }
}

/// One for a further group.
pub(crate) fn copy<T: Clone, R>(stored: &Stored<T, R>) -> Stored<T, R> {
    let event = stored.event.clone();
    Stored {
        event,
        expires_at: stored.expires_at,
        expires_by_itself: stored.expires_by_itself,
        requester: None,
        is_request: false,
    }
}

impl<T, R> Item for Stored<T, R> {
    type Requester = Arc<Requester<T, R>>;

    fn key(&self) -> Option<&str> {
        self.event.key()
    }

    fn priority(&self) -> u8 {
        self.event.priority()
    }

    fn expires_at(&self) -> Option<Instant> {
        self.expires_at
    }

    fn expires_by_itself(&self) -> bool {
        self.expires_by_itself
    }

    fn identity(&self) -> Option<&str> {
        self.event.given_id()
    }

    fn is_request(&self) -> bool {
        self.is_request
    }

    fn waits_for_consumer(&self) -> bool {
        self.requester
            .as_ref()
            .is_some_and(|requester| requester.waits_for_consumer)
    }

    fn is_wanted(&self) -> bool {
        self.requester
            .as_ref()
            .is_none_or(|requester| requester.slot.is_awaited())
    }

    fn placed(&self, at: Standing) {
        if let Some(requester) = &self.requester {
            *requester
                .standing
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = at;
        }
    }

    fn sever(&mut self) -> Option<Self::Requester> {
        self.is_request = false;
        self.requester.take()
    }

    fn revive(&mut self, now: Instant) {
        self.expires_at = self.event.time_to_live().map(|ttl| clock::after(now, ttl));
        self.expires_by_itself = true;
    }

    fn discarded(self, cause: Cause, deliveries: u32) {
        let Some(requester) = self.requester else {
            return;
        };
        let event = Some(self.event).filter(|_| deliveries == 0);
        requester.end(outcome(cause, event));
    }

    fn told(requester: Self::Requester, cause: Cause) {
        requester.end(outcome(cause, None));
    }
}
