//! What has to happen once the lock is free again.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
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

    /// Calls everything; see [`call_all`] on panics.
    pub(crate) fn run(self) {
        let Some(others) = self.others else {
            return match self.wake {
                None => {}
                wake => call_all(wake.into_iter().map(|waker| move || waker.wake())),
            };
        };
        let mut calls = Calls::default();
        self.wake
            .into_iter()
            .chain(others.wake)
            .for_each(|waker| calls.make(|| waker.wake()));
        for (requester, cause) in others.told {
            calls.make(|| I::told(requester, cause));
        }
        for (item, cause, deliveries) in others.discarded {
            calls.make(|| item.discarded(cause, deliveries));
        }
        others
            .drop_wakers
            .into_iter()
            .for_each(|waker| calls.make(|| drop(waker)));
        calls.end();
    }
}

/// Makes every call. A panic in one does not keep the others from being made; the first one goes on to the caller,
/// unless it is unwinding already.
pub(crate) fn call_all(all: impl Iterator<Item = impl FnOnce()>) {
    let mut calls = Calls::default();
    all.for_each(|call| calls.make(call));
    calls.end();
}

#[derive(Default)]
struct Calls {
    panic: Option<Box<dyn Any + Send>>,
}

impl Calls {
    fn make(&mut self, call: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(call)) {
            self.panic.get_or_insert(panic);
        }
    }

    fn end(self) {
        if let Some(panic) = self.panic
            && !std::thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}
