//! Events on their way through transactions of users: what `bookdrop.send` takes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bookdrop_backend::{Outgoing, Record};
use serde_json::{Map, Value};

use crate::sql::in_nanoseconds;

const STATEMENT: &str = "SELECT bookdrop.send($1::text)";

/// A record, for the outbox of this queue. What it does not have is left out.
pub(crate) fn outgoing(queue: &str, record: &Record) -> Outgoing {
    let mut parts = Map::new();
    parts.insert("queue".to_owned(), queue.into());
    parts.insert("id".to_owned(), (*record.id).into());
    parts.insert("is_id_given".to_owned(), record.is_id_given.into());
    parts.insert("priority".to_owned(), record.priority.into());
    let some = [
        ("key", record.key.as_deref().map(Value::from)),
        ("delay", record.delay.map(in_nanoseconds).map(Value::from)),
        (
            "time_to_live",
            record.time_to_live.map(in_nanoseconds).map(Value::from),
        ),
    ];
    for (name, value) in some {
        if let Some(value) = value {
            parts.insert(name.to_owned(), value);
        }
    }
    parts.insert(
        "content".to_owned(),
        STANDARD.encode(&record.content).into(),
    );
    Outgoing::new(STATEMENT, Value::Object(parts).to_string())
}
