//! SQLite as a queue: one table, a write-ahead log, prepared statements, no other process.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use bookdrop_bench_common::event::number_of;

use super::engine::{Batch, Cursor, Engine, Taken};
use crate::queue::Durability;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS queue (
    id INTEGER PRIMARY KEY,
    taken INTEGER NOT NULL,
    payload BLOB NOT NULL
)";
const SEND: &str = "INSERT INTO queue (id, taken, payload) VALUES (?1, 0, ?2)";
const FIRST: &str = "SELECT id, payload FROM queue WHERE id >= ?1 ORDER BY id LIMIT 1";
const TAKE: &str = "UPDATE queue SET taken = taken + 1 WHERE id = ?1";
const ACK: &str = "DELETE FROM queue WHERE id = ?1";
/// Pages in memory: as many bytes as our own cache has.
const CACHE: &str = "PRAGMA cache_size = -65536";

pub(crate) struct Sqlite {
    connection: Connection,
    cursor: Cursor,
    durability: Durability,
    /// Whether a commit flushes as the connection is set now.
    flushes: bool,
}

impl Engine for Sqlite {
    fn open_in(folder: &Path, durability: Durability) -> Self {
        let connection = Connection::open(folder.join("queue.db")).expect("it opens");
        let set = |sql: &str| connection.execute_batch(sql).expect("it can be set");
        set("PRAGMA locking_mode = EXCLUSIVE");
        set("PRAGMA journal_mode = WAL");
        set(CACHE);
        set(match durability {
            Durability::Always => "PRAGMA synchronous = FULL",
            Durability::Never => "PRAGMA synchronous = OFF",
        });
        set(TABLE);
        let keys = connection.query_row("SELECT min(id), max(id) FROM queue", [], |row| {
            Ok(row.get::<_, Option<u64>>(0)?.zip(row.get(1)?))
        });
        Self {
            cursor: Cursor::between(keys.expect("it can be read")),
            connection,
            durability,
            flushes: durability == Durability::Always,
        }
    }

    fn transact(&mut self, batch: &mut Batch) {
        self.set_flushes(batch.must_survive());
        // Alone, a statement is its own transaction.
        let is_grouped = batch.len() > 1;
        if is_grouped {
            self.run("BEGIN IMMEDIATE");
        }
        let transacted = self.statements(batch);
        transacted.expect("SQLite does it");
        if is_grouped {
            self.run("COMMIT");
        }
    }

    fn cursor(&self) -> Cursor {
        self.cursor
    }

    fn count(&mut self) -> u64 {
        let count = self
            .connection
            .query_row("SELECT count(*) FROM queue", [], |row| row.get(0));
        count.expect("it can be read")
    }

    fn clear(&mut self) {
        self.run("DELETE FROM queue");
        self.cursor.next = self.cursor.end;
    }
}

impl Sqlite {
    /// Taking an event in hand need not be flushed, so it is not, where the others are.
    fn set_flushes(&mut self, flushes: bool) {
        if self.durability == Durability::Never || self.flushes == flushes {
            return;
        }
        let sql = match flushes {
            true => "PRAGMA synchronous = FULL",
            false => "PRAGMA synchronous = NORMAL",
        };
        self.connection.execute_batch(sql).expect("it can be set");
        self.flushes = flushes;
    }

    fn statements(&mut self, batch: &mut Batch) -> rusqlite::Result<()> {
        let mut send = self.connection.prepare_cached(SEND)?;
        for event in &batch.sends {
            send.execute((self.cursor.new_key(), event))?;
        }
        let mut ack = self.connection.prepare_cached(ACK)?;
        for key in &batch.acks {
            ack.execute([key])?;
        }
        let mut first = self.connection.prepare_cached(FIRST)?;
        let mut take = self.connection.prepare_cached(TAKE)?;
        for _ in 0..batch.takes {
            let row = first.query_row([self.cursor.next], |row| {
                Ok((row.get(0)?, number_of(row.get_ref(1)?.as_blob()?)))
            });
            let Some((key, number)) = row.optional()? else {
                break;
            };
            take.execute([key])?;
            self.cursor.next = key + 1;
            batch.taken.push(Taken { key, number });
        }
        Ok(())
    }

    fn run(&self, sql: &str) {
        let statement = self.connection.prepare_cached(sql);
        let run = statement.and_then(|mut statement| statement.execute([]));
        run.expect("SQLite does it");
    }
}
