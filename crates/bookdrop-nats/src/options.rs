//! How a queue is opened.

use std::time::Duration;

use bookdrop_backend::{Error, ErrorKind};
use bookdrop_queue::{Limits, OnFull};

use crate::api::Settings;
use crate::clock::ServerClock;

/// How a queue is opened. Other drivers of the same queue may have other options, but for the codec: those of its keeper count.
///
/// ```
/// use std::time::Duration;
///
/// use bookdrop_nats::{Options, SyncInterval};
///
/// let mut options = Options::default();
/// assert_eq!((options.limits.capacity, options.lease), (100_000, Duration::from_secs(30)));
/// options.replicas = 3;
/// options.sync_interval = Some(SyncInterval::Always);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The bounds of the queue.
    pub limits: Limits,
    /// What a sender meets when the queue is full.
    pub on_full: OnFull,
    /// What the contents of events are written in: a name that the queue keeps. Opened with another one, the queue is refused.
    pub codec: String,
    /// Bytes of the content of one event, or of one answer to a request; a larger one is refused.
    pub max_event_bytes: usize,
    /// Bytes of all events that some group has not done with. Beyond it a sender meets a full queue. The stream takes a little more
    /// than twice that at most, and what was let go of within the last minutes.
    pub max_bytes: u64,
    /// Bytes of events that the keeper has in memory. What waits behind them is read back when its turn comes.
    pub cache_bytes: u64,
    /// How many servers of a cluster have each page. Of a queue that is there this is not changed.
    pub replicas: usize,
    /// What the setting of this name at the server is: when it flushes what it has confirmed. The driver cannot see it. Where it is not
    /// said here, opening the queue warns of what may be lost; said, it changes nothing else.
    pub sync_interval: Option<SyncInterval>,
    /// A driver of which the keeper hears nothing for so long is gone: what it has in hand comes back.
    pub lease: Duration,
    /// For how long a send, a settlement and whatever else needs the server waits while it cannot be reached.
    pub patience: Duration,
}

/// When a server of NATS flushes what it has confirmed: its setting `sync_interval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncInterval {
    /// Before it confirms: `always`. What is confirmed survives a loss of power.
    Always,
    /// So often: two minutes, where the server is told nothing. What was confirmed since may be lost with the power of its machine, and
    /// that is known to whoever says this.
    Every(Duration),
}

impl Options {
    /// A shorter lease is refused: a busy machine would lose it.
    pub const SHORTEST_LEASE: Duration = Duration::from_secs(1);
    /// Servers that may have a page at most.
    pub const MOST_REPLICAS: usize = 5;
    /// One event may have so many bytes at most.
    pub const GREATEST_EVENT_BYTES: usize = bookdrop_remote::GREATEST_CONTENT;

    /// Whether they can be honoured.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let refused = if self.lease < Options::SHORTEST_LEASE {
            let least = Options::SHORTEST_LEASE;
            format!("the lease is {:?}; make it at least {least:?}", self.lease)
        } else if self.max_event_bytes > Options::GREATEST_EVENT_BYTES {
            let most = Options::GREATEST_EVENT_BYTES;
            format!(
                "`max_event_bytes` is {}; make it {most} at most",
                self.max_event_bytes
            )
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::Invalid, refused))
    }

    pub(crate) fn of_stream(&self) -> Settings {
        Settings {
            replicas: self.replicas,
            codec: self.codec.clone(),
        }
    }

    /// How the keeper opens the folder in the stream.
    pub(crate) fn of_folder(&self, clock: ServerClock) -> bookdrop_disk::Options {
        let mut folder = bookdrop_disk::Options::default();
        folder.limits = self.limits.clone();
        folder.on_full = self.on_full;
        folder.max_bytes = self.max_bytes;
        folder.max_event_bytes = self.max_event_bytes;
        folder.cache_bytes = self.cache_bytes;
        folder.clock = Some((clock.moment, clock.said));
        // An event takes half of one at most, with what is said of it.
        let longest = 2 * (self.max_event_bytes as u64 + BESIDE);
        folder.segment_bytes = longest.max(LEAST_SEGMENT);
        folder
    }
}

/// Bytes that an event takes beside its content, at most.
const BESIDE: u64 = 256 << 10;
/// Shorter ones would be begun too often.
const LEAST_SEGMENT: u64 = 4 << 20;

impl Default for Options {
    fn default() -> Self {
        Options {
            limits: Limits {
                capacity: 100_000,
                ..Limits::default()
            },
            on_full: OnFull::default(),
            codec: "json".to_owned(),
            max_event_bytes: 8 << 20,
            max_bytes: 1 << 30,
            cache_bytes: 64 << 20,
            replicas: 1,
            sync_interval: None,
            lease: Duration::from_secs(30),
            patience: Duration::from_secs(30),
        }
    }
}
