//! How a queue is opened.

use std::time::Duration;

use crate::api::Settings;

/// How a queue is opened.
///
/// ```
/// use bookdrop_nats::Options;
///
/// let mut options = Options::default();
/// options.replicas = 3;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// How many servers of a cluster have each page: one. Of a queue that is there this is not changed.
    pub replicas: usize,
    /// Bytes that the server keeps of the queue, at most; without a bound of its own where this is `None`. Of a queue that is there this
    /// is not changed.
    pub max_bytes: Option<u64>,
    /// For how long opening goes on while nothing answers for JetStream.
    pub patience: Duration,
}

impl Options {
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            replicas: self.replicas,
            max_bytes: self.max_bytes,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            replicas: 1,
            max_bytes: None,
            patience: Duration::from_secs(30),
        }
    }
}
