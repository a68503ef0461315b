//! What has to happen once the lock is free again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use crate::item::{Cause, Item};

/// Calls into foreign code (wakers, drops, requesters) that a change under the lock asked for.
///
/// Invariant: no waker and nothing of the user's is woken, cloned or dropped while a lock of ours is held. Whoever
/// changes the queue collects here what is to be called, frees the lock, and then calls [`run`](Effects::run).
pub(crate) struct Effects<I: Item> {
    /// Most changes wake nobody or one.
    wake: Option<Waker>,
    others: Option<Box<Others<I>>>,
}

/// What only some changes ask for.
struct Others<I: Item> {
    wake: Vec<Waker>,
    drop_wakers: Vec<Waker>,
    discarded: Vec<(I, Cause, u32)>,
    told: Vec<(I::Requester, Cause)>,
}

impl<I: Item> Effects<I> {
    pub(crate) fn none() -> Self {
        Effects {
            wake: None,
            others: None,
        }
    }

    pub(crate) fn wake(&mut self, waker: Waker) {
        match self.wake {
            None => self.wake = Some(waker),
            Some(_) => self.others().wake.push(waker),
        }
    }

    pub(crate) fn drop_waker(&mut self, waker: Waker) {
        self.others().drop_wakers.push(waker);
    }

    /// Lets go of an item that was handed over so many times.
    pub(crate) fn discard(&mut self, item: I, cause: Cause, deliveries: u32) {
        self.others().discarded.push((item, cause, deliveries));
    }

    pub(crate) fn tell(&mut self, requester: I::Requester, cause: Cause) {
        self.others().told.push((requester, cause));
    }

    fn others(&mut self) -> &mut Others<I> {
        self.others.get_or_insert_with(|| {
            Box::new(Others {
                wake: Vec::new(),
                drop_wakers: Vec::new(),
                discarded: Vec::new(),
                told: Vec::new(),
            })
        })
    }

    /// Calls everything, each by [`call`].
    pub(crate) fn run(self) {
        if let Some(waker) = self.wake {
            call(|| waker.wake());
        }
        let Some(others) = self.others else { return };
        others
            .wake
            .into_iter()
            .for_each(|waker| call(|| waker.wake()));
        for (requester, cause) in others.told {
            call(|| I::told(requester, cause));
        }
        for (item, cause, deliveries) in others.discarded {
            call(|| item.discarded(cause, deliveries));
        }
        others
            .drop_wakers
            .into_iter()
            .for_each(|waker| call(|| drop(waker)));
    }
}

/// Calls foreign code on behalf of somebody else. Its panic ends here, reported by the panic hook: it is no fault of
/// whoever happens to be calling, and what is left to do for others must be done.
pub(crate) fn call(foreign: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(foreign)) {
        // Its own drop might panic.
        std::mem::forget(panic);
    }
}
