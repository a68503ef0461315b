//! The one place that reads time.

use std::time::{Duration, Instant};

/// The longest distance into the future that [`after`] computes with: about a hundred years.
///
/// No program waits that long, and every platform's `Instant` is expected to hold it.
const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The present moment of the monotonic clock.
#[cfg(not(any(loom, shuttle)))]
#[must_use]
pub fn now() -> Instant {
    Instant::now()
}

/// The present moment of a model: always the same one.
///
/// A model is run thousands of times and has to do the same in each run, which it could not if it
/// saw the real time.
#[cfg(any(loom, shuttle))]
#[must_use]
pub fn now() -> Instant {
    static STILL: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *STILL.get_or_init(Instant::now)
}

/// The present moment of the wall clock, for people to read.
#[must_use]
pub fn wall() -> std::time::SystemTime {
    std::time::SystemTime::now()
}

/// The moment `d` after `now`; never panics.
///
/// A `d` of more than about a hundred years counts as a hundred years, and where the platform's
/// clock does not reach that far, as half of it, or a quarter, and so on. So "no limit" may be given
/// as [`Duration::MAX`].
#[must_use]
pub fn after(now: Instant, d: Duration) -> Instant {
    let mut step = d.min(FAR);
    loop {
        match now.checked_add(step) {
            Some(at) => return at,
            // Ends: a step of zero always fits.
            None => step /= 2,
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn short_durations_are_exact() {
        let t = now();
        for d in [
            Duration::ZERO,
            Duration::from_nanos(1),
            Duration::from_secs(2),
            FAR,
        ] {
            assert_eq!(after(t, d), t + d);
        }
    }

    #[test]
    fn overlong_durations_end_in_the_far_future() {
        let t = now();
        for d in [
            FAR + Duration::from_nanos(1),
            Duration::from_secs(u64::MAX),
            Duration::MAX,
        ] {
            assert_eq!(after(t, d), t + FAR);
        }
    }

    #[test]
    fn the_end_of_the_clock_is_no_panic() {
        // Walk to the last moment that this platform holds, then go on from there.
        let mut t = now();
        for exponent in (0..64).rev() {
            t = t
                .checked_add(Duration::from_secs(1 << exponent))
                .unwrap_or(t);
        }
        for nanos in (0..30).rev().map(|e| 1_u64 << e) {
            t = t.checked_add(Duration::from_nanos(nanos)).unwrap_or(t);
        }
        assert!(after(t, Duration::MAX) >= t);
        assert!(after(t, Duration::from_nanos(1)) >= t);
    }
}
