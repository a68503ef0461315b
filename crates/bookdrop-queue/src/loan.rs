//! Lending: a value that its owner lends out for nothing, and that comes back with one atomic step.
//!
//! A consumer lends its seat to each delivery. With an `Arc` that would cost an atomic step to take, one to give back, and
//! one more to count what is in hand. Here taking is counted by the lender alone, in plain memory, and giving back counts
//! for both: the [`Tally`] says how many loans came back, and whether the value is still needed.

use std::ops::Deref;
use std::ptr::NonNull;

use crate::sync::{Arc, AtomicI64, Ordering, fence};

/// Set in a tally's word when each return has to be told to the queue.
const WATCHED: i64 = 1;
/// Set in a tally's word when the lender has gone.
const LENDER_GONE: i64 = 2;
/// The balance begins above these bits.
const FLAG_BITS: u32 = 2;
/// What one loan counts in a tally's word.
const LOAN: i64 = 1 << FLAG_BITS;

/// How many loans of one lender came back.
///
/// Above its lowest bits the word is a balance. Each return takes one off; the lender, when it goes, adds as many as it
/// ever lent. So the balance is below zero or zero as long as there is a lender, and afterwards it is the number of loans
/// that are still out.
///
/// Invariant: a tally has one lender. A seat has one tally, and is given away for its lender.
///
/// Invariant: the balance comes to zero after a return, or with the lender's leave, exactly once: then nobody is left,
/// and the value goes.
pub(crate) struct Tally {
    word: AtomicI64,
    /// How many loans there ever were. Only the lender writes it.
    lent: AtomicI64,
}

/// The owner, who lends.
pub struct Lender<V> {
    shared: NonNull<Shared<V>>,
}

/// The right to lend, for a while; see [`Lender::split`].
pub struct Lending<'a, V>(&'a mut Lender<V>);

/// A loan: reads the value, and keeps it alive.
#[must_use = "a loan that is dropped came back"]
pub struct Loan<V> {
    shared: NonNull<Shared<V>>,
}

struct Shared<V> {
    tally: Arc<Tally>,
    value: V,
}

impl Tally {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Tally {
            word: AtomicI64::new(0),
            lent: AtomicI64::new(0),
        })
    }

    /// How many loans came back.
    pub(crate) fn returned(&self) -> u64 {
        let word = self.word.load(Ordering::Acquire);
        let returned = match word & LENDER_GONE {
            0 => -balance(word),
            // The lender has written its last.
            _ => self.lent.load(Ordering::Relaxed) - balance(word),
        };
        returned.unsigned_abs()
    }

    /// Whether the lender has gone, and every loan has come back.
    pub(crate) fn is_settled(&self) -> bool {
        let word = self.word.load(Ordering::Acquire);
        word & LENDER_GONE != 0 && balance(word) == 0
    }

    /// From now on [`Loan::give_back`] refuses.
    pub(crate) fn watch(&self) {
        self.word.fetch_or(WATCHED, Ordering::AcqRel);
    }
}

impl<V> Lender<V> {
    /// Lends a value that belongs to no queue: nobody counts what comes back.
    pub fn alone(value: V) -> Self {
        Lender::new(value, Tally::new())
    }

    pub(crate) fn new(value: V, tally: Arc<Tally>) -> Self {
        let shared = Box::new(Shared { tally, value });
        Lender {
            shared: NonNull::from(Box::leak(shared)),
        }
    }

    /// The value, and the right to lend it while it is looked at.
    #[inline]
    pub fn split(&mut self) -> (&V, Lending<'_, V>) {
        let shared = self.shared;
        // SAFETY: as in `deref`: the lender is borrowed for as long as the value is.
        (unsafe { &shared.as_ref().value }, Lending(self))
    }
}

