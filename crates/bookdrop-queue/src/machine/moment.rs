//! The time of one change, read at most once and only if somebody asks.

use std::time::Instant;

use crate::clock;

/// Most changes never need the time; those that do agree on one.
pub(crate) struct Moment(Option<Instant>);

impl Moment {
    /// The first [`get`](Moment::get) reads the clock.
    pub(crate) fn now() -> Self {
        Moment(None)
    }

    #[cfg(test)]
    pub(crate) fn at(instant: Instant) -> Self {
        Moment(Some(instant))
    }

    pub(crate) fn get(&mut self) -> Instant {
        *self.0.get_or_insert_with(clock::now)
    }
}
