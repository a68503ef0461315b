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
    all: Slab<Waiter>,
    asleep: List,
}

#[derive(Debug)]
struct Waiter {
    /// Until it is notified.
    waker: Option<Waker>,
    /// Whether it may stay here when nobody polls it any more, so that its notification may be lost.
    is_unsure: bool,
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
        let known = waiting.and_then(|ticket| self.all.get(ticket)?.waker.as_ref());
        known.is_some_and(|known| known.will_wake(waker))
    }

    /// Sleeps with this waker, behind all who came before: at the end, unless it was woken in vain.
    pub(super) fn sleep<I: Item>(
        &mut self,
        waiting: &mut Waiting,
        waker: Waker,
        is_unsure: bool,
        fx: &mut Effects<I>,
    ) {
        let known = waiting.and_then(|ticket| Some((ticket, self.all.get_mut(ticket)?)));
        let Some((ticket, waiter)) = known else {
            let waker = Some(waker);
            let ticket = self.all.insert(Waiter { waker, is_unsure });
            self.all.push_back(&mut self.asleep, ticket);
            *waiting = Some(ticket);
            return;
        };
        waiter.is_unsure = is_unsure;
        match waiter.waker.replace(waker) {
            Some(old) => fx.drop_waker(old),
            None => {
                let mut behind = self.all.first(&self.asleep);
                while let Some(other) = behind.filter(|other| other.is_older_than(ticket)) {
                    behind = self.all.next(other);
                }
                self.all.insert_before(&mut self.asleep, behind, ticket);
            }
        }
    }

    #[inline]
    pub(super) fn is_anybody_asleep(&self) -> bool {
        !self.asleep.is_empty()
    }

    /// Wakes so many sleepers, the one that sleeps longest first. Those who may have been left alone are woken on the
    /// way, and not counted.
    pub(super) fn notify<I: Item>(&mut self, count: usize, fx: &mut Effects<I>) {
        let mut left = count;
        while left > 0 {
            let Some(ticket) = self.all.pop_front(&mut self.asleep) else {
                return;
            };
            let Some(waiter) = self.all.get_mut(ticket) else {
                continue;
            };
            left -= usize::from(!waiter.is_unsure);
            if let Some(waker) = waiter.waker.take() {
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
        if self
            .all
            .get(ticket)
            .is_some_and(|waiter| waiter.waker.is_some())
        {
            self.all.unlink(&mut self.asleep, ticket);
        }
        match self.all.remove(ticket).map(|waiter| waiter.waker) {
            Some(Some(waker)) => {
                fx.drop_waker(waker);
                false
            }
            Some(None) => true,
            None => false,
        }
    }
}
