//! The switch between the standard library, loom and shuttle.
//!
//! Every lock, atomic and thread of this crate comes from here, so that `--cfg loom` or
//! `--cfg shuttle` puts the models in `tests/` in charge of all of them and nothing can slip past
//! the checker.
//!
//! [`Arc`] is the standard one in every world. `Waker::from(Arc<W>)` and `Weak<dyn Alarm>` need it
//! (loom's has neither), and what loom's would add is a look for leaks and for a wrong order in
//! the count itself. The one count that is ours, that of loans (`loan.rs`), is made of atomics from
//! here and has models of its own.
//!
//! Time does not pass in a model: [`crate::clock::now`] stands still there, and a park with a limit
//! waits without one. A deadline has therefore either passed from the start or never comes, which
//! keeps every run of a model the same.

#[cfg(not(any(loom, shuttle)))]
pub(crate) use std::{
    hint,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicUsize, Ordering, fence},
    },
    thread, thread_local,
};

#[cfg(loom)]
pub(crate) use loom::{
    hint, lazy_static,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicUsize, Ordering, fence},
    },
    thread_local,
};

#[cfg(shuttle)]
pub(crate) use shuttle::{
    hint, lazy_static,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicUsize, Ordering, fence},
    },
    thread, thread_local,
};

pub(crate) use std::sync::Arc;

#[cfg(loom)]
use loom::sync::MutexGuard;
#[cfg(shuttle)]
use shuttle::sync::MutexGuard;
#[cfg(not(any(loom, shuttle)))]
use std::sync::MutexGuard;
use std::{sync::PoisonError, time::Duration};

/// Locks, and takes no notice of poison.
///
/// No foreign code ever runs under a lock of this crate: wakers, alarms and destructors of messages
/// are called after the guard is gone. A panic under a lock can only be a bug of this crate, and it
/// has been reported as a panic where it happened; refusing every later call as well would turn it
/// into a failure of the whole process.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(not(any(loom, shuttle)))]
pub(crate) use crate::lock::{Guard, Lock};

#[cfg(loom)]
pub(crate) use loom::sync::MutexGuard as Guard;
#[cfg(shuttle)]
pub(crate) use shuttle::sync::MutexGuard as Guard;

/// In a model the state's lock is one that the checker knows: our own has a model to itself.
#[cfg(any(loom, shuttle))]
pub(crate) struct Lock<T>(Mutex<T>);

#[cfg(any(loom, shuttle))]
impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Lock(Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        lock(&self.0)
    }

    /// In a model somebody else always had it, so that what follows from that is looked at, too.
    pub(crate) fn lock_noting(&self) -> (MutexGuard<'_, T>, bool) {
        (self.lock(), true)
    }
}

/// Parks the thread until it is unparked or `limit` has gone by, or for no reason at all.
#[cfg(not(any(loom, shuttle)))]
pub(crate) fn park_timeout(limit: Duration) {
    thread::park_timeout(limit);
}

/// Parks the thread until it is unparked: time does not pass in a model.
#[cfg(any(loom, shuttle))]
pub(crate) fn park_timeout(_limit: Duration) {
    thread::park();
}

/// The thread of a model, with a park of our own.
///
/// Loom's `unpark` wakes the thread from whatever it is blocked in, also from a lock or a `join`, and
/// the unpark is then gone. This one is the token that the standard library describes.
#[cfg(loom)]
pub(crate) mod thread {
    use std::sync::Arc;

    use loom::sync::{Condvar, Mutex};
    pub(crate) use loom::thread::yield_now;

    use super::lock;

    /// A handle to a thread, to unpark it by.
    #[derive(Clone)]
    pub(crate) struct Thread(Arc<Token>);

    struct Token {
        given: Mutex<bool>,
        changed: Condvar,
    }

    loom::thread_local! {
        static CURRENT: Thread =
            Thread(Arc::new(Token { given: Mutex::new(false), changed: Condvar::new() }));
    }

    /// The calling thread.
    pub(crate) fn current() -> Thread {
        CURRENT.with(Thread::clone)
    }

    /// Waits for the calling thread's token, and takes it.
    pub(crate) fn park() {
        let Thread(token) = current();
        let mut given = lock(&token.given);
        while !*given {
            given = token.changed.wait(given).unwrap();
        }
        *given = false;
    }

    impl Thread {
        /// Gives the thread its token.
        pub(crate) fn unpark(&self) {
            *lock(&self.0.given) = true;
            self.0.changed.notify_one();
        }
    }
}