impl<V> Lending<'_, V> {
    /// Lends the value once more.
    #[inline]
    pub fn lend(&mut self) -> Loan<V> {
        let shared = self.0.shared;
        // SAFETY: as in `deref`.
        let lent = unsafe { &shared.as_ref().tally.lent };
        // Nobody else writes it. It cannot overflow: that takes a thousand million loans a second for seventy years.
        lent.store(lent.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        Loan { shared }
    }
}

impl<V> Loan<V> {
    /// Gives the loan back without a word to anybody, unless somebody wants to be told.
    #[inline(always)]
    pub fn give_back(self) -> Result<(), Self> {
        // SAFETY: as in `deref`. The reference is not used after the step that gives the loan back.
        let tally = unsafe { &self.shared.as_ref().tally.word };
        let mut word = tally.load(Ordering::Relaxed);
        while word & WATCHED == 0 {
            // Release: whoever frees the value, or counts the return, sees what was done with it.
            let step = tally.compare_exchange_weak(
                word,
                word - LOAN,
                Ordering::Release,
                Ordering::Relaxed,
            );
            match step {
                Err(found) => word = found,
                Ok(_) => {
                    let shared = self.shared;
                    std::mem::forget(self);
                    // SAFETY: this loan has been taken off.
                    unsafe { free_at_zero(shared, word - LOAN) };
                    return Ok(());
                }
            }
        }
        Err(self)
    }
}

impl<V> Drop for Loan<V> {
    fn drop(&mut self) {
        // SAFETY: as in `deref`.
        let tally = unsafe { &self.shared.as_ref().tally.word };
        let word = tally.fetch_sub(LOAN, Ordering::Release) - LOAN;
        // SAFETY: this loan has been taken off.
        unsafe { free_at_zero(self.shared, word) };
    }
}

impl<V> Drop for Lender<V> {
    fn drop(&mut self) {
        // SAFETY: as in `deref`.
        let tally = unsafe { &self.shared.as_ref().tally };
        let step = tally.lent.load(Ordering::Relaxed) * LOAN + LENDER_GONE;
        let word = tally.word.fetch_add(step, Ordering::Release) + step;
        // SAFETY: the lender has made up its balance.
        unsafe { free_at_zero(self.shared, word) };
    }
}

/// The flags are added on top of the balance, so rounding down takes them off, also below zero.
#[inline]
fn balance(word: i64) -> i64 {
    word >> FLAG_BITS
}

/// Frees the value if the word that somebody's last step left says that nobody is left.
///
/// # Safety
/// The caller has just made the step by which it gives its right to the value up.
#[inline]
unsafe fn free_at_zero<V>(shared: NonNull<Shared<V>>, word: i64) {
    if balance(word) == 0 {
        // Acquire: everybody else's last use happened before.
        fence(Ordering::Acquire);
        // SAFETY: by the tally's invariants (one lender, and zero once) this happens once, when neither the lender nor a loan is left, and the
        // pointer came from a box.
        drop(unsafe { Box::from_raw(shared.as_ptr()) });
    }
}

impl<V> Deref for Lender<V> {
    type Target = V;

    #[inline]
    fn deref(&self) -> &V {
        // SAFETY: the value is freed only after the lender's last step, and never changed.
        unsafe { &self.shared.as_ref().value }
    }
}

impl<V> Deref for Loan<V> {
    type Target = V;

    #[inline]
    fn deref(&self) -> &V {
        // SAFETY: the value is freed only after this loan's last step, and never changed.
        unsafe { &self.shared.as_ref().value }
    }
}

// SAFETY: like an `Arc`, both give `&V` to whatever thread they are on, and the last one drops `V` there.
unsafe impl<V: Send + Sync> Send for Lender<V> {}
// SAFETY: as above; a shared lender can only be read.
unsafe impl<V: Send + Sync> Sync for Lender<V> {}
// SAFETY: as for the lender.
unsafe impl<V: Send + Sync> Send for Loan<V> {}
// SAFETY: as for the lender.
unsafe impl<V: Send + Sync> Sync for Loan<V> {}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
