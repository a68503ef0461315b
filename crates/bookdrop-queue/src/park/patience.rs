//! Trying again for a moment before a thread begins to wait, and looking for a wake-up for a while before it is parked.

use std::ops::ControlFlow;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::clock;
use crate::sync::{hint, thread};

/// For so long something is tried again before its thread begins to wait.
const MOMENT: Duration = Duration::from_micros(10);

/// For so long a thread keeps the processor to itself. Then it lends it out between two looks or tries: to whoever wants to run,
/// and that may be the very thread that is to wake it.
const ALONE: Duration = Duration::from_micros(1);

/// Pauses of the processor between two looks while the thread keeps it to itself.
const PAUSES_BETWEEN_LOOKS: u32 = 8;

/// The same between two tries: these may disturb those who are to make them succeed.
const PAUSES_BETWEEN_TRIES: u32 = 64;

/// Who does not give the processor back within this time has much to do.
const LONG_LOAN: Duration = Duration::from_micros(500);

/// A long loan weighs as much as so many short ones.
const LONG_LOAN_WEIGHS: u32 = 8;

/// When the long loans outweigh the short ones by so much, the machine is busy: by three.
const BUSY_AT: u32 = 3 * LONG_LOAN_WEIGHS;

/// On a busy machine threads park at once, for so long: looking would take the processor from those who work, and who is woken
/// gets it sooner than who lent it out.
const BUSY: Duration = Duration::from_millis(100);

/// Attempts something, over and over for a moment while that may help, and up to `until` at most. A try comes late where somebody
/// does not give the processor back.
#[inline]
pub(super) fn attempt<R>(
    until: Option<Instant>,
    mut attempt: impl FnMut() -> ControlFlow<R>,
) -> Option<R> {
    match attempt() {
        ControlFlow::Break(result) => Some(result),
        ControlFlow::Continue(()) => machine().attempt_again(until, attempt),
    }
}

/// Looks for so long, and up to `until` at most, whether it `is_woken`. A look comes late where somebody does not give the
/// processor back.
pub(super) fn look(length: Duration, until: Option<Instant>, is_woken: impl Fn() -> bool) {
    if !length.is_zero() {
        machine().look(length, until, is_woken);
    }
}

fn machine() -> &'static Machine {
    static MACHINE: LazyLock<Machine> = LazyLock::new(Machine::new);
    &MACHINE
}

/// What is known of the machine: by what became of the processor whenever a thread of this process lent it out.
///
/// These are hints: a note that is lost to another one at the same time is no harm.
struct Machine {
    /// By how much the long loans outweigh the short ones, up to [`BUSY_AT`].
    weight: AtomicU32,
    since: Instant,
    /// In microseconds since then.
    is_busy_until: AtomicU64,
}

impl Machine {
    fn new() -> Self {
        Machine {
            weight: AtomicU32::new(0),
            since: clock::now(),
            is_busy_until: AtomicU64::new(0),
        }
    }

    #[cold]
    fn attempt_again<R>(
        &self,
        until: Option<Instant>,
        mut attempt: impl FnMut() -> ControlFlow<R>,
    ) -> Option<R> {
        let begun = clock::now();
        let end = earlier(until, clock::after(begun, MOMENT));
        let alone = match self.is_busy(begun) {
            true => MOMENT,
            false => ALONE,
        };
        let mut now = begun;
        while now < end {
            // What becomes of these loans is not noted: where threads take turns at the queue, all that are not asleep have
            // much to do.
            let_pass(now - begun < alone, PAUSES_BETWEEN_TRIES);
            if let ControlFlow::Break(result) = attempt() {
                return Some(result);
            }
            now = clock::now();
        }
        None
    }

    fn look(&self, length: Duration, until: Option<Instant>, is_woken: impl Fn() -> bool) {
        let begun = clock::now();
        if self.is_busy(begun) {
            return;
        }
        let end = earlier(until, clock::after(begun, length));
        let mut now = begun;
        while !is_woken() && now < end {
            let is_alone = now - begun < ALONE;
            let_pass(is_alone, PAUSES_BETWEEN_LOOKS);
            let back = clock::now();
            if !is_alone {
                self.note_loan(now, back);
            }
            now = back;
        }
    }

    fn is_busy(&self, now: Instant) -> bool {
        self.micros(now) < self.is_busy_until.load(Ordering::Relaxed)
    }

    fn note_loan(&self, lent: Instant, back: Instant) {
        let known = self.weight.load(Ordering::Relaxed);
        let weight = match back - lent < LONG_LOAN {
            true => known.saturating_sub(1),
            false => BUSY_AT.min(known + LONG_LOAN_WEIGHS),
        };
        // Most of the time there is nothing to write, and the line stays with all who read it.
        if weight != known {
            self.weight.store(weight, Ordering::Relaxed);
        }
        if weight == BUSY_AT {
            let until = self.micros(back) + BUSY.as_micros() as u64;
            self.is_busy_until.store(until, Ordering::Relaxed);
        }
    }

