//! How a queue is opened.

use std::time::Duration;

use bookdrop_backend::{Error, ErrorKind};
use bookdrop_queue::{Limits, OnFull};

/// A longer span counts as this: about a hundred years.
pub(crate) const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// How a queue is opened. Other drivers of the same queue may have other options, but for the codec.
///
/// ```
/// use std::time::Duration;
///
/// use bookdrop_postgres::Options;
///
/// let mut options = Options::default();
/// assert_eq!((options.limits.capacity, options.lease), (100_000, Duration::from_secs(30)));
/// options.limits.capacity = 1_000;
/// options.patience = Duration::from_secs(5);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The bounds of the queue, as this driver honours them: each counts what all drivers have put there.
    pub limits: Limits,
    /// What a sender of this driver meets when the queue is full.
    pub on_full: OnFull,
    /// What the contents of events are written in: a name that the queue keeps. Opened with another one, the queue is refused.
    /// It has to say what the driver over this backend writes; the drivers of addresses call theirs `json` and `msgpack`.
    pub codec: String,
    /// Bytes of the content of one event, or of one answer to a request; a larger one is refused.
    pub max_event_bytes: usize,
    /// Events of the outbox of the queue. Where there are so many, the transactions of users that send one more are refused it. It
    /// is the queue's: the driver that relayed last says it, so give all of them the same.
    pub max_outbox: usize,
    /// For how long the server leaves what this driver has in hand with it when it hears nothing of it any more. It is
    /// prolonged each quarter of that, and at least every 5 s, as long as the driver lives, however long a handler works. Once
    /// it has ended, another driver of the queue gives back what this one has in hand, and this one can settle none of that any
    /// more. Less than [`SHORTEST_LEASE`](Options::SHORTEST_LEASE) is refused by addresses, and not here.
    pub lease: Duration,
    /// For how long a send, a settlement and whatever else needs the server waits while it cannot be reached, counted from the
    /// loss, or from its own beginning if that is later. It fails with `Io` then, and nothing was done. Requests wait until their deadline, and consumers without an
    /// end.
    pub patience: Duration,
}

impl Options {
    /// A shorter lease is refused: a busy machine would lose it.
    pub const SHORTEST_LEASE: Duration = Duration::from_secs(1);
    /// One event may have so many bytes at most; the server takes no more than a gigabyte at once.
    pub const GREATEST_EVENT_BYTES: usize = 256 << 20;
}

impl Options {
    /// Whether they can be honoured.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.lease < Options::SHORTEST_LEASE {
            let message = format!(
                "the lease is {:?}; make it at least {:?}",
                self.lease,
                Options::SHORTEST_LEASE
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        if self.max_event_bytes > Options::GREATEST_EVENT_BYTES {
            let message = format!(
                "`max_event_bytes` is {}; make it {} at most",
                self.max_event_bytes,
                Options::GREATEST_EVENT_BYTES
            );
            return Err(Error::new(ErrorKind::Invalid, message));
        }
        Ok(())
    }

    /// With spans of time that can be added to any moment.
    pub(crate) fn bounded(mut self) -> Self {
        self.patience = self.patience.min(FOREVER);
        self.lease = self.lease.min(FOREVER);
        self
    }
}

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
            max_outbox: 100_000,
            lease: Duration::from_secs(30),
            patience: Duration::from_secs(30),
        }
    }
}
