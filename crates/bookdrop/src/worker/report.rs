//! What a worker did.

/// What a [`Worker`](super::Worker) did while it ran. Counted are hand-overs: an event that failed and came back counts again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkReport {
    /// Handlers that ended with `Ok`.
    pub finished: u64,
    /// Handlers that failed or panicked, and events that there was no handler for.
    pub failed: u64,
    /// Handlers that panicked.
    pub panicked: u64,
    /// Events that the driver could not settle as the handler ended: those come back.
    pub unsettled: u64,
    /// Events that were put back, without having failed: their handlers had not ended when the grace time had, or what they returned
    /// could not be sent, since the driver was closed.
    pub put_back: u64,
}
