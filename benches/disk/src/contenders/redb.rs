//! redb as a queue: events by their keys, and beside them how often each was taken.
//!
//! Without durability its commits live in memory until one with durability comes: they do not even survive the process. So in
//! the rows that flush nothing it promises less than all others.

use std::path::Path;

use redb::{
    Database, Durability as Level, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    TableDefinition,
};

use bookdrop_bench_common::event::number_of;

use super::engine::{Batch, Cursor, Engine, Taken};
use crate::queue::Durability;

const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
const TAKEN: TableDefinition<'_, u64, u32> = TableDefinition::new("taken");

pub(crate) struct Redb {
    database: Database,
    cursor: Cursor,
    durability: Durability,
}

impl Engine for Redb {
    fn open_in(folder: &Path, durability: Durability) -> Self {
        let database = Database::create(folder.join("queue.redb")).expect("it opens");
        let keys = keys(&database).expect("redb does it");
        Self {
            database,
            cursor: Cursor::between(keys),
            durability,
        }
    }

    fn transact(&mut self, batch: &mut Batch) {
        self.try_transact(batch).expect("redb does it");
    }

    fn cursor(&self) -> Cursor {
        self.cursor
    }

    fn count(&mut self) -> u64 {
        let reading = self.database.begin_read().expect("redb does it");
        let events = reading.open_table(EVENTS).expect("it was made");
        events.len().expect("redb does it")
    }

    fn clear(&mut self) {
        let clear = || -> Result<(), redb::Error> {
            let writing = self.database.begin_write()?;
            writing.delete_table(EVENTS)?;
            writing.delete_table(TAKEN)?;
            writing.open_table(EVENTS)?;
            writing.open_table(TAKEN)?;
            Ok(writing.commit()?)
        };
        clear().expect("redb does it");
        self.cursor.next = self.cursor.end;
    }
}

/// The first key and the last one. Makes the tables where they are not there.
fn keys(database: &Database) -> Result<Option<(u64, u64)>, redb::Error> {
    let writing = database.begin_write()?;
    let keys = {
        let events = writing.open_table(EVENTS)?;
        writing.open_table(TAKEN)?;
        let first = events.first()?.map(|(key, _)| key.value());
        let last = events.last()?.map(|(key, _)| key.value());
        first.zip(last)
    };
    writing.commit()?;
    Ok(keys)
}

impl Redb {
    fn try_transact(&mut self, batch: &mut Batch) -> Result<(), redb::Error> {
        let mut writing = self.database.begin_write()?;
        let flushes = self.durability == Durability::Always && batch.must_survive();
        writing.set_durability(match flushes {
            true => Level::Immediate,
            false => Level::None,
        })?;
        {
            let mut events = writing.open_table(EVENTS)?;
            for event in &batch.sends {
                events.insert(self.cursor.new_key(), event.as_slice())?;
            }
            for _ in 0..batch.takes {
                let key = self.cursor.next;
                let event = events.get(key)?.expect("it is ready");
                let number = number_of(event.value());
                self.cursor.next += 1;
                batch.taken.push(Taken { key, number });
            }
            for key in &batch.acks {
                events.remove(key)?;
            }
        }
        if !batch.acks.is_empty() || !batch.taken.is_empty() {
            let mut taken = writing.open_table(TAKEN)?;
            for one in &batch.taken {
                taken.insert(one.key, 1)?;
            }
            for key in &batch.acks {
                taken.remove(key)?;
            }
        }
        Ok(writing.commit()?)
    }
}
