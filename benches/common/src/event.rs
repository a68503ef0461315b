//! The events of queues that keep bytes: random ones with a number in front, and the proof that each of them arrived once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// So many random bytes are enough to cut events from.
const POOL: usize = 1 << 20;
/// Events begin at places that are so far apart: no two in a row are alike.
const STEP: usize = 257;

/// Makes events of one length.
pub struct Events {
    pool: Vec<u8>,
    bytes: usize,
}

impl Events {
    /// Of so many bytes, at least eight for the number.
    pub fn of(bytes: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(1);
        Self {
            pool: std::iter::repeat_with(|| random.u8(..))
                .take(POOL + bytes)
                .collect(),
            bytes,
        }
    }

    /// A new event with this number.
    pub fn make(&self, number: u64) -> Vec<u8> {
        let from = (number as usize).wrapping_mul(STEP) % POOL;
        let mut event = self.pool[from..from + self.bytes].to_vec();
        event[..8].copy_from_slice(&number.to_le_bytes());
        event
    }
}

/// The number of an event.
pub fn number_of(event: &[u8]) -> u64 {
    let number = event
        .first_chunk()
        .expect("an event begins with its number");
    u64::from_le_bytes(*number)
}

/// Numbers that many threads or tasks share out among themselves, so that all of them end at about the same time.
pub struct Numbers {
    next: AtomicU64,
    end: u64,
}

impl Numbers {
    /// All below this one.
    pub fn below(end: u64) -> Self {
        let next = AtomicU64::new(0);
        Self { next, end }
    }

    /// The next one, unless there is none left.
    pub fn take(&self) -> Option<u64> {
        // Relaxed: nothing else is read by what it says.
        let number = self.next.fetch_add(1, Relaxed);
        (number < self.end).then_some(number)
    }
}

/// Which events of a turn arrived.
pub struct Tally(Vec<AtomicBool>);

impl Tally {
    /// For the numbers below this one.
    pub fn below(events: u64) -> Self {
        Self((0..events).map(|_| AtomicBool::new(false)).collect())
    }

    /// One arrived; panics if it had before, or was never sent.
    pub fn note(&self, number: u64) {
        let was_here = self.0[number as usize].swap(true, Relaxed);
        assert!(!was_here, "event {number} arrived twice");
    }

    /// Panics unless all of them arrived.
    pub fn check(&self) {
        let lost = self.0.iter().position(|seen| !seen.load(Relaxed));
        assert!(lost.is_none(), "event {lost:?} did not arrive");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_carry_their_number_and_differ() {
        let events = Events::of(256);
        let [one, other] = [1, 2].map(|number| events.make(number));
        assert_eq!((one.len(), number_of(&one), number_of(&other)), (256, 1, 2));
        assert_ne!(one[8..], other[8..]);
    }

    #[test]
    #[should_panic(expected = "did not arrive")]
    fn what_did_not_arrive_is_told() {
        let tally = Tally::below(2);
        tally.note(1);
        tally.check();
    }
}
