//! An event, shared by all groups in which it stands.

use std::sync::Arc;
use std::time::Duration;

use bookdrop_backend::Record;

use crate::store::Ledger;

/// An event: what the queue looks at, and what its ledger knows of it.
pub struct Event<L: Ledger> {
    /// The id that a user gave it.
    pub given_id: Option<Box<str>>,
    /// Events of one key are handed over one at a time.
    pub key: Option<Box<str>>,
    /// The greater, the more urgent.
    pub priority: u8,
    /// How long after it was sent it is handed over.
    pub time_to_live: Option<Duration>,
    /// What the ledger knows of it.
    pub account: L::Account,
    ledger: Arc<L>,
}

impl<L: Ledger> Event<L> {
    /// The event of a record, of which the ledger knows this.
    pub fn new(
        record: Record,
        ledger: Arc<L>,
        account: impl FnOnce(&L, Record) -> L::Account,
    ) -> Self {
        Event {
            given_id: record.is_id_given.then(|| record.id.clone()),
            key: record.key.clone(),
            priority: record.priority,
            time_to_live: record.time_to_live,
            account: account(&ledger, record),
            ledger,
        }
    }

    /// Where it is noted what happens to it.
    pub fn ledger(&self) -> &L {
        &self.ledger
    }

    /// What is known of it where its record is damaged.
    pub fn remains(&self) -> Record {
        Record {
            id: self.given_id.clone().unwrap_or_default(),
            is_id_given: self.given_id.is_some(),
            key: self.key.clone(),
            priority: self.priority,
            time_to_live: self.time_to_live,
            ..Record::default()
        }
    }
}
