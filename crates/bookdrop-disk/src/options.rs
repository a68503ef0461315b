//! How a queue in a folder is opened.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bookdrop_queue::{Limits, OnFull};

/// How a queue in a folder is opened. A folder can be opened with other options than those with which it was made, but for its
/// codec.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// The bounds of the queue, as in memory.
    pub limits: Limits,
    /// What a sender meets when it is full.
    pub on_full: OnFull,
    /// Bytes of all events that some group has not done with: 1 GiB. Beyond it a sender meets a full queue. The folder may
    /// be a little more than twice as large.
    pub max_bytes: u64,
    /// Bytes of one event: 8 MiB. A larger one is refused. It is at most half of a segment, whatever stands here.
    pub max_event_bytes: usize,
    /// Bytes of events that are kept in memory although they are on the disk: 64 MiB. What waits behind them is read back when
    /// its turn comes.
    pub cache_bytes: u64,
    /// What a confirmed send or ack survives.
    pub sync: Sync,
    /// Bytes of one file of the journal: 32 MiB. They are rounded up to a multiple of eight, and to the nearest length that there
    /// is: from [`LEAST_SEGMENT_BYTES`](Options::LEAST_SEGMENT_BYTES) to
    /// [`GREATEST_SEGMENT_BYTES`](Options::GREATEST_SEGMENT_BYTES). Where something is there that does not fit, they are the least
    /// multiple into which it does, or as long as they were where that is shorter.
    pub segment_bytes: u64,
    /// What the contents of events are written in. The folder says it, and cannot be opened with another one.
    pub codec: String,
    /// What the clock said at some moment that all processes share which open the folder; this machine's own where this is `None`.
    /// Delays and times to live are noted by it.
    pub clock: Option<(Instant, SystemTime)>,
    /// Is told how opening goes on, about once a second, where it takes longer than that; and in the end, that all was read.
    pub on_progress: Option<OnProgress>,
    /// How often. Tests do not wait for time to pass.
    pub(crate) progress_interval: Duration,
}

/// What is called while a folder is being opened.
pub type OnProgress = Arc<dyn Fn(Opening) + Send + std::marker::Sync>;

/// How far opening is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opening {
    /// Bytes that were read.
    pub bytes: u64,
    /// Bytes that there are.
    pub of: u64,
}

/// What a confirmed send or ack survives. All of them survive a process that is killed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sync {
    /// A loss of power. Those who send and ack at the same time share one flush of the disk.
    #[default]
    Always,
    /// A loss of power, but for what was confirmed within this time before it.
    Every(Duration),
    /// The end of the process alone: what the operating system has not written yet is lost with the power.
    Never,
}

impl Options {
    /// The least length of a file of the journal, in bytes.
    pub const LEAST_SEGMENT_BYTES: u64 = crate::journal::LEAST_SEGMENT;
    /// The greatest length of a file of the journal, in bytes: 1 GiB.
    pub const GREATEST_SEGMENT_BYTES: u64 = crate::journal::LONGEST_SEGMENT;
}

impl Default for Options {
    fn default() -> Self {
        Options {
            limits: Limits::default(),
            on_full: OnFull::default(),
            max_bytes: 1 << 30,
            max_event_bytes: 8 << 20,
            cache_bytes: 64 << 20,
            sync: Sync::default(),
            segment_bytes: 32 << 20,
            codec: "json".to_owned(),
            clock: None,
            on_progress: None,
            progress_interval: crate::progress::INTERVAL,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("limits", &self.limits)
            .field("on_full", &self.on_full)
            .field("max_bytes", &self.max_bytes)
            .field("max_event_bytes", &self.max_event_bytes)
            .field("cache_bytes", &self.cache_bytes)
            .field("sync", &self.sync)
            .field("segment_bytes", &self.segment_bytes)
            .field("codec", &self.codec)
            .finish_non_exhaustive()
    }
}
