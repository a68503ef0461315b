//! What was handed over, and how it is settled.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::{DeadReason, Record};

/// Names what was fetched until it is settled. A backend does not give one away twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Receipt(pub u64);

/// A record that was handed over.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// By this it is settled.
    pub receipt: Receipt,
    /// The record, as it was published.
    pub record: Record,
    /// How often it was handed over, this time included.
    pub attempt: u32,
    /// How often it failed: at most as often as it was handed over before.
    pub failures: u32,
    /// From then on nobody wants the answer; `None` for what is no request.
    pub deadline: Option<Instant>,
}

/// How something in hand is settled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Settlement {
    /// It is done with. A request that was not answered ends with [`Why::Unanswered`](crate::Why::Unanswered), or, if that has
    /// passed, with its deadline.
    Done,
    /// It is done with, and this is the answer. Only for a request.
    Answer(Bytes),
    /// It is done with, but the answer is still owed: the receipt is good for one [`Answer`](Settlement::Answer) or
    /// [`Done`](Settlement::Done) more. Only for a request.
    Owe,
    /// It failed, and comes back: at once, or after the backend's own pause, or becomes a dead letter.
    Failed,
    /// It failed, and comes back after so long, or becomes a dead letter.
    RetryAfter(Duration),
    /// Nobody worked on it to the end, and it did not fail: it comes back at once, or, handed over as often as is allowed, becomes a
    /// dead letter.
    Release,
    /// It failed for good.
    Bury(DeadReason),
    /// Its consumer goes on working: it stays in hand for longer, where there is a lease.
    Extend,
}

/// What came of a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Settled {
    /// What was asked for was done.
    Yes,
    /// It was done, but nobody waited for the answer any more.
    NotWanted,
    /// Nothing was done: it is not in hand any more, since it was settled before, or its lease had ended.
    TooLate,
}
