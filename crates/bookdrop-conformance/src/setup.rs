//! What a behaviour asks of the driver it runs on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bookdrop::OnFull;

/// The options of the driver that a behaviour asks for: honour every one of them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Setup {
    /// A name that no other driver of this process has; what an engine names the queue after.
    pub name: String,
    /// Events that may stand in the queue of a group.
    pub capacity: usize,
    /// Failures after which an event becomes a dead letter.
    pub max_attempts: u32,
    /// Hand-overs after which an event becomes a dead letter.
    pub max_deliveries: u32,
    /// Delayed events.
    pub max_delayed: usize,
    /// Dead letters that are kept.
    pub max_dead: usize,
    /// The pause before the second return of an event.
    pub backoff_first: Duration,
    /// The longest pause before a return.
    pub backoff_max: Duration,
    /// For how long an id is remembered.
    pub duplicate_window: Duration,
    /// What a full queue does.
    pub on_full: OnFull,
    /// Bytes that one event may take, however it is written down; for drivers that have such a bound.
    pub max_event_bytes: usize,
}

impl Setup {
    /// The defaults of the suite, with this capacity: those of the library, but for a short back-off.
    pub fn new(capacity: usize) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        Self {
            name: format!(
                "conformance-{}-{}",
                std::process::id(),
                NUMBER.fetch_add(1, Ordering::Relaxed)
            ),
            capacity,
            max_attempts: 5,
            max_deliveries: 20,
            max_delayed: 10_000,
            max_dead: 1_000,
            backoff_first: Duration::from_millis(10),
            backoff_max: Duration::from_millis(80),
            duplicate_window: Duration::from_secs(120),
            on_full: OnFull::Wait,
            max_event_bytes: 1 << 16,
        }
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new(100)
    }
}
