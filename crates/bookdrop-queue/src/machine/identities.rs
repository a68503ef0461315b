//! The identities seen within the window.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Remembers identities for a while, in a bounded number.
#[derive(Debug)]
pub(super) struct Identities {
    window: Duration,
    max: usize,
    known: HashSet<Arc<str>>,
    oldest_first: VecDeque<(Instant, Arc<str>)>,
}

impl Identities {
    pub(super) fn new(window: Duration, max: usize) -> Self {
        Identities {
            window,
            max,
            known: HashSet::new(),
            oldest_first: VecDeque::new(),
        }
    }

    /// Other bounds hold from now on.
    pub(super) fn set_bounds(&mut self, window: Duration, max: usize) {
        (self.window, self.max) = (window, max);
        while self.oldest_first.len() > max {
            self.forget_oldest();
        }
    }

    /// Whether this identity was remembered within the window.
    pub(super) fn knows(&mut self, identity: &str, now: Instant) -> bool {
        self.forget_old(now);
        self.known.contains(identity)
    }

    pub(super) fn remember(&mut self, identity: &str, now: Instant) {
        if self.window.is_zero() || self.max == 0 {
            return;
        }
        if self.oldest_first.len() == self.max {
            self.forget_oldest();
        }
        let identity: Arc<str> = identity.into();
        self.oldest_first.push_back((now, identity.clone()));
        self.known.insert(identity);
    }

    fn forget_old(&mut self, now: Instant) {
        let window = self.window;
        let is_old = |(at, _): &(Instant, _)| now.saturating_duration_since(*at) >= window;
        while self.oldest_first.front().is_some_and(is_old) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, identity)) = self.oldest_first.pop_front() {
            self.known.remove(&identity);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_known_for_the_window_only() {
        let start = Instant::now();
        let mut ids = Identities::new(Duration::from_secs(10), 100);
        ids.remember("a", start);
        assert!(ids.knows("a", start + Duration::from_millis(9_999)));
        assert!(!ids.knows("a", start + Duration::from_secs(10)));
        assert!(ids.known.is_empty() && ids.oldest_first.is_empty());
    }

    #[test]
    fn the_oldest_goes_when_there_are_too_many() {
        let start = Instant::now();
        let mut ids = Identities::new(Duration::from_secs(10), 2);
        ["a", "b", "c"]
            .iter()
            .for_each(|id| ids.remember(id, start));
        assert_eq!(
            ["a", "b", "c"].map(|id| ids.knows(id, start)),
            [false, true, true]
        );
    }
}
