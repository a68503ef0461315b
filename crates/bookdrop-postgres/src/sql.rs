//! The functions of the schema, as this driver calls them.

use std::cell::Cell;
use std::time::Duration;

use bookdrop_backend::{DeadReason, Letters, Record};
use bytes::Bytes;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use crate::error::Trouble;
use crate::link::Session;

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
    fail: Statement,
    wake: Statement,
    give_up: Statement,
    put_back: Statement,
    told: Statement,
    relay: Statement,
}

pub(crate) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Database {
    pub(crate) async fn new(client: Client) -> Result<Self, Trouble> {
        let (publish, fetch, finish, fail, wake, give_up, put_back, told, relay) = futures_util::try_join!(
            client.prepare("SELECT * FROM bookdrop.publish($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)"),
            client.prepare("SELECT * FROM bookdrop.fetch($1, $2, $3, $4)"),
            client.prepare("SELECT * FROM bookdrop.finish($1, $2, $3, $4, $5, $6, $7, $8)"),
            client.prepare("SELECT * FROM bookdrop.fail($1, $2, $3, $4, $5, $6, $7, $8, $9)"),
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
            fail,
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
                    &columns.have_probes.then_some(&columns.are_probes),
                    &columns.have_asks.then_some(&columns.asks),
                    &columns.have_asks.then_some(&columns.timeouts),
                    &columns.have_asks.then_some(&columns.are_patient),
                    &columns.plain,
                    &columns.delayed,
                    &columns.have_keys,
                    &(columns.have_ids && bounds.id_window > 0),
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
            wakes_in: last.get::<_, Option<i64>>(11).map(nanoseconds),
            queued: last.get::<_, Option<i64>>(12).unwrap_or(0).max(0) as u64,
            has_more: last.get(14),
            expired: count(&last, 13),
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
    pub(crate) async fn fail(
        &self,
        driver: i64,
        numbers: &[i64],
        attempts: &[i32],
        waits: &[Option<i64>],
        bounds: &Bounds,
    ) -> Result<Vec<(usize, String, u64)>, Trouble> {
        let parameters: Parameters<'_> = &[
            &driver,
            &numbers,
            &attempts,
            &waits,
            &bounds.backoff_first,
            &bounds.backoff_max,
            &bounds.max_attempts,
            &bounds.max_deliveries,
            &bounds.max_dead,
        ];
        let rows = self.often(&self.fail, parameters).await?;
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

/// Tries once more what others were in the way of.
async fn again<V>(mut attempt: impl AsyncFnMut() -> Result<V, Trouble>) -> Result<V, Trouble> {
    let mut tries = 1;
    loop {
        match attempt().await {
            Err(Trouble::Again(_)) if tries < TRIES => tries += 1,
            ended => return ended,
        }
    }
}

/// A queue that was opened.
pub(crate) struct Opened {
    pub(crate) queue: i32,
    /// Who this driver is there; nobody where the codec is another one.
    pub(crate) driver: Option<i64>,
    pub(crate) codec: String,
    /// Other drivers of the queue.
    pub(crate) others: u64,
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

/// What is known once the lease was prolonged.
pub(crate) struct Prolonged {
    /// Whether the server still knows the driver: otherwise others have what it had in hand.
    pub(crate) is_alive: bool,
    /// Other drivers of the queue.
    pub(crate) others: u64,
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

/// What is sent, as the function takes it.
#[derive(Default)]
pub(crate) struct Columns<'a> {
    ids: Vec<&'a str>,
    are_given: Vec<bool>,
    keys: Vec<Option<&'a str>>,
    priorities: Vec<i16>,
    delays: Vec<Option<i64>>,
    times_to_live: Vec<Option<i64>>,
    contents: Vec<&'a [u8]>,
    are_probes: Vec<bool>,
    asks: Vec<Option<i64>>,
    timeouts: Vec<Option<i64>>,
    are_patient: Vec<Option<bool>>,
    /// Events to be sent without a delay, and with one.
    plain: i64,
    delayed: i64,
    have_keys: bool,
    have_ids: bool,
    have_probes: bool,
    have_asks: bool,
}

impl<'a> Columns<'a> {
    pub(crate) fn push_event(&mut self, record: &'a Record, is_probe: bool) {
        self.push(record, is_probe, None);
        self.have_ids |= record.is_id_given;
        self.have_probes |= is_probe;
        match record.delay {
            _ if is_probe => {}
            None => self.plain += 1,
            Some(_) => self.delayed += 1,
        }
    }

    pub(crate) fn push_request(&mut self, record: &'a Record, asking: Asked) {
        self.push(record, false, Some(asking));
        self.have_asks = true;
    }

    fn push(&mut self, record: &'a Record, is_probe: bool, asked: Option<Asked>) {
        self.ids.push(&record.id);
        self.are_given.push(record.is_id_given);
        self.keys.push(record.key.as_deref());
        self.priorities.push(record.priority.into());
        self.delays.push(record.delay.map(in_nanoseconds));
        self.times_to_live
            .push(record.time_to_live.map(in_nanoseconds));
        self.contents.push(&record.content);
        self.are_probes.push(is_probe);
        self.asks.push(asked.map(|asked| asked.ask));
        self.timeouts
            .push(asked.map(|asked| in_nanoseconds(asked.time_left)));
        self.are_patient.push(asked.map(|asked| asked.is_patient));
        self.have_keys |= record.key.is_some();
    }
}

/// What belongs to requests alone.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) ask: i64,
    pub(crate) time_left: Duration,
    /// Whether it waits for a consumer to come.
    pub(crate) is_patient: bool,
}

/// Events that are done with.
#[derive(Default)]
pub(crate) struct Finished<'a> {
    numbers: Vec<i64>,
    attempts: Vec<i32>,
    outcomes: Vec<Option<&'static str>>,
    answers: Vec<Option<&'a [u8]>>,
    have_keys: bool,
    pub(crate) are_requests: bool,
}

impl<'a> Finished<'a> {
    pub(crate) fn push(
        &mut self,
        hand: (i64, i32, bool),
        outcome: Option<&'static str>,
        answer: Option<&'a [u8]>,
    ) {
        let (number, attempt, has_key) = hand;
        self.numbers.push(number);
        self.attempts.push(attempt);
        self.have_keys |= has_key;
        self.outcomes.push(outcome);
        self.answers.push(answer);
    }
}

/// The bounds of the queue, in the server's types.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) capacity: i64,
    pub(crate) max_delayed: i64,
    pub(crate) id_window: i64,
    pub(crate) max_ids: i64,
    pub(crate) drops_oldest: bool,
    pub(crate) max_outbox: i64,
    pub(crate) backoff_first: i64,
    pub(crate) backoff_max: i64,
    pub(crate) max_attempts: i32,
    pub(crate) max_deliveries: i32,
    pub(crate) max_dead: i64,
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
fn published(row: &Row, records: usize) -> Published {
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
    pub(crate) record: Record,
    /// Of a request: its driver, its number there, and how long the answer is wanted.
    pub(crate) asker: Option<(i64, i64, Duration)>,
}

fn event(row: &Row) -> Event {
    let asker: Option<i64> = row.get(9);
    Event {
        number: row.get(0),
        attempt: row.get(1),
        record: record(row, 2),
        asker: asker.map(|driver| (driver, row.get(10), nanoseconds(row.get(11)))),
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

pub(crate) fn in_nanoseconds(span: Duration) -> i64 {
    span.as_nanos().try_into().unwrap_or(i64::MAX)
}

fn nanoseconds(span: i64) -> Duration {
    Duration::from_nanos(span.max(0) as u64)
}

/// Which dead letters: all of them where there is no list.
pub(crate) fn listed(which: &Letters) -> Option<Vec<i64>> {
    match which {
        Letters::All => None,
        Letters::These(ids) => Some(
            ids.iter()
                .filter_map(|id| i64::try_from(*id).ok())
                .collect(),
        ),
    }
}

pub(crate) fn word_for(reason: &DeadReason) -> (&'static str, String) {
    match reason {
        DeadReason::Rejected(why) => ("rejected", why.clone()),
        DeadReason::MaxAttempts => ("max attempts", String::new()),
        DeadReason::MaxDeliveries => ("max deliveries", String::new()),
        DeadReason::Undecodable(why) => ("undecodable", why.clone()),
        other => ("rejected", other.to_string()),
    }
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
