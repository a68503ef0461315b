//! An event as it stands in the queue.

use std::marker::PhantomData;
use std::time::{Duration, Instant};

use bookdrop_backend::Receipt;
use bookdrop_queue::{CallId, Cause, Hand, Item, clock};

use crate::event::{Ask, Event};

use super::outcome::{Outcome, outcome};

/// An event in the queue, which is answered by an `R`.
pub(crate) struct Stored<T, R> {
    pub(crate) event: Event<T>,
    answered_by: PhantomData<fn() -> R>,
}

impl<T, R> Stored<T, R> {
    /// A one-way event that is to be handed over at once, and lives as long as it takes.
    #[inline]
    pub(crate) fn plain(mut event: Event<T>) -> Self {
        // It may have been a request once.
        event.set_ask(None);
        Stored {
            event,
            answered_by: PhantomData,
        }
    }

    /// A one-way event, with the instant at which it is to be handed over, if it has a delay.
    pub(crate) fn one_way(mut event: Event<T>) -> (Self, Option<Instant>) {
        let now = (event.delay().is_some() || event.time_to_live().is_some()).then(clock::now);
        let after = |wait: Option<Duration>| Some(clock::after(now?, wait?));
        let due = after(event.delay());
        event.set_expires_at(after(event.time_to_live()));
        (Stored::plain(event), due)
    }

    /// A request that is made now, with the instant at which it is to be handed over, if it has a delay. Its call is
    /// opened by the queue.
    #[inline]
    pub(crate) fn request(
        mut event: Event<T>,
        now: Instant,
        deadline: Instant,
    ) -> (Self, Option<Instant>) {
        let mut due = None;
        if !event.is_plain() {
            let after = |wait: Option<Duration>| Some(clock::after(now, wait?));
            due = after(event.delay());
            let end_of_life = after(event.time_to_live());
            event.set_expires_at(end_of_life.filter(|end| *end < deadline));
        }
        (Stored::plain(event), due)
    }

    /// What a backend handed over for this time, after so many failures: by this receipt it is settled, and it is a request if it has a
    /// deadline.
    pub(crate) fn elsewhere(
        mut event: Event<T>,
        receipt: Receipt,
        (attempt, failures): (u32, u32),
        deadline: Option<Instant>,
    ) -> Self {
        *event.hand_mut() = Hand::elsewhere(receipt.0, attempt, failures);
        event.set_ask(deadline.map(|deadline| Ask {
            call: None,
            deadline,
        }));
        Stored {
            event,
            answered_by: PhantomData,
        }
    }

    /// The receipt of what a backend handed over.
    pub(crate) fn receipt(&self) -> Receipt {
        Receipt(self.event.hand().receipt())
    }

    #[inline]
    pub(crate) fn ask(&self) -> Option<Ask> {
        self.event.ask()
    }
}

/// One for a further group.
pub(crate) fn copy<T: Clone, R>(stored: &Stored<T, R>) -> Stored<T, R> {
    Stored::plain(stored.event.clone())
}

impl<T, R> Item for Stored<T, R> {
    type Answer = Outcome<T, R>;

    #[inline]
    fn hand(&self) -> &Hand {
        self.event.hand()
    }

    #[inline]
    fn hand_mut(&mut self) -> &mut Hand {
        self.event.hand_mut()
    }

    #[inline]
    fn fetch_ahead(&self) {
        self.event.prefetch();
    }

    #[inline]
    fn is_plain(&self) -> bool {
        self.event.is_plain()
    }

    fn key(&self) -> Option<&str> {
        self.event.key()
    }

    fn priority(&self) -> u8 {
        self.event.priority()
    }

    fn expires_at(&self) -> Option<Instant> {
        self.event.expires_at()
    }

    fn identity(&self) -> Option<&str> {
        self.event.given_id()
    }

    #[inline]
    fn call(&self) -> Option<CallId> {
        self.ask()?.call
    }

    #[inline]
    fn ask_for(&mut self, call: CallId, deadline: Instant) {
        let call = Some(call);
        self.event.set_ask(Some(Ask { call, deadline }));
    }

    fn sever(&mut self) -> Option<CallId> {
        let call = self.call();
        self.event.set_ask(None);
        call
    }

    fn revive(&mut self, now: Instant) {
        let time_to_live = self.event.time_to_live();
        let ends = time_to_live.map(|time_to_live| clock::after(now, time_to_live));
        self.event.set_expires_at(ends);
    }

    fn discarded(self, cause: Cause, deliveries: u32, answer: impl FnOnce(Outcome<T, R>)) {
        if self.ask().is_none() {
            return;
        }
        let mut event = self.event;
        event.set_ask(None);
        let (unread, read) = match deliveries {
            0 => (Some(event), None),
            _ => (None, Some(event)),
        };
        answer(outcome(cause, unread));
        drop(read);
    }

    fn told(cause: Cause) -> Outcome<T, R> {
        outcome(cause, None)
    }
}
