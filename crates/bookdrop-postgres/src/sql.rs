//! The functions of the schema, as this driver calls them.

mod given;
mod returned;

use std::cell::Cell;
use std::time::Duration;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use crate::error::Trouble;
use crate::link::{Session, pause};

pub(crate) use given::{Asked, Bounds, Columns, Finished, in_nanoseconds, listed, word_for};
pub(crate) use returned::{
    Batch, Event, Fate, Opened, Prolonged, Published, Relayed, count, place, reason_of, record,
};
use returned::{event, nanoseconds, published};

/// How often a statement is tried that others were in the way of.
const TRIES: u32 = 10;
/// What holds for the driver's own connections alone, whatever the database, or the user, sets. A statement that takes longer is given up by
/// the server: somebody has locked what it needs. Operators are those of the server, also where somebody else made one of the same name.
/// Whoever waits for a lock sees what was committed meanwhile. And everything is looked up by an index: a plan that was made while the
/// queue was empty would read the whole table, with all that is dead in it, for as long as the connection lives.
const SETTINGS: &str = "
    SET search_path = pg_catalog, pg_temp;
    SET default_transaction_isolation = 'read committed';
    SET statement_timeout = '60s';
    SET lock_timeout = 0;
    SET enable_seqscan = off;
    SET enable_bitmapscan = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off;
    SET plan_cache_mode = force_generic_plan;
    SET jit = off";

/// A connection, with the statements that are called all the time.
pub(crate) struct Database {
    client: Client,
    /// Whether a statement has shown that the connection is of no use, though it may be open.
    is_useless: Cell<bool>,
    publish: Statement,
    fetch: Statement,
    finish: Statement,
    return_events: Statement,
    wake: Statement,
    give_up: Statement,
    put_back: Statement,
    told: Statement,
    relay: Statement,
}

pub(crate) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Database {
    pub(crate) async fn new(client: Client) -> Result<Self, Trouble> {
        let (publish, fetch, finish, return_events, wake, give_up, put_back, told, relay) = futures_util::try_join!(
            client.prepare("SELECT * FROM bookdrop.publish($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)"),
            client.prepare("SELECT * FROM bookdrop.fetch($1, $2, $3, $4)"),
            client.prepare("SELECT * FROM bookdrop.finish($1, $2, $3, $4, $5, $6, $7, $8)"),
            client.prepare("SELECT * FROM bookdrop.return_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"),
            client.prepare("SELECT bookdrop.wake($1, $2, $3)"),
            client.prepare("SELECT * FROM bookdrop.give_up($1, $2)"),
            client.prepare("SELECT bookdrop.put_back($1, $2)"),
            client.prepare("SELECT * FROM bookdrop.told($1)"),
            client.prepare("SELECT * FROM bookdrop.relay($1, $2, $3, $4, $5, $6, $7, $8)"),
        )?;
        Ok(Database {
            client,
            is_useless: Cell::new(false),
            publish,
            fetch,
            finish,
            return_events,
            wake,
            give_up,
            put_back,
            told,
            relay,
        })
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.is_useless.get() || self.client.is_closed()
    }

    /// A statement that is rarely needed.
    pub(crate) async fn rarely(
        &self,
        statement: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, Trouble> {
        let ended = again(|| async { Ok(self.client.query(statement, parameters).await?) }).await;
        self.noted(ended)
    }

    async fn often(
        &self,
        statement: &Statement,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, Trouble> {
        let ended = again(|| async { Ok(self.client.query(statement, parameters).await?) }).await;
        self.noted(ended)
    }

    /// What is of no use is given up at once: otherwise the same would be tried on it without a pause.
    fn noted(&self, ended: Result<Vec<Row>, Trouble>) -> Result<Vec<Row>, Trouble> {
        if ended.as_ref().is_err_and(Trouble::ends_connection) {
            self.is_useless.set(true);
        }
        ended
    }

    async fn one(&self, statement: &Statement, parameters: Parameters<'_>) -> Result<Row, Trouble> {
        let rows = self.often(statement, parameters).await?;
        Ok(rows
            .into_iter()
            .next()
            .expect("the function returns one row"))
    }

    pub(crate) async fn publish(
        &self,
        session: Session,
        columns: &Columns<'_>,
        bounds: &Bounds,
    ) -> Result<Published, Trouble> {
        let have_asks = columns.have_asks();
        let row = self
            .one(
                &self.publish,
                &[
                    &session.queue,
                    &session.driver,
                    &columns.ids,
                    &columns.are_given,
                    &columns.keys,
                    &columns.priorities,
                    &columns.delays,
                    &columns.times_to_live,
                    &columns.contents,
                    &columns.have_probes().then_some(&columns.are_probes),
                    &have_asks.then_some(&columns.asks),
                    &have_asks.then_some(&columns.timeouts),
                    &have_asks.then_some(&columns.are_patient),
                    &columns.plain,
                    &columns.delayed,
                    &columns.have_keys(),
                    &(columns.have_ids() && bounds.id_window > 0),
                    &bounds.capacity,
                    &bounds.max_delayed,
                    &bounds.id_window,
                    &bounds.drops_oldest,
                ],
            )
            .await?;
        Ok(published(&row, columns.ids.len()))
    }

    /// `None` where there is no such group any more.
    pub(crate) async fn fetch(
        &self,
        group: i32,
        driver: i64,
        most: i32,
        most_bytes: i64,
    ) -> Result<Option<Batch>, Trouble> {
        let parameters: Parameters<'_> = &[&group, &driver, &most, &most_bytes];
        let mut rows = self.often(&self.fetch, parameters).await?;
        let Some(last) = rows.pop() else {
            return Ok(None);
        };
        Ok(Some(Batch {
            wakes_in: last.get::<_, Option<i64>>(12).map(nanoseconds),
            queued: last.get::<_, Option<i64>>(13).unwrap_or(0).max(0) as u64,
            has_more: last.get(15),
            expired: count(&last, 14),
            events: rows.iter().map(event).collect(),
        }))
    }

    /// The places in the list of those that were in hand, and whether their requesters still waited.
    pub(crate) async fn finish(
        &self,
        driver: i64,
        ended: &Finished<'_>,
        is_lazy: bool,
    ) -> Result<Vec<(usize, bool)>, Trouble> {
        let Finished {
            numbers,
            attempts,
            outcomes,
            answers,
            have_keys,
            are_requests,
        } = ended;
        let parameters: Parameters<'_> = &[
            &driver,
            numbers,
            attempts,
            outcomes,
            answers,
            have_keys,
            are_requests,
            &is_lazy,
        ];
        let rows = self.often(&self.finish, parameters).await?;
        Ok(rows.iter().map(|row| (place(row), row.get(1))).collect())
    }

    /// The places in the list of those that were in hand, what became of each, and how many dead letters were dropped for it.
    pub(crate) async fn return_events(
        &self,
        driver: i64,
        numbers: &[i64],
        attempts: &[i32],
        have_failed: &[bool],
        waits: &[Option<i64>],
        bounds: &Bounds,
    ) -> Result<Vec<(usize, String, u64)>, Trouble> {
        let parameters: Parameters<'_> = &[
            &driver,
            &numbers,
            &attempts,
            &have_failed,
            &waits,
            &bounds.backoff_first,
            &bounds.backoff_max,
            &bounds.max_attempts,
            &bounds.max_deliveries,
            &bounds.max_dead,
        ];
        let rows = self.often(&self.return_events, parameters).await?;
        Ok(rows
            .iter()
            .map(|row| (place(row), row.get(1), count(row, 2)))
            .collect())
    }

    /// The requests that were known, and whether somebody ever had each.
    pub(crate) async fn give_up(
        &self,
        driver: i64,
        asks: &[i64],
    ) -> Result<Vec<(i64, bool)>, Trouble> {
        let rows = self.often(&self.give_up, &[&driver, &asks]).await?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    pub(crate) async fn put_back(&self, driver: i64, numbers: &[i64]) -> Result<(), Trouble> {
        self.often(&self.put_back, &[&driver, &numbers])
            .await
            .map(drop)
    }

    /// How requests of this driver ended that others ended.
    pub(crate) async fn told(&self, driver: i64) -> Result<Vec<Row>, Trouble> {
        self.often(&self.told, &[&driver]).await
    }

    /// Puts what is first in the outbox into the queue, at most so many events of each kind, and about so many bytes.
    pub(crate) async fn relay(
        &self,
        queue: i32,
        most: i64,
        most_bytes: i64,
        bounds: &Bounds,
    ) -> Result<Relayed, Trouble> {
        let parameters: Parameters<'_> = &[
            &queue,
            &most,
            &most_bytes,
            &bounds.capacity,
            &bounds.max_delayed,
            &bounds.id_window,
            &bounds.drops_oldest,
            &bounds.max_outbox,
        ];
        let row = self.one(&self.relay, parameters).await?;
        Ok(Relayed {
            sent: count(&row, 0),
            duplicates: count(&row, 1),
            dropped: count(&row, 2),
            expired: count(&row, 3),
            are_left: row.get(4),
        })
    }

    pub(crate) async fn wake(&self, queue: i32, driver: i64, what: &str) -> Result<(), Trouble> {
        self.often(&self.wake, &[&queue, &driver, &what])
            .await
            .map(drop)
    }
}

