//! What has to happen once the lock is free again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use crate::item::{Cause, Item};
use crate::machine::{CallId, ToWake};
use crate::note::{Note, note};

/// Calls into foreign code (wakers, drops) that a change under the lock asked for.
///
/// Invariant: no waker and nothing of the user's is woken, cloned or dropped while a lock of ours is held. Whoever
/// changes the queue collects here what is to be called, frees the lock, and then calls [`run`](Effects::run).
pub(crate) struct Effects<I: Item> {
    /// Most changes wake nobody or one.
    wake: Option<Waker>,
    drop_waker: Option<Waker>,
    others: Option<Box<Others<I>>>,
}

/// What only some changes ask for.
struct Others<I: Item> {
    wake: Vec<Waker>,
    drop_wakers: Vec<Waker>,
    discarded: Vec<(I, Cause, u32)>,
    told: Vec<(CallId, Cause)>,
}

impl<I: Item> Effects<I> {
    #[inline]
    pub(crate) fn none() -> Self {
        Effects {
            wake: None,
            drop_waker: None,
            others: None,
        }
    }

    #[inline]
    pub(crate) fn wake(&mut self, waker: Waker) {
        match self.wake {
            None => self.wake = Some(waker),
            Some(_) => self.others().wake.push(waker),
        }
    }

    #[inline]
    pub(crate) fn drop_waker(&mut self, waker: Waker) {
        match self.drop_waker {
            None => self.drop_waker = Some(waker),
            Some(_) => self.others().drop_wakers.push(waker),
        }
    }

    /// The wakers of a call that was answered.
    #[inline]
    pub(crate) fn wake_all(&mut self, wakers: ToWake) {
        if let Some(requester) = wakers.requester {
            self.wake(requester);
        }
        if !wakers.workers.is_empty() {
            self.others()
                .wake
                .extend(wakers.workers.into_iter().map(|(_, waker)| waker));
        }
    }

    /// Lets go of an item that was handed over so many times.
    pub(crate) fn discard(&mut self, mut item: I, cause: Cause, deliveries: u32) {
        note(&mut item, Note::Gone);
        self.others().discarded.push((item, cause, deliveries));
    }

    /// Tells a requester why it gets no answer.
    pub(crate) fn tell(&mut self, call: CallId, cause: Cause) {
        self.others().told.push((call, cause));
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

    /// Calls everything, each by [`call`]; `answer` is what requesters are told with.
    #[inline]
    pub(crate) fn run(self, answer: impl FnMut(CallId, I::Answer)) {
        if let Some(waker) = self.wake {
            call(|| waker.wake());
        }
        if let Some(waker) = self.drop_waker {
            call(|| drop(waker));
        }
        if let Some(others) = self.others {
            others.run(answer);
        }
    }
}

impl<I: Item> Others<I> {
    #[cold]
    fn run(self, mut answer: impl FnMut(CallId, I::Answer)) {
        for waker in self.wake {
            call(|| waker.wake());
        }
        for (id, cause) in self.told {
            call(|| answer(id, I::told(cause)));
        }
        for (item, cause, deliveries) in self.discarded {
            call(|| {
                let id = item.call();
                item.discarded(cause, deliveries, |why| {
                    if let Some(id) = id {
                        answer(id, why);
                    }
                });
            });
        }
        for waker in self.drop_wakers {
            call(|| drop(waker));
        }
    }
}

/// Calls foreign code on behalf of somebody else. Its panic ends here, reported by the panic hook: it is no fault of
/// whoever happens to be calling, and what is left to do for others must be done.
#[inline]
pub(crate) fn call(foreign: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(foreign)) {
        // Its own drop might panic.
        std::mem::forget(panic);
    }
}
