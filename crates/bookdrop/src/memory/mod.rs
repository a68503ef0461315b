//! The driver within one process: a [`Queue`] of events as they are.

mod outcome;
mod stats;
mod stored;

use std::panic::RefUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bookdrop_queue::park::Patience;
use bookdrop_queue::{Limits, OnFull, Queue};

pub(crate) use outcome::{Outcome, unanswered};
pub(crate) use stats::{capabilities, stats};
pub(crate) use stored::{Stored, copy};

/// What all handles of one driver share.
pub(crate) struct Memory<T, R> {
    pub(crate) queue: Arc<Queue<Stored<T, R>>>,
    /// Of the plain threads that wait.
    pub(crate) patience: Patience,
    /// How many producers there are.
    pub(crate) producers: AtomicUsize,
}

// No panic of foreign code leaves it half changed: such code runs when no lock is held, and is caught.
impl<T, R> RefUnwindSafe for Memory<T, R> {}

impl<T, R> Memory<T, R> {
    pub(crate) fn new(limits: Limits, on_full: OnFull, patience: Patience) -> Arc<Self>
    where
        T: Send + 'static,
        R: Send + 'static,
    {
        let seed = uuid::Uuid::now_v7().as_u64_pair().1;
        let queue = Queue::new(limits, on_full, seed);
        Arc::new(Memory {
            queue,
            patience,
            producers: AtomicUsize::new(0),
        })
    }

    /// Whether senders have nobody to be fair to.
    pub(crate) fn has_one_producer(&self) -> bool {
        self.producers.load(Ordering::Relaxed) == 1
    }
}
