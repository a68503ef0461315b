//! Events that failed for good.

use std::fmt;
use std::time::SystemTime;

use crate::Record;

/// A dead letter.
#[derive(Clone, Debug)]
pub struct Dead {
    /// Names it within its group.
    pub id: u64,
    /// The event as it was published.
    pub record: Record,
    /// How often it was handed over.
    pub attempts: u32,
    /// Why it failed.
    pub reason: DeadReason,
    /// When it failed for good.
    pub at: SystemTime,
}

/// Which dead letters of a group.
#[derive(Clone, Debug)]
pub enum Letters {
    /// All of them.
    All,
    /// Those with these [ids](Dead::id), as far as they are there.
    These(Vec<u64>),
}

/// Why an event became a dead letter.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeadReason {
    /// A consumer rejected it, with this explanation.
    Rejected(String),
    /// It failed as often as the driver allows.
    MaxAttempts,
    /// It was handed over as often as the driver allows.
    MaxDeliveries,
    /// Its content does not make an event of the consumer's types; this says why.
    Undecodable(String),
}

impl fmt::Display for DeadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeadReason::Rejected(why) => write!(f, "rejected: {why}"),
            DeadReason::MaxAttempts => f.write_str("it failed as often as `max_attempts` allows"),
            DeadReason::MaxDeliveries => {
                f.write_str("it was handed over as often as `max_deliveries` allows")
            }
            DeadReason::Undecodable(why) => write!(f, "it cannot be decoded: {why}"),
        }
    }
}
