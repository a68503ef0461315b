//! What becomes of an answer.

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It reached the requester.
    Sent,
    /// The requester had given up, or had an answer already.
    NotWanted,
}
