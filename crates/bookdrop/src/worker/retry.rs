//! How often, and after which pauses, what failed is tried again.

use std::time::Duration;

/// How a handler's failures are tried again; see [`retrying`](super::retrying).
///
/// The pause is doubled with each failure, up to the longest one, and is up to a quarter longer, so that what failed together does not come
/// back together. The driver's own bound, [`max_attempts`](crate::Builder::max_attempts), holds beside it: the lower one ends the tries.
///
/// ```
/// use std::time::Duration;
/// use bookdrop::Retry;
///
/// let retry = Retry::new(3).backoff(Duration::from_secs(1), Duration::from_secs(60));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    max_attempts: u32,
    first: Duration,
    longest: Duration,
}

impl Retry {
    /// At most so many attempts, the first one included; at least one. The first pause is 100 ms, the longest one 30 s.
    ///
    /// What comes back for another reason (its worker was shut down, its lease was lost) does not count.
    ///
    /// ```
    /// # use bookdrop::Retry;
    /// let never = Retry::new(1);
    /// ```
    pub fn new(max_attempts: u32) -> Self {
        Retry {
            max_attempts: max_attempts.max(1),
            first: Duration::from_millis(100),
            longest: Duration::from_secs(30),
        }
    }

    /// With other pauses: the first one, and the longest one.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::Retry;
    /// let at_once = Retry::new(3).backoff(Duration::ZERO, Duration::ZERO);
    /// ```
    pub fn backoff(mut self, first: Duration, longest: Duration) -> Self {
        (self.first, self.longest) = (first, longest);
        self
    }

    /// The pause after this failure, which was the `failures`th; `None` when that was the last attempt. `random` decides on the random part.
    pub(super) fn pause(&self, failures: u32, random: f64) -> Option<Duration> {
        if failures >= self.max_attempts {
            return None;
        }
        let doublings = failures.saturating_sub(1);
        let pause = self
            .first
            .saturating_mul(2u32.saturating_pow(doublings))
            .min(self.longest);
        Some(pause.saturating_add(pause.mul_f64(random / 4.0)))
    }
}
