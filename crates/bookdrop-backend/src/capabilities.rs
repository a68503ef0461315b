//! What a driver can do.

/// What a driver can do, as data: what is true works, what is false is refused, never ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Several groups, each of which gets every event.
    pub groups: bool,
    /// Events of one key are handled one at a time, in order.
    pub keys: bool,
    /// More urgent events are handed over first.
    pub priority: bool,
    /// Events can be sent with a delay.
    pub delay: bool,
    /// Events can have a time to live.
    pub time_to_live: bool,
    /// An event that is sent again with the same id is one event.
    pub duplicate_detection: bool,
    /// Events that failed for good are kept.
    pub dead_letters: bool,
    /// A request fails at once when there is no consumer.
    pub no_consumer_detection: bool,
    /// What was accepted is still there after a restart, but for requests, whose requesters are not.
    pub survives_restart: bool,
    /// A delivery comes back when its consumer does not settle it in time.
    pub lease: bool,
    /// Producers and consumers may be in different processes.
    pub cross_process: bool,
    /// An event can be sent by a transaction of its user's, and is sent if and when that commits.
    pub outbox: bool,
    /// Events are moved as they are: bodies and replies may be anything, and a drain gives back what it leaves. Otherwise
    /// they are written down, and what a drain leaves stays where it is. No backend has this.
    pub moves_events: bool,
}
