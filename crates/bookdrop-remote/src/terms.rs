//! What keeper and guests agree on, and what nobody exceeds.

use std::time::Duration;

use bookdrop_backend::{Capabilities, Record};

/// Bytes of one event or of one answer, at most.
pub const GREATEST_CONTENT: usize = 64 << 20;
/// Bytes of one word: the greatest content, and what else is said with it.
pub(crate) const GREATEST_WORD: usize = GREATEST_CONTENT + (1 << 20);
/// Packets that were sent and are not taken yet on the other side, in each direction.
pub const WINDOW_PACKETS: u64 = 1_024;
/// Bytes of packets that were sent and are not acknowledged yet, in each direction. One packet may always be under way.
pub const WINDOW_BYTES: usize = 4 << 20;
/// Calls of one guest that the keeper works on at a time. Beyond that it takes no words of that guest.
pub const GREATEST_CALLS: usize = 4_096;
/// Guests of one keeper at a time. Beyond that, others are not heard until one of these is gone.
pub const GREATEST_GUESTS: usize = 4_096;
/// Bytes of events of one call on their way to the keeper. A larger batch is several calls, one after the other; one event may always be
/// on its way.
pub const GREATEST_PARCEL: usize = 16 << 20;
/// What an event takes beside its content, its id and its key.
const BESIDE: usize = 128;
/// A longer span counts as this: about a hundred years.
pub(crate) const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The terms of a link between a keeper and its guests.
///
/// ```
/// use std::time::Duration;
///
/// let mut terms = bookdrop_remote::Terms::default();
/// assert_eq!((terms.lease, terms.patience), (Duration::from_secs(30), Duration::from_secs(30)));
/// terms.max_packet = 512 << 10;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Terms {
    /// A guest of which the keeper hears nothing for so long is gone: what it has in hand comes back. The keeper's is what counts; a
    /// guest says something three times as often.
    pub lease: Duration,
    /// For how long a call waits while no keeper is heard.
    pub patience: Duration,
    /// What is not acknowledged is sent again after so long.
    pub resend_after: Duration,
    /// Bytes of one packet, at most. Fewer than [`LEAST_PACKET`](Terms::LEAST_PACKET) count as that.
    pub max_packet: usize,
    /// Bytes of one event, or of one answer, at most: no more than [`GREATEST_CONTENT`].
    pub max_event_bytes: usize,
    /// What the queue of the keeper holds, as guests tell it.
    pub capacity: usize,
    /// What the queue of the keeper can do, as guests tell it.
    pub capabilities: Capabilities,
}

impl Terms {
    /// No packet is bounded by less.
    pub const LEAST_PACKET: usize = 256;

    pub(crate) fn max_packet(&self) -> usize {
        self.max_packet.max(Terms::LEAST_PACKET)
    }

    pub(crate) fn max_event_bytes(&self) -> usize {
        self.max_event_bytes.min(GREATEST_CONTENT)
    }

    /// How often a guest says something to a keeper with this lease. Then also no call runs out of patience with a keeper that lives.
    pub(crate) fn beat(&self, lease: Duration) -> Duration {
        lease.min(self.patience) / 3
    }
}

/// Bytes that an event takes on its way, and where it waits.
pub(crate) fn weight(record: &Record) -> usize {
    let key = record.key.as_ref().map_or(0, |key| key.len());
    record.content.len() + record.id.len() + key + BESIDE
}

impl Default for Terms {
    fn default() -> Self {
        Terms {
            lease: Duration::from_secs(30),
            patience: Duration::from_secs(30),
            resend_after: Duration::from_secs(1),
            max_packet: 256 << 10,
            max_event_bytes: 8 << 20,
            capacity: 100_000,
            capabilities: Capabilities::default(),
        }
    }
}
