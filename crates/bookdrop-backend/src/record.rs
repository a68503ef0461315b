//! An event as a backend sees it.

use std::time::Duration;

use bytes::Bytes;

/// An event: what the queue has to know of it, and all the rest as bytes that a backend keeps as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Its id, at most 255 bytes.
    pub id: Box<str>,
    /// Whether a user gave it that id: then another one with the same id, within the window, is the same event. Requests are
    /// not compared.
    pub is_id_given: bool,
    /// Events of one key are handled one at a time, in order. At most 255 bytes.
    pub key: Option<Box<str>>,
    /// From 0, the least urgent, to 9.
    pub priority: u8,
    /// It is not to be handed over before so long after it was published.
    pub delay: Option<Duration>,
    /// It is not to be handed over so long after it was published, or later.
    pub time_to_live: Option<Duration>,
    /// Everything else.
    pub content: Bytes,
}
