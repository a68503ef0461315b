//! What a driver counts.

/// How a driver, or one group of it, stands: what is where right now, and what happened since it was made or opened. It counts
/// events, and no bytes: on disk, how near `max_bytes` is does not stand here. An event is sent once, and what becomes of it counts in
/// each group: one that expires in two groups is two.
#[doc(alias = "GetLength")]
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events that can be handed over, or wait for another one of their key.
    pub queued: usize,
    /// Of these, events that a consumer holds ahead of being asked for. In memory they come back when somebody looks, so
    /// there are none.
    pub held: usize,
    /// Events sent with a delay, and events that failed and wait to be tried again.
    pub delayed: usize,
    /// Events that were handed over and are not settled.
    pub in_hand: usize,
    /// Dead letters.
    pub dead: usize,
    /// Consumers.
    pub consumers: usize,
    /// Sends and requests that wait for room.
    pub waiting_senders: usize,
    /// Consumers that wait for an event.
    pub waiting_consumers: usize,
    /// Requests without an outcome.
    pub waiting_requests: usize,
    /// Events that were accepted.
    pub sent: u64,
    /// Hand-overs to consumers.
    pub handed_over: u64,
    /// Deliveries settled as done without an answer.
    pub acked: u64,
    /// Failed deliveries that came back.
    pub returned: u64,
    /// Events that became dead letters.
    pub buried: u64,
    /// Dead letters that were dropped because there were too many.
    pub dead_dropped: u64,
    /// Events whose time to live ended before anybody received them.
    pub expired: u64,
    /// Requests whose requester gave up.
    pub given_up: u64,
    /// Answers that reached their requester.
    pub answered: u64,
    /// Answers that came when nobody waited any more.
    pub replies_refused: u64,
    /// Events that were sent again within the window.
    pub duplicates: u64,
    /// Events that were dropped to make room for newer ones.
    pub dropped_when_full: u64,
    /// Events that were given back because the queue was full.
    pub rejected_when_full: u64,
    /// Events that were purged.
    pub purged: u64,
    /// Places in what is kept that were found damaged when the driver was opened. What was written there is lost.
    pub damaged: u64,
    /// How often the connection to a server was lost and made again.
    pub reconnects: u64,
}
