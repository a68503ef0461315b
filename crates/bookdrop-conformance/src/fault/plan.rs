//! Which fault is planted in a run, and what it has to remember.

use std::any::Any;
use std::cell::Cell;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bookdrop::{Driver, Event};

use super::Fault;
use crate::{Book, Condition};

/// The fault of a run, if any. Clones share what it remembers.
#[derive(Clone, Default)]
pub struct Plan(Arc<Inner>);

#[derive(Default)]
struct Inner {
    fault: Option<Fault>,
    fired: AtomicU64,
    poisoned: AtomicBool,
    memory: Mutex<Memory>,
    /// Whether this process plays a part for another.
    elsewhere: bool,
}

/// What a broken driver remembers in order to be broken.
#[derive(Default)]
pub(crate) struct Memory {
    /// An event that the next one overtakes.
    pub(crate) overtaken: Option<Event<Book>>,
    /// The first driver that was made.
    pub(crate) first_driver: Option<Driver<Book, Condition>>,
    /// The answer before.
    pub(crate) last_answer: Option<Condition>,
    /// An answer that waits for the next request.
    pub(crate) stale_answer: Option<Condition>,
    /// Deliveries whose answers are exchanged with the next.
    pub(crate) unanswered: Option<(bookdrop::Delivery<Book, Condition>, Condition)>,
    /// The highest number that was acked.
    pub(crate) acked_up_to: Option<u64>,
    /// What is never dropped before the end.
    pub(crate) attic: Vec<Box<dyn Any + Send>>,
    /// How far each figure of the stats is off.
    pub(crate) lies: HashMap<Lie, usize>,
    /// How many deliveries are in hand.
    pub(crate) in_hand: usize,
    /// Ids of events that were refused.
    pub(crate) refused_ids: Vec<String>,
    /// How many times a driver was closed.
    pub(crate) closes: usize,
    /// How many times a driver was opened again.
    pub(crate) restarts: usize,
    /// How many processes that had its queue were killed.
    pub(crate) kills: usize,
    /// What comes back by mistake when a driver is opened again.
    pub(crate) revenant: Option<Event<Book>>,
    /// Whether there is anything to forget at the next restart.
    pub(crate) may_forget: bool,
}

/// A figure of the stats that a broken driver gets wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lie {
    WaitingRequests,
    Acked,
}

impl Plan {
    /// The driver as it is.
    pub fn sound() -> Self {
        Self::default()
    }

    /// The driver with this fault.
    pub fn broken(fault: Fault) -> Self {
        Self(Arc::new(Inner {
            fault: Some(fault),
            ..Inner::default()
        }))
    }

    /// The driver with this fault, in a process that plays a part for another.
    pub(crate) fn broken_elsewhere(fault: Fault) -> Self {
        Self(Arc::new(Inner {
            fault: Some(fault),
            elsewhere: true,
            ..Inner::default()
        }))
    }

    /// The fault, if any.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.0.fault
    }

    /// Whether there is no fault.
    pub(crate) fn is_sound(&self) -> bool {
        self.0.fault.is_none()
    }

    /// How many times the fault came into effect.
    pub fn fired(&self) -> u64 {
        self.0.fired.load(Ordering::SeqCst)
    }

    /// Whether this is the fault, without any effect yet.
    pub(crate) fn is(&self, fault: Fault) -> bool {
        self.0.fault == Some(fault)
    }

    /// Whether this is the fault; it comes into effect now.
    pub(crate) fn fires(&self, fault: Fault) -> bool {
        let fires = self.is(fault);
        if fires {
            self.0.fired.fetch_add(1, Ordering::SeqCst);
        }
        fires
    }

    /// As [`fires`](Plan::fires), but only each `n`th time.
    pub(crate) fn fires_every(&self, n: u64, fault: Fault) -> bool {
        self.is(fault) && (self.0.fired.fetch_add(1, Ordering::SeqCst) + 1).is_multiple_of(n)
    }

    /// As [`fires_every`](Plan::fires_every), but only in a process that plays a part for another.
    pub(crate) fn fires_elsewhere_every(&self, n: u64, fault: Fault) -> bool {
        self.0.elsewhere && self.fires_every(n, fault)
    }

    /// The fault came into effect in another process.
    pub(crate) fn fired_elsewhere(&self) {
        self.0.fired.fetch_add(1, Ordering::SeqCst);
    }

    /// What the broken driver remembers.
    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a figure of the stats wrong by one more.
    pub(crate) fn lie(&self, figure: Lie) {
        *self.memory().lies.entry(figure).or_default() += 1;
    }

    /// Keeps something until the run is over.
    pub(crate) fn keep(&self, thing: impl Any + Send) {
        self.memory().attic.push(Box::new(thing));
    }

    /// Polls an operation of the driver, as the broken driver would.
    pub(crate) fn poll<F: Future>(
        &self,
        operation: Pin<&mut F>,
        cx: &mut Context<'_>,
    ) -> Poll<F::Output> {
        match self.0.fault {
            Some(Fault::WakesNobody) => {
                let polled = operation.poll(&mut Context::from_waker(Waker::noop()));
                if polled.is_pending() {
                    self.fires(Fault::WakesNobody);
                }
                polled
            }
            Some(Fault::RunsForeignCodeLocked) => self.poll_locked(operation, cx),
            Some(Fault::PanicPoisons) => self.poll_poisonable(operation, cx),
            _ => operation.poll(cx),
        }
    }

    /// The driver's lock is held while it is polled, so foreign code in there that comes back never gets in.
    fn poll_locked<F: Future>(
        &self,
        operation: Pin<&mut F>,
        cx: &mut Context<'_>,
    ) -> Poll<F::Output> {
        thread_local!(static LOCKED: Cell<bool> = const { Cell::new(false) });
        struct Unlock;
        impl Drop for Unlock {
            fn drop(&mut self) {
                LOCKED.set(false);
            }
        }
        if LOCKED.replace(true) {
            self.fires(Fault::RunsForeignCodeLocked);
            return Poll::Pending;
        }
        let _unlock = Unlock;
        operation.poll(cx)
    }

    fn poll_poisonable<F: Future>(
        &self,
        operation: Pin<&mut F>,
        cx: &mut Context<'_>,
    ) -> Poll<F::Output> {
        struct Poison<'a>(&'a Plan);
        impl Drop for Poison<'_> {
            fn drop(&mut self) {
                if std::thread::panicking() {
                    self.0.0.poisoned.store(true, Ordering::SeqCst);
                }
            }
        }
        if self.0.poisoned.load(Ordering::SeqCst) {
            self.fires(Fault::PanicPoisons);
            return Poll::Pending;
        }
        let _poison = Poison(self);
        operation.poll(cx)
    }
}
