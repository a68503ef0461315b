//! What consumers of a store wait for, since no store has a call that waits.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};

/// Things that were put there and not taken yet, the oldest first.
pub(crate) struct Handoff<T> {
    there: Mutex<VecDeque<T>>,
    came: Condvar,
}

impl<T> Handoff<T> {
    pub(crate) fn new() -> Self {
        Self {
            there: Mutex::new(VecDeque::new()),
            came: Condvar::new(),
        }
    }

    pub(crate) fn put(&self, thing: T) {
        self.lock().push_back(thing);
        self.came.notify_one();
    }

    /// Waits for one.
    pub(crate) fn take(&self) -> T {
        let there = self.came.wait_while(self.lock(), |there| there.is_empty());
        let mut there = there.expect("nobody panics under this lock");
        there.pop_front().expect("it was waited for")
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.there.lock().expect("nobody panics under this lock")
    }
}

/// How many events are ready and not promised to a consumer yet.
pub(crate) struct Ready {
    count: Mutex<u64>,
    came: Condvar,
}

impl Ready {
    pub(crate) fn new(count: u64) -> Self {
        Self {
            count: Mutex::new(count),
            came: Condvar::new(),
        }
    }

    pub(crate) fn add(&self, more: u64) {
        *self.lock() += more;
        match more {
            1 => self.came.notify_one(),
            _ => self.came.notify_all(),
        }
    }

    /// Waits for one, which is then promised to the caller.
    pub(crate) fn take(&self) {
        let count = self.came.wait_while(self.lock(), |count| *count == 0);
        *count.expect("nobody panics under this lock") -= 1;
    }

    pub(crate) fn clear(&self) {
        *self.lock() = 0;
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.count.lock().expect("nobody panics under this lock")
    }
}
