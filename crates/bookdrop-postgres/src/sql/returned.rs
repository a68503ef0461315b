//! What the functions of the schema return.

use std::time::Duration;

use bookdrop_backend::{DeadReason, Record};
use bytes::Bytes;
use tokio_postgres::Row;

/// A queue that was opened.
pub(crate) struct Opened {
    pub(crate) queue: i32,
    /// Who this driver is there; nobody where the codec is another one.
    pub(crate) driver: Option<i64>,
    pub(crate) codec: String,
    /// Other drivers of the queue.
    pub(crate) others: u64,
}

/// What is known once the lease was prolonged.
pub(crate) struct Prolonged {
    /// Whether the server still knows the driver: otherwise others have what it had in hand.
    pub(crate) is_alive: bool,
    /// Other drivers of the queue.
    pub(crate) others: u64,
}

pub(crate) struct Published {
    pub(crate) fates: Vec<Fate>,
    pub(crate) dropped: u64,
    pub(crate) expired: u64,
}

/// What came of a look into the outbox.
pub(crate) struct Relayed {
    pub(crate) sent: u64,
    pub(crate) duplicates: u64,
    pub(crate) dropped: u64,
    pub(crate) expired: u64,
    pub(crate) are_left: bool,
}

/// What became of something that was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Sent,
    Duplicate,
    Full,
    NoConsumer,
}

impl From<&str> for Fate {
    fn from(word: &str) -> Self {
        match word {
            "sent" => Fate::Sent,
            "duplicate" => Fate::Duplicate,
            "full" => Fate::Full,
            _ => Fate::NoConsumer,
        }
    }
}

/// What became of so many records.
pub(super) fn published(row: &Row, records: usize) -> Published {
    let fates: Option<Vec<&str>> = row.get(0);
    Published {
        fates: match fates {
            Some(fates) => fates.into_iter().map(Fate::from).collect(),
            None => vec![Fate::Sent; records],
        },
        dropped: count(row, 1),
        expired: count(row, 2),
    }
}

/// What was fetched.
pub(crate) struct Batch {
    pub(crate) events: Vec<Event>,
    pub(crate) wakes_in: Option<Duration>,
    pub(crate) queued: u64,
    pub(crate) expired: u64,
    /// Whether more could be had at once.
    pub(crate) has_more: bool,
}

pub(crate) struct Event {
    pub(crate) number: i64,
    pub(crate) attempt: i32,
    pub(crate) failures: i32,
    pub(crate) record: Record,
    /// Of a request: its driver, its number there, and how long the answer is wanted.
    pub(crate) asker: Option<(i64, i64, Duration)>,
}

pub(super) fn event(row: &Row) -> Event {
    let asker: Option<i64> = row.get(10);
    Event {
        number: row.get(0),
        attempt: row.get(1),
        failures: row.get(2),
        record: record(row, 3),
        asker: asker.map(|driver| (driver, row.get(11), nanoseconds(row.get(12)))),
    }
}

/// A record, from this column on.
pub(crate) fn record(row: &Row, from: usize) -> Record {
    let span = |column| row.get::<_, Option<i64>>(column).map(nanoseconds);
    Record {
        priority: row.get::<_, i16>(from) as u8,
        id: row.get::<_, String>(from + 1).into(),
        is_id_given: row.get(from + 2),
        key: row.get::<_, Option<String>>(from + 3).map(Into::into),
        delay: span(from + 4),
        time_to_live: span(from + 5),
        content: Bytes::from(row.get::<_, Vec<u8>>(from + 6)),
    }
}

/// Where in the list that the function was given it stands.
pub(crate) fn place(row: &Row) -> usize {
    count(row, 0).saturating_sub(1) as usize
}

/// What is counted there is never less than nothing.
pub(crate) fn count(row: &Row, column: usize) -> u64 {
    row.get::<_, i64>(column).max(0) as u64
}

pub(super) fn nanoseconds(span: i64) -> Duration {
    Duration::from_nanos(span.max(0) as u64)
}

pub(crate) fn reason_of(word: &str, why: String) -> Option<DeadReason> {
    Some(match word {
        "rejected" => DeadReason::Rejected(why),
        "max attempts" => DeadReason::MaxAttempts,
        "max deliveries" => DeadReason::MaxDeliveries,
        "undecodable" => DeadReason::Undecodable(why),
        _ => return None,
    })
}
