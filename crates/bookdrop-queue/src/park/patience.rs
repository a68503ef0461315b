//! Looking for a wake-up for a while before the thread is parked.

use std::cell::Cell;
use std::time::{Duration, Instant};

#[cfg(not(any(loom, shuttle)))]
use crate::{
    clock,
    sync::{hint, thread},
};

/// How long a wait looks for its wake-up before the thread is really parked: 50 µs.
///
/// To be parked and woken costs about as much. So a wait costs at most twice what it would have cost had one known before.
const LOOKS_FOR: Duration = Duration::from_micros(50);

/// For so long a thread keeps the processor to itself. Then it lends it out between two looks: to whoever wants to run, and
/// that may be the very thread that is to wake it.
const ALONE: Duration = Duration::from_micros(1);

/// Pauses of the processor between two looks while the thread keeps it to itself.
const PAUSES: u32 = 8;

/// Who does not give the processor back within this time has much to do.
const LONG_LOAN: Duration = Duration::from_micros(500);

/// After so many long loans in a row the machine is taken for busy.
const LONG_LOANS: u32 = 4;

/// On a busy machine a thread parks at once, for so long: looking would take the processor from those who work, and who is
/// woken gets it sooner than who lent it out.
const BUSY: Duration = Duration::from_millis(100);

/// How long a thread looks before it parks: it learns from what became of the processor when it lent it out.
#[derive(Default)]
pub(super) struct Patience {
    long_loans: Cell<u32>,
    is_busy_until: Cell<Option<Instant>>,
}

impl Patience {
    /// Looks whether it `is_woken`, up to `until` at most.
    #[cfg(not(any(loom, shuttle)))]
    pub(super) fn look(&self, until: Option<Instant>, is_woken: impl Fn() -> bool) {
        let begun = clock::now();
        if self.is_busy(begun) {
            return;
        }
        let end = clock::after(begun, LOOKS_FOR);
        let end = until.map_or(end, |until| until.min(end));
        let mut now = begun;
        while !is_woken() && now < end {
            if now - begun < ALONE {
                (0..PAUSES).for_each(|_| hint::spin_loop());
                now = clock::now();
            } else {
                thread::yield_now();
                let back = clock::now();
                self.note_loan(now, back);
                now = back;
            }
        }
    }

    /// A model that looks explores nothing new.
    #[cfg(any(loom, shuttle))]
    pub(super) fn look(&self, _until: Option<Instant>, _is_woken: impl Fn() -> bool) {
        let _ = (LOOKS_FOR, ALONE, PAUSES, Self::is_busy, Self::note_loan);
    }

    fn is_busy(&self, now: Instant) -> bool {
        self.is_busy_until.get().is_some_and(|end| now < end)
    }

    fn note_loan(&self, lent: Instant, back: Instant) {
        let long_loans = match back - lent < LONG_LOAN {
            true => 0,
            false => LONG_LOANS.min(self.long_loans.get() + 1),
        };
        self.long_loans.set(long_loans);
        if long_loans == LONG_LOANS {
            self.is_busy_until.set(back.checked_add(BUSY));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What became of the loans of a thread, and whether the machine is busy then.
    fn is_busy_after(loans: &[Duration]) -> (Patience, Instant, bool) {
        let patience = Patience::default();
        let mut now = Instant::now();
        for loan in loans {
            patience.note_loan(now, now + *loan);
            now += *loan;
        }
        let is_busy = patience.is_busy(now);
        (patience, now, is_busy)
    }

    const SHORT: Duration = Duration::from_micros(499);
    const LONG: Duration = LONG_LOAN;

    #[test]
    fn long_loans_in_a_row_mean_that_the_machine_is_busy_for_a_while() {
        let enough = [LONG; LONG_LOANS as usize];
        assert!(!is_busy_after(&enough[1..]).2);
        let (patience, now, is_busy) = is_busy_after(&enough);
        assert!(is_busy);
        assert!(!patience.is_busy(now + BUSY), "it tries again");
    }

    #[test]
    fn a_short_loan_means_that_it_is_not() {
        let mut loans = [LONG; 2 * LONG_LOANS as usize - 1];
        loans[LONG_LOANS as usize - 1] = SHORT;
        assert!(!is_busy_after(&loans).2);
    }

    /// One that was busy just now is so again with the next long loan.
    #[test]
    fn what_was_learnt_is_kept() {
        let (patience, now, _) = is_busy_after(&[LONG; LONG_LOANS as usize]);
        let later = now + BUSY;
        patience.note_loan(later, later + LONG);
        assert!(patience.is_busy(later + LONG));
        patience.note_loan(later, later + SHORT);
        patience.note_loan(later + BUSY, later + BUSY + LONG);
        assert!(!patience.is_busy(later + BUSY + LONG));
    }
}
