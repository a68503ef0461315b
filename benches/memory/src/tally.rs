//! Proof that a round moved exactly what it should have moved.

use crate::kind::MAX_NUMBER;

/// Counts and sums the numbers of the events that arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    count: u64,
    sum: u64,
    squares: u64,
    last: Option<u64>,
    out_of_order: u64,
}

impl Tally {
    /// Notes the arrival of the event with this number.
    #[inline]
    pub(crate) fn add(&mut self, number: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(number);
        self.squares = self.squares.wrapping_add(number.wrapping_mul(number));
        self.out_of_order += u64::from(self.last.is_some_and(|last| number <= last));
        self.last = Some(number);
    }

    /// Adds what another consumer saw.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum = self.sum.wrapping_add(other.sum);
        self.squares = self.squares.wrapping_add(other.squares);
        self.out_of_order += other.out_of_order;
    }

    /// Panics unless exactly the numbers below `events` arrived, each once.
    pub(crate) fn check(&self, events: u64) {
        assert!(
            events <= MAX_NUMBER,
            "more events than numbers; give a smaller --scale"
        );
        let mut expected = Self::default();
        (0..events).for_each(|number| expected.add(number));
        assert_eq!(
            (self.count, self.sum, self.squares),
            (expected.count, expected.sum, expected.squares),
            "the events that arrived are not those that were sent (count, sum, sum of squares)"
        );
    }

    /// Panics if an event overtook another (asked where one producer meets one consumer).
    pub(crate) fn check_order(&self) {
        assert_eq!(self.out_of_order, 0, "events arrived out of order");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(numbers: impl IntoIterator<Item = u64>) -> Tally {
        let mut tally = Tally::default();
        numbers.into_iter().for_each(|number| tally.add(number));
        tally
    }

    #[test]
    fn everything_once_in_any_order_and_any_shares() {
        tally((0..10).rev()).check(10);
        let mut whole = tally([1, 3, 5]);
        whole.merge(&tally([4, 0, 2]));
        whole.check(6);
    }

    #[test]
    #[should_panic(expected = "not those that were sent")]
    fn a_lost_event_is_noticed() {
        tally([0, 1, 3]).check(4);
    }

    #[test]
    #[should_panic(expected = "not those that were sent")]
    fn one_lost_and_another_doubled_are_noticed() {
        tally([0, 1, 1, 3, 5, 5]).check(6);
    }

    #[test]
    #[should_panic(expected = "out of order")]
    fn an_overtaking_event_is_noticed() {
        tally([0, 2, 1]).check_order();
    }
}
