//! What a queue counts.

/// What happened since the queue was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Items that were taken in.
    pub sent: u64,
    /// Hand-overs to consumers.
    pub handed_over: u64,
    /// Deliveries settled as done, without an answer.
    pub acked: u64,
    /// Failed deliveries that came back.
    pub returned: u64,
    /// Items that became dead letters.
    pub buried: u64,
    /// Dead letters that were dropped because there were too many.
    pub dead_dropped: u64,
    /// One-way items whose time to live ended.
    pub expired: u64,
    /// Requests whose requester gave up before there was an answer.
    pub given_up: u64,
    /// Answers that reached their requester.
    pub answered: u64,
    /// Answers that came too late.
    pub replies_refused: u64,
    /// Items that were sent again within the window.
    pub duplicates: u64,
    /// Items that made room for newer ones.
    pub dropped_when_full: u64,
    /// Items that were refused because the queue was full.
    pub rejected_when_full: u64,
    /// Items that were purged.
    pub purged: u64,
}

/// What stands where, right now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depths {
    /// Ready to be handed over, or behind another item of their key.
    pub queued: usize,
    /// Sent with a delay, or waiting before they are tried again.
    pub delayed: usize,
    /// Handed over and not settled.
    pub in_hand: usize,
    /// Dead letters.
    pub dead: usize,
    /// Consumers attached.
    pub consumers: usize,
    /// Consumers that wait for an item.
    pub waiting_consumers: usize,
}
