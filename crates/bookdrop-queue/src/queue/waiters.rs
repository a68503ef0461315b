//! Those who wait for something to become theirs, woken in the order in which they came.

use std::task::Waker;

use crate::effects::Effects;
use crate::item::Item;
use crate::slab::{List, Slab, Ticket};

/// A place among the waiters; `None` while its owner does not wait.
pub type Waiting = Option<Ticket>;

/// The wakers of those who wait.
///
/// Invariant: who was notified and leaves without having looked again passes the notification on (see
/// [`leave`](Waiters::leave)), so that no wake-up is lost with a dropped future.
#[derive(Debug)]
pub(super) struct Waiters {
    /// The waker, until it is notified.
    all: Slab<Option<Waker>>,
    asleep: List,
}

impl Waiters {
    pub(super) fn new() -> Self {
        Waiters {
            all: Slab::new(),
            asleep: List::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether this one sleeps and would be woken by `waker`: then there is nothing to register.
    pub(super) fn is_registered(&self, waiting: Waiting, waker: &Waker) -> bool {
        let known = waiting.and_then(|ticket| self.all.get(ticket)?.as_ref());
        known.is_some_and(|known| known.will_wake(waker))
    }

    /// Sleeps, at the end, with this waker; one that sleeps already keeps its place.
    pub(super) fn sleep<I: Item>(
        &mut self,
        waiting: &mut Waiting,
        waker: Waker,
        fx: &mut Effects<I>,
    ) {
        let known = waiting.and_then(|ticket| Some((ticket, self.all.get_mut(ticket)?)));
        match known {
            Some((_, place @ Some(_))) => {
                if let Some(old) = place.replace(waker) {
                    fx.drop_waker(old);
                }
            }
            Some((ticket, place)) => {
                *place = Some(waker);
                self.all.push_back(&mut self.asleep, ticket);
            }
            None => {
                let ticket = self.all.insert(Some(waker));
                self.all.push_back(&mut self.asleep, ticket);
                *waiting = Some(ticket);
            }
        }
    }

    /// Wakes so many sleepers, the one that sleeps longest first.
    pub(super) fn notify<I: Item>(&mut self, count: usize, fx: &mut Effects<I>) {
        for _ in 0..count {
            let Some(ticket) = self.all.pop_front(&mut self.asleep) else {
                return;
            };
            if let Some(waker) = self.all.get_mut(ticket).and_then(Option::take) {
                fx.wake(waker);
            }
        }
    }

    pub(super) fn notify_all<I: Item>(&mut self, fx: &mut Effects<I>) {
        self.notify(self.asleep.len(), fx);
    }

    /// Waits no more. Returns whether it had been notified: unless it found what it waited for, somebody else must be.
    #[must_use]
    pub(super) fn leave<I: Item>(&mut self, waiting: &mut Waiting, fx: &mut Effects<I>) -> bool {
        let Some(ticket) = waiting.take() else {
            return false;
        };
        if matches!(self.all.get(ticket), Some(Some(_))) {
            self.all.unlink(&mut self.asleep, ticket);
        }
        match self.all.remove(ticket) {
            Some(Some(waker)) => {
                fx.drop_waker(waker);
                false
            }
            Some(None) => true,
            None => false,
        }
    }
}