/// Tries once more what others were in the way of, and not in step with them.
async fn again<V>(mut attempt: impl AsyncFnMut() -> Result<V, Trouble>) -> Result<V, Trouble> {
    let mut tries = 1;
    loop {
        match attempt().await {
            Err(Trouble::Again(_)) if tries < TRIES => {
                tokio::time::sleep(pause(tries)).await;
                tries += 1;
            }
            ended => return ended,
        }
    }
}

/// Prepares a connection for whatever is done on it.
pub(crate) async fn set_up(client: &Client) -> Result<(), Trouble> {
    Ok(client.batch_execute(SETTINGS).await?)
}

pub(crate) async fn open(
    client: &Client,
    queue: &str,
    codec: &str,
    lease: Duration,
) -> Result<Opened, Trouble> {
    let statement = "SELECT * FROM bookdrop.open($1, $2, bookdrop.span($3))";
    let row = client
        .query_one(statement, &[&queue, &codec, &in_nanoseconds(lease)])
        .await?;
    Ok(Opened {
        queue: row.get(0),
        driver: row.get(1),
        codec: row.get(2),
        others: count(&row, 3),
    })
}

pub(crate) async fn prolong(
    client: &Client,
    driver: i64,
    lease: Duration,
) -> Result<Prolonged, Trouble> {
    let statement = "SELECT * FROM bookdrop.prolong($1, bookdrop.span($2))";
    let row = client
        .query_one(statement, &[&driver, &in_nanoseconds(lease)])
        .await?;
    Ok(Prolonged {
        is_alive: row.get(0),
        others: count(&row, 1),
    })
}

pub(crate) async fn listen(client: &Client, driver: i64) -> Result<(), Trouble> {
    Ok(client
        .batch_execute(&format!("LISTEN bookdrop_{driver}"))
        .await?)
}
