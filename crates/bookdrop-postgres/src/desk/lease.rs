//! The driver's lease at the server, which is prolonged as long as it lives.

use std::future::pending;
use std::time::{Duration, Instant};

use tokio::task::{JoinHandle, spawn_local};

use super::Desk;
use crate::error::Trouble;
use crate::sql::Prolonged;

/// It is prolonged when this part of it has passed,
const BEATS_PER_LEASE: u32 = 4;
/// and at least so often; drivers that died are looked for as often.
const LONGEST_BEAT: Duration = Duration::from_secs(5);
/// A server that says nothing to that for this part of the lease does not hear, though the connection is open. Then there is time left to
/// make another one.
const SILENCES_PER_LEASE: u32 = 3;

/// When the lease is prolonged.
pub(super) enum Beat {
    At(Instant),
    /// The server was told so then.
    Since(Instant, JoinHandle<Result<Prolonged, Trouble>>),
}

impl Beat {
    /// The server's word.
    pub(super) async fn landed(&mut self) -> Result<Prolonged, Trouble> {
        match self {
            Beat::At(_) => pending().await,
            Beat::Since(_, prolonging) => prolonging
                .await
                .expect("it does not panic, and nobody aborts it"),
        }
    }
}

impl Desk {
    /// Prolongs the lease if it is time to.
    pub(super) fn beat(&mut self) {
        let now = Instant::now();
        if matches!(self.beat, Beat::At(at) if at <= now)
            && let Some(prolonging) = self.link.prolong()
        {
            self.beat = Beat::Since(now, spawn_local(prolonging));
            self.looks_after = true;
            self.outbox.doubt();
        }
    }

    /// When there is something to do about it, while the server can be reached.
    pub(super) fn beats_at(&self) -> Instant {
        match self.beat {
            Beat::At(at) => at,
            Beat::Since(since, _) => since + self.shared.options.lease / SILENCES_PER_LEASE,
        }
    }

    /// Whether the server was told to prolong it, and says nothing.
    pub(super) fn hears_nothing(&self, now: Instant) -> bool {
        matches!(self.beat, Beat::Since(..)) && self.beats_at() <= now
    }

    pub(super) fn land_beat(&mut self, prolonged: Result<Prolonged, Trouble>) {
        if let Beat::Since(since, _) = self.beat {
            let wait = self.shared.options.lease / BEATS_PER_LEASE;
            self.beat = Beat::At(since + wait.min(LONGEST_BEAT));
        }
        match prolonged {
            Ok(prolonged) if prolonged.is_alive => self.others = prolonged.others,
            Ok(_) => self.forget(),
            // It comes back, as a new driver if the server does not know it any more.
            Err(trouble) if trouble.ends_connection() => self.lose(),
            // It is tried again next time.
            Err(_) => {}
        }
    }

    /// The server does not know this driver any more. That may be heard late, when there is another one already.
    pub(super) fn hear_unknown(&mut self, driver: i64) {
        if self.link.is_up() && self.link.session.driver == driver {
            self.forget();
        }
    }

    /// What is under way there ends as the server says: whoever settles hears that it is too late, and need not guess.
    fn forget(&mut self) {
        self.is_forgotten = true;
        self.end_closes();
        self.end_short_waits();
    }
}
