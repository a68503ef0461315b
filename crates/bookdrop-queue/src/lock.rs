//! The lock around a queue's state: one atomic step to take it, a plain store to free it.
//!
//! A mutex of the standard library takes two atomic steps, since who frees it has to ask whether somebody sleeps. Here
//! nobody sleeps for long: what is done under this lock is short and never calls foreign code, so whoever finds it taken
//! spins a little, then yields the processor, and only then naps, so that a holder that lost its processor gets it
//! back whatever the priorities are.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use crate::sync::{AtomicBool, Ordering, hint, thread};

/// The longest pause between two looks at a taken lock, in steps of the processor's own pause; it doubles up to that.
///
/// The longer one looks away, the more the other core gets done with the cache lines that it has at hand.
const LONGEST_PAUSE: u32 = if cfg!(loom) { 1 } else { 64 };
/// Times the processor is yielded before the first nap.
const YIELDS: u32 = if cfg!(loom) { 1 } else { 32 };
/// How long a nap lasts. Only a holder that was stopped in the middle makes anybody wait that long.
const NAP: Duration = Duration::from_micros(50);

/// A value that one thread at a time can change.
///
/// It begins a cache line of its own, so that threads that fight for it slow down nobody else.
#[repr(C, align(128))]
pub(crate) struct Lock<T> {
    is_taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through a `Guard` alone, and there is at most one at a time: so sharing the lock hands
// the value from thread to thread, which `T: Send` allows.
unsafe impl<T: Send> Sync for Lock<T> {}

/// The right to the value, until it is dropped.
pub(crate) struct Guard<'a, T> {
    lock: &'a Lock<T>,
    /// Two threads must not share a guard unless they may share the value; nobody needs either.
    not_shared: PhantomData<*mut T>,
}

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Lock {
            is_taken: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }
    }

    #[inline]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.lock_noting().0
    }

    /// Locks, and says whether somebody else had it.
    #[inline]
    pub(crate) fn lock_noting(&self) -> (Guard<'_, T>, bool) {
        let was_taken = !self.try_take();
        if was_taken {
            self.wait_for_it();
        }
        let guard = Guard {
            lock: self,
            not_shared: PhantomData,
        };
        (guard, was_taken)
    }

    #[inline]
    fn try_take(&self) -> bool {
        // Acquire: what the former holder did is seen; it pairs with the store in `drop`.
        self.is_taken
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    #[cold]
    fn wait_for_it(&self) {
        let mut rounds = 0;
        loop {
            let mut pause = 1;
            while pause <= LONGEST_PAUSE {
                (0..pause).for_each(|_| hint::spin_loop());
                // Reads only, so that the holder need not fight for the cache line.
                if !self.is_taken.load(Ordering::Relaxed) && self.try_take() {
                    return;
                }
                pause *= 2;
            }
            match rounds {
                0..YIELDS => thread::yield_now(),
                _ => nap(),
            }
            rounds += 1;
        }
    }
}

#[cfg(not(any(loom, shuttle)))]
fn nap() {
    thread::sleep(NAP);
}

/// Time does not pass in a model.
#[cfg(any(loom, shuttle))]
fn nap() {
    let _ = NAP;
    thread::yield_now();
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard is the only one, and it cannot be changed through while the reference lives.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard is the only one, and it is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // Release: the next holder sees what was done.
        self.lock.is_taken.store(false, Ordering::Release);
    }
}

/// The lock, for its model.
#[cfg(loom)]
pub struct LockForModel<T>(Lock<T>);

#[cfg(loom)]
impl<T> LockForModel<T> {
    /// A lock that is free.
    pub fn new(value: T) -> Self {
        LockForModel(Lock::new(value))
    }

    /// Changes the value, by one thread at a time.
    pub fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        change(&mut self.0.lock())
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn one_thread_at_a_time_has_the_value() {
        let lock = Lock::new([0_u64; 2]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        let mut both = lock.lock();
                        let [a, b] = *both;
                        assert_eq!(a, b, "a half-done change was seen");
                        *both = [a + 1, b + 1];
                    }
                });
            }
        });
        assert_eq!(*lock.lock(), [80_000; 2]);
    }

    #[test]
    fn a_panic_frees_it() {
        let lock = Lock::new(0);
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            *lock.lock() = 1;
            let _held = lock.lock();
            panic!("on purpose");
        }));
        assert!(panic.is_err());
        assert_eq!(*lock.lock(), 1);
    }

    /// So long that whoever waits has yielded often enough, and naps.
    #[test]
    fn who_waits_for_long_gets_it_in_the_end() {
        let lock = Lock::new(0);
        std::thread::scope(|scope| {
            let mut held = lock.lock();
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut value = lock.lock();
                    assert!(*value > 0, "it was not free before");
                    *value += 1;
                });
            }
            thread::sleep(Duration::from_millis(50));
            *held = 1;
        });
        assert_eq!(*lock.lock(), 4);
    }
}
