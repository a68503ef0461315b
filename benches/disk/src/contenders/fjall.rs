//! fjall as a queue: events by their keys, and beside them how often each was taken. It reads single keys only: a search would
//! pass by all that was removed and is not yet compacted away.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use bookdrop_bench_common::event::number_of;

use super::engine::{Batch, Cursor, Engine, Taken};
use crate::queue::Durability;

pub(crate) struct Fjall {
    database: Database,
    events: Keyspace,
    taken: Keyspace,
    cursor: Cursor,
    durability: Durability,
}

impl Engine for Fjall {
    fn open_in(folder: &Path, durability: Durability) -> Self {
        let database = Database::builder(folder).open().expect("it opens");
        let keyspace = |name| {
            let keyspace = database.keyspace(name, KeyspaceCreateOptions::default);
            keyspace.expect("fjall does it")
        };
        let (events, taken) = (keyspace("events"), keyspace("taken"));
        let key = |found: fjall::Guard| {
            let key = found.key().expect("fjall does it");
            u64::from_be_bytes(key[..].try_into().expect("keys have eight bytes"))
        };
        let first = events.first_key_value().map(key);
        let last = events.last_key_value().map(key);
        Self {
            cursor: Cursor::between(first.zip(last)),
            database,
            events,
            taken,
            durability,
        }
    }

    fn transact(&mut self, batch: &mut Batch) {
        self.try_transact(batch).expect("fjall does it");
    }

    fn cursor(&self) -> Cursor {
        self.cursor
    }

    fn count(&mut self) -> u64 {
        self.events.len().expect("fjall does it") as u64
    }

    fn clear(&mut self) {
        let cleared = self.events.clear().and_then(|()| self.taken.clear());
        cleared.expect("fjall does it");
        self.cursor.next = self.cursor.end;
    }
}

impl Fjall {
    fn try_transact(&mut self, batch: &mut Batch) -> fjall::Result<()> {
        let flushes = self.durability == Durability::Always && batch.must_survive();
        let mode = match flushes {
            true => PersistMode::SyncData,
            false => PersistMode::Buffer,
        };
        for _ in 0..batch.takes {
            let key = self.cursor.next;
            let event = self.events.get(key.to_be_bytes())?.expect("it is ready");
            let number = number_of(&event);
            self.cursor.next += 1;
            batch.taken.push(Taken { key, number });
        }
        let mut writing = self.database.batch().durability(Some(mode));
        for event in &batch.sends {
            let key = self.cursor.new_key();
            writing.insert(&self.events, key.to_be_bytes(), event.as_slice());
        }
        for one in &batch.taken {
            writing.insert(&self.taken, one.key.to_be_bytes(), [1]);
        }
        for key in &batch.acks {
            writing.remove(&self.events, key.to_be_bytes());
            writing.remove(&self.taken, key.to_be_bytes());
        }
        writing.commit()
    }
}
