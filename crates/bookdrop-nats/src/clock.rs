//! The server's clock, which all drivers of a queue share.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// What the server's clock said at some moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerClock {
    pub(crate) moment: Instant,
    pub(crate) said: SystemTime,
}

impl ServerClock {
    /// The server said so, sometime between these two moments.
    pub(crate) fn new(asked: Instant, heard: Instant, said: SystemTime) -> Self {
        ServerClock {
            moment: asked + heard.saturating_duration_since(asked) / 2,
            said,
        }
    }

    /// What it says now, in milliseconds since 1970.
    pub(crate) fn millis(self) -> u64 {
        let now = self.said + self.moment.elapsed();
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}
