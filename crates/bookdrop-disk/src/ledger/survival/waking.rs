//! Waking those who waited for a flush, without holding up the next one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::Waker;

/// Wakers are foreign code: one that panics ends neither the wait of another one nor the thread that wakes.
pub(super) fn wake_all(wakers: impl Iterator<Item = Waker>) {
    for waker in wakers {
        let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
    }
}

/// Threads that wait for a flush. To wake one is all that whoever flushed has to do: it wakes all others.
#[derive(Default)]
pub(super) struct Row {
    /// How often its threads were told that they need not wait any longer. They sleep until it changes.
    told: AtomicU32,
    /// Whether those who were told may sleep.
    sleeps: AtomicBool,
}

impl Row {
    pub(super) fn told(&self) -> u32 {
        self.told.load(Ordering::Relaxed)
    }

    /// Tells all its threads. One of them is to be woken then.
    pub(super) fn tell(&self) {
        self.told.fetch_add(1, Ordering::Relaxed);
        // Release, for the swap in `wait`: whoever wakes all others does so after they were told, and misses none that is about to
        // sleep.
        self.sleeps.store(true, Ordering::Release);
    }

    /// Sleeps until its threads were told once more than so often; may return before.
    pub(super) fn wait(&self, told: u32) {
        atomic_wait::wait(&self.told, told);
        if self.sleeps.load(Ordering::Relaxed) && self.sleeps.swap(false, Ordering::Acquire) {
            atomic_wait::wake_all(&self.told);
        }
    }

    pub(super) fn wake_one(&self) {
        if self.sleeps.load(Ordering::Relaxed) {
            atomic_wait::wake_one(&self.told);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn all_that_were_told_rise_though_one_was_woken() {
        let (row, asleep, rounds) = (Row::default(), AtomicUsize::new(0), 200);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for round in 0..rounds {
                        asleep.fetch_add(1, Ordering::Relaxed);
                        while row.told() == round {
                            row.wait(round);
                        }
                    }
                });
            }
            for round in 0..rounds as usize {
                while asleep.load(Ordering::Relaxed) < 8 * (round + 1) {
                    std::thread::yield_now();
                }
                row.tell();
                row.wake_one();
            }
        });
    }

    #[test]
    fn a_waker_that_panics_keeps_none_from_being_woken() {
        struct Panics;
        impl std::task::Wake for Panics {
            fn wake(self: std::sync::Arc<Self>) {
                panic!("on purpose");
            }
        }
        #[derive(Default)]
        struct Counts(AtomicUsize);
        impl std::task::Wake for Counts {
            fn wake(self: std::sync::Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let counts = std::sync::Arc::new(Counts::default());
        let panics = Waker::from(std::sync::Arc::new(Panics));
        wake_all([panics, Waker::from(counts.clone())].into_iter());
        assert_eq!(counts.0.load(Ordering::Relaxed), 1);
    }
}