    fn micros(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.since).as_micros() as u64
    }
}

/// Lets some time pass, and keeps the processor alone or lends it out meanwhile.
fn let_pass(is_alone: bool, pauses: u32) {
    match is_alone {
        true => (0..pauses).for_each(|_| hint::spin_loop()),
        false => thread::yield_now(),
    }
}

fn earlier(until: Option<Instant>, end: Instant) -> Instant {
    until.map_or(end, |until| until.min(end))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const A_WHILE: Duration = Duration::from_micros(50);

    /// How often a machine looks for somebody who is woken at the `nth` look.
    fn looks(machine: &Machine, until: Option<Instant>, nth: u32) -> u32 {
        looks_within(A_WHILE, machine, until, nth)
    }

    fn looks_within(length: Duration, machine: &Machine, until: Option<Instant>, nth: u32) -> u32 {
        let looks = Cell::new(0);
        machine.look(length, until, || {
            looks.set(looks.get() + 1);
            looks.get() == nth
        });
        looks.get()
    }

    /// How often something is attempted that succeeds the `nth` time.
    fn attempts(until: Option<Instant>, nth: u32) -> (Option<()>, u32) {
        let mut count = 0;
        let result = attempt(until, || {
            count += 1;
            match count == nth {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        (result, count)
    }

    #[test]
    fn it_attempts_until_it_succeeds_or_the_moment_has_passed() {
        assert_eq!(attempts(None, 1), (Some(()), 1));
        assert_eq!(attempts(None, 2), (Some(()), 2));
        assert_eq!(attempts(None, 0).0, None);
    }

    #[test]
    fn it_attempts_once_when_the_time_is_up() {
        assert_eq!(attempts(Some(clock::now()), 0), (None, 1));
    }

    #[test]
    fn it_looks_until_somebody_is_woken() {
        assert_eq!(looks(&Machine::new(), None, 1), 1);
        assert_eq!(looks(&Machine::new(), None, 2), 2);
    }

    #[test]
    fn it_looks_once_when_the_time_is_up() {
        assert_eq!(looks(&Machine::new(), Some(clock::now()), 0), 1);
    }

    #[test]
    fn it_does_not_look_for_ever() {
        assert!(looks(&Machine::new(), None, 0) > 0);
    }

    #[test]
    fn it_looks_for_as_long_as_it_is_told() {
        let hour = Duration::from_secs(3600);
        assert_eq!(looks_within(hour, &Machine::new(), None, 10_000), 10_000);
        look(Duration::ZERO, None, || panic!("it was not to look at all"));
    }

    #[test]
    fn on_a_busy_machine_it_does_not_look() {
        let machine = Machine::new();
        let far = Duration::from_secs(3600);
        machine
            .is_busy_until
            .store(far.as_micros() as u64, Ordering::Relaxed);
        assert_eq!(looks(&machine, None, 1), 0);
    }

    const SHORT: Duration = Duration::from_micros(499);
    const LONG: Duration = LONG_LOAN;

    /// A machine on which the processor was lent out one time after the other, and when that has ended.
    fn after(loans: &[Duration]) -> (Machine, Instant) {
        let machine = Machine::new();
        let mut now = clock::now();
        for loan in loans {
            machine.note_loan(now, now + *loan);
            now += *loan;
        }
        (machine, now)
    }

    fn is_busy_after(loans: &[Duration]) -> bool {
        let (machine, now) = after(loans);
        machine.is_busy(now)
    }

    #[test]
    fn long_loans_mean_that_the_machine_is_busy_for_a_while() {
        assert!(!is_busy_after(&[LONG, LONG]));
        let (machine, now) = after(&[LONG, LONG, LONG]);
        assert!(machine.is_busy(now));
        assert!(!machine.is_busy(now + BUSY), "it is tried again");
    }

    #[test]
    fn a_few_short_loans_between_them_change_nothing() {
        assert!(is_busy_after(&[LONG, SHORT, LONG, SHORT, LONG, LONG]));
    }

    /// Threads that have little to do give the processor back at once, over and over.
    #[test]
    fn many_short_loans_mean_that_it_is_not() {
        let mut loans = [SHORT; 30];
        (loans[0], loans[10], loans[20], loans[29]) = (LONG, LONG, LONG, LONG);
        assert!(!is_busy_after(&loans));
    }

    #[test]
    fn what_was_learnt_is_kept() {
        let (machine, now) = after(&[LONG, LONG, LONG]);
        let later = now + BUSY;
        machine.note_loan(later, later + LONG);
        assert!(machine.is_busy(later + LONG), "with the next long loan");
    }
}
