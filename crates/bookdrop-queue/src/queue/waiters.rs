//! Those who wait for something to become theirs, woken in the order in which they came.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
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
    /// Those who sleep for the first time, in the order in which they came.
    newcomers: List,
    /// Those who were woken in vain and sleep again, the oldest on top: a heap, since they may come back in any order. The
    /// ticket of one that leaves stays, and is passed over when its turn comes.
    ///
    /// Invariant: they came before all newcomers, since these are woken from the first on. And no newcomer is woken
    /// while there is any ticket here, so there are never more tickets than there were waiters at one time.
    returned: BinaryHeap<Reverse<Ticket>>,
    /// How many sleep, of both.
    asleep: usize,
}

#[derive(Debug)]
struct Waiter {
    /// Until it is notified.
    waker: Option<Waker>,
    /// Whether it may stay here when nobody polls it any more, so that its notification may be lost.
    is_unsure: bool,
    /// Until it is notified for the first time: it is linked among the newcomers.
    is_newcomer: bool,
}

impl Waiters {
    pub(super) fn new() -> Self {
        Waiters {
            all: Slab::new(),
            newcomers: List::default(),
            returned: BinaryHeap::new(),
            asleep: 0,
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

    /// Sleeps with this waker, behind all who came before: behind everybody, unless it was woken in vain.
    pub(super) fn sleep<I: Item>(
        &mut self,
        waiting: &mut Waiting,
        waker: Waker,
        is_unsure: bool,
        fx: &mut Effects<I>,
    ) {
        let known = waiting.and_then(|ticket| Some((ticket, self.all.get_mut(ticket)?)));
        let Some((ticket, waiter)) = known else {
            let ticket = self.all.insert(Waiter {
                waker: Some(waker),
                is_unsure,
                is_newcomer: true,
            });
            self.all.push_back(&mut self.newcomers, ticket);
            self.asleep += 1;
            *waiting = Some(ticket);
            return;
        };
        waiter.is_unsure = is_unsure;
        match waiter.waker.replace(waker) {
            Some(old) => fx.drop_waker(old),
            None => {
                self.returned.push(Reverse(ticket));
                self.asleep += 1;
            }
        }
    }

    #[inline]
    pub(super) fn is_anybody_asleep(&self) -> bool {
        self.asleep > 0
    }

    /// Wakes so many sleepers, the one that sleeps longest first. Those who may have been left alone are woken on the
    /// way, and not counted.
    pub(super) fn notify<I: Item>(&mut self, count: usize, fx: &mut Effects<I>) {
        let mut left = count;
        while left > 0
            && let Some(waiter) = self.pop_oldest()
        {
            left -= usize::from(!waiter.is_unsure);
            if let Some(waker) = waiter.waker.take() {
                fx.wake(waker);
            }
        }
    }

    /// The one that sleeps longest; it sleeps no more.
    #[inline]
    fn pop_oldest(&mut self) -> Option<&mut Waiter> {
        self.asleep = self.asleep.checked_sub(1)?;
        while let Some(Reverse(ticket)) = self.returned.pop() {
            // Else it has left since. (Looked up twice, since a borrow that may be returned lasts to the end.)
            if self.all.get(ticket).is_some() {
                return self.all.get_mut(ticket);
            }
        }
        let first = self.all.pop_front(&mut self.newcomers)?;
        let waiter = self.all.get_mut(first)?;
        waiter.is_newcomer = false;
        Some(waiter)
    }

    pub(super) fn notify_all<I: Item>(&mut self, fx: &mut Effects<I>) {
        self.notify(self.asleep, fx);
    }

    /// Waits no more. Returns whether it had been notified: unless it found what it waited for, somebody else must be.
    #[must_use]
    pub(super) fn leave<I: Item>(&mut self, waiting: &mut Waiting, fx: &mut Effects<I>) -> bool {
        let Some(ticket) = waiting.take() else {
            return false;
        };
        let known = self.all.get(ticket);
        if known.is_some_and(|waiter| waiter.is_newcomer) {
            self.all.unlink(&mut self.newcomers, ticket);
        }
        match self.all.remove(ticket).map(|waiter| waiter.waker) {
            Some(Some(waker)) => {
                self.asleep -= 1;
                if self.asleep == 0 {
                    // So that whoever wakes the next one need not pass over them.
                    self.returned.clear();
                }
                fx.drop_waker(waker);
                false
            }
            Some(None) => true,
            None => false,
        }
    }
}
