//! The bounds of a queue, and when a failed item is tried again.

use std::time::Duration;

/// Every bound of one queue. Each group has its own capacity, delayed items and dead letters.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Items queued and not delayed, per group.
    pub capacity: usize,
    /// Items that wait for their time, per group: sent with a delay, or about to be tried again. Only those sent with a
    /// delay are ever refused.
    pub max_delayed: usize,
    /// Failures after which an item is a dead letter.
    pub max_attempts: u32,
    /// Hand-overs of any kind after which an item that comes back is a dead letter.
    pub max_deliveries: u32,
    /// Dead letters kept, per group; the oldest goes first.
    pub max_dead: usize,
    /// Whether those that could not be decoded count among them. Where they do not they stay, but for requests in the process
    /// that buried them: then something else has to bound them.
    pub counts_undecodable: bool,
    /// How long a failed item waits.
    pub backoff: Backoff,
    /// How long the identity of an item is remembered; zero turns the detection of duplicates off.
    pub duplicate_window: Duration,
    /// Identities remembered at most; the oldest goes first.
    pub max_remembered_ids: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            capacity: 1024,
            max_delayed: 10_000,
            max_attempts: 5,
            max_deliveries: 20,
            max_dead: 1_000,
            counts_undecodable: true,
            backoff: Backoff::default(),
            duplicate_window: Duration::from_secs(120),
            max_remembered_ids: 100_000,
        }
    }
}

/// The wait before an item that failed is handed over again: none after the first failure, then `first`, doubling up
/// to `max`, each with up to a quarter more at random, so that what failed together does not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the second failure.
    pub first: Duration,
    /// The longest wait, before the random part.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff {
            first: Duration::from_millis(100),
            max: Duration::from_secs(30),
        }
    }
}

impl Backoff {
    /// The wait after so many failures; `random` decides on the random part.
    pub(crate) fn wait(&self, failures: u32, random: u64) -> Option<Duration> {
        let doublings = failures.checked_sub(2)?;
        let factor = 2u32.saturating_pow(doublings);
        let wait = self.first.saturating_mul(factor).min(self.max);
        let share = (random % 1024) as u32;
        Some(wait.saturating_add((wait / 4).saturating_mul(share) / 1024)).filter(|w| !w.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_return_is_at_once_and_later_ones_double() {
        let backoff = Backoff::default();
        let ms = |failures| backoff.wait(failures, 0).map(|d| d.as_millis());
        assert_eq!(
            [ms(0), ms(1), ms(2), ms(3), ms(4)],
            [None, None, Some(100), Some(200), Some(400)]
        );
        assert_eq!([ms(11), ms(40), ms(u32::MAX)], [Some(30_000); 3]);
    }

    #[test]
    fn the_random_part_is_at_most_a_quarter() {
        let longest = Backoff::default().wait(2, 1023).unwrap();
        assert!(longest > Duration::from_millis(120) && longest <= Duration::from_millis(125));
    }
}
