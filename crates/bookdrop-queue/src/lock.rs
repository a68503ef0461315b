//! The lock around a queue's state: one atomic step to take it, a plain store to free it.
//!
//! A mutex of the standard library takes two atomic steps, since who frees it has to ask whether somebody sleeps. Here
//! nobody sleeps for long: what is done under this lock is short and never calls foreign code, so whoever finds it taken
//! spins a little, then yields the processor, and only then naps, so that a holder that lost its processor gets it
//! back whatever the priorities are.
//!
//! Two cores that fight for it are slower together than one of them alone: each step waits for cache lines that the other
//! one has just written. So whoever finds it taken lets the other one have a run of turns before it tries again, unless
//! the lock falls quiet meanwhile.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use crate::sync::{AtomicBool, AtomicU32, Ordering, hint, thread};

/// The longest pause between two looks at a taken lock, in steps of the processor's own pause; it doubles up to that.
///
/// The longer one looks away, the more the other core gets done with the cache lines that it has at hand.
const LONGEST_PAUSE: u32 = if cfg!(loom) { 1 } else { 64 };
/// So many turns of others pass at most before one who waits tries for each chance. Fewer make more of the way between the
/// cores; more fill the queue, or empty it, so that its users have to be put to sleep and woken.
const RUN: u32 = if cfg!(loom) { 2 } else { 16 };
/// Times the processor is yielded before the first nap.
const YIELDS: u32 = if cfg!(loom) { 1 } else { 32 };
/// How long a nap lasts. Only a holder that was stopped in the middle makes anybody wait that long.
const NAP: Duration = Duration::from_micros(50);

/// Bytes of a lock that lie before its value.
#[cfg(all(test, not(any(loom, shuttle))))]
pub(crate) const BEFORE_THE_VALUE: usize = 8;

/// A value that one thread at a time can change.
///
/// It begins a cache line of its own, so that threads that fight for it slow down nobody else.
#[repr(C, align(128))]
pub(crate) struct Lock<T> {
    is_taken: AtomicBool,
    /// How often it was freed. Only its holder writes it; who waits sees by it what others do.
    turns: AtomicU32,
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
            turns: AtomicU32::new(0),
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
        if self.takes_after_a_run() {
            return;
        }
        for round in 0.. {
            match round {
                0..YIELDS => thread::yield_now(),
                _ => nap(),
            }
            if pauses().any(|()| self.takes_if_free()) {
                return;
            }
        }
    }

    /// Takes the lock when it has fallen quiet, or when others had their run, or else when it is free at the end of the pauses.
    fn takes_after_a_run(&self) -> bool {
        let first = self.turns.load(Ordering::Relaxed);
        let mut last = first;
        pauses().any(|()| {
            let turns = self.turns.load(Ordering::Relaxed);
            let is_quiet = std::mem::replace(&mut last, turns) == turns;
            let had_run = turns.wrapping_sub(first) >= RUN;
            (is_quiet || had_run) && self.takes_if_free()
        }) || self.takes_if_free()
    }

    /// Reads before it writes, so that the holder need not fight for the cache line.
    fn takes_if_free(&self) -> bool {
        !self.is_taken.load(Ordering::Relaxed) && self.try_take()
    }
}

/// Pauses that double up to the longest.
fn pauses() -> impl Iterator<Item = ()> {
    let lengths = std::iter::successors(Some(1), |pause| Some(2 * pause));
    let lengths = lengths.take_while(|pause| *pause <= LONGEST_PAUSE);
    lengths.map(|pause| (0..pause).for_each(|_| hint::spin_loop()))
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
        let turns = self.lock.turns.load(Ordering::Relaxed);
        self.lock
            .turns
            .store(turns.wrapping_add(1), Ordering::Relaxed);
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
        let turns = if cfg!(miri) { 200 } else { 20_000 };
        let lock = Lock::new([0_u64; 2]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..turns {
                        let mut both = lock.lock();
                        let [a, b] = *both;
                        assert_eq!(a, b, "a half-done change was seen");
                        *both = [a + 1, b + 1];
                    }
                });
            }
        });
        assert_eq!(*lock.lock(), [4 * turns; 2]);
    }

    /// The queue counts on it: what lies first in the value shares a cache line with the lock.
    #[test]
    fn the_value_begins_right_behind_the_lock() {
        assert_eq!(std::mem::offset_of!(Lock<u64>, value), BEFORE_THE_VALUE);
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
