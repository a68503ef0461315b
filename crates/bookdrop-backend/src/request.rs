//! Requests, and how they end without an answer.

use std::time::Duration;

use crate::{DeadReason, Error};

/// How a requester asks.
#[derive(Clone, Copy, Debug)]
pub struct Asking {
    /// How long the answer is wanted, from now on.
    pub timeout: Duration,
    /// Whether the request waits for a consumer to come, rather than to fail when there is none.
    pub waits_for_consumer: bool,
}

/// A request ended without an answer.
#[derive(Clone, Debug)]
pub struct Unanswered {
    /// Why.
    pub why: Why,
    /// Whether a consumer ever had it in hand.
    pub was_taken: bool,
}

/// Why a request ended without an answer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Why {
    /// Its deadline passed, or its time to live.
    Deadline,
    /// There is no consumer of group "default", or its last one left before the request was taken.
    NoConsumer,
    /// The driver was closed before it was taken.
    Closed,
    /// There was no room, and the backend is told not to wait; or it made room for a newer one.
    Full,
    /// It became a dead letter.
    Buried(DeadReason),
    /// It failed, and the next try would come after its deadline.
    RetryTooLate,
    /// Somebody purged the queue.
    Purged,
    /// A consumer settled it without an answer.
    Unanswered,
    /// The backend could not do it.
    Backend(Error),
}
