//! The driver within one process: a [`Queue`] of events as they are.

mod requester;
mod stored;

use std::panic::RefUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use bookdrop_queue::timer::Alarm;
use bookdrop_queue::{Limits, OnFull, Queue};

pub(crate) use requester::{Outcome, Requester, unanswered};
pub(crate) use stored::{Stored, copy};

/// What all handles of one driver share.
pub(crate) struct Memory<T, R> {
    pub(crate) queue: Arc<Queue<Stored<T, R>>>,
    /// Requesters that wait for an outcome.
    waiting_requests: AtomicUsize,
    /// Makes an alarm of a requester. Chosen where `T` and `R` are known to be good for that, so that no other method
    /// has to ask it of them.
    alarm: fn(&Arc<Requester<T, R>>) -> Weak<dyn Alarm>,
}

// No panic of foreign code leaves it half changed: such code runs when no lock is held, and is caught.
impl<T, R> RefUnwindSafe for Memory<T, R> {}

impl<T, R> Memory<T, R> {
    pub(crate) fn new(limits: Limits, on_full: OnFull) -> Arc<Self>
    where
        T: Send + 'static,
        R: Send + 'static,
    {
        let seed = uuid::Uuid::now_v7().as_u64_pair().1;
        Arc::new(Memory {
            queue: Queue::new(limits, on_full, seed),
            waiting_requests: AtomicUsize::new(0),
            alarm: |requester| -> Weak<dyn Alarm> { Arc::<Requester<T, R>>::downgrade(requester) },
        })
    }

    /// What rings when the requester's deadline has come.
    pub(crate) fn alarm(&self, requester: &Arc<Requester<T, R>>) -> Weak<dyn Alarm> {
        (self.alarm)(requester)
    }

    pub(crate) fn waiting_requests(&self) -> usize {
        self.waiting_requests.load(Ordering::Relaxed)
    }

    pub(crate) fn begin_request(&self) {
        self.waiting_requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end_request(&self) {
        self.waiting_requests.fetch_sub(1, Ordering::Relaxed);
    }
}
