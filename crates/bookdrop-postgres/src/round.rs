//! One round: everything that there is to do at the server, in as few trips as possible.
//!
//! What a round has to do is done in the order of its fields. So what was given up is gone before anything is handed over, and what was
//! sent can be handed over by the same round.

use std::rc::Rc;
use std::time::{Duration, Instant};

use bookdrop_backend::{Dead, Error, Letters, Reader, Stats};
use futures_util::future::join_all;
use futures_util::join;
use tokio_postgres::Row;

use crate::commands::{Coming, Deed, How, Look, Parcel, Question, Reply, Seat, Settling};
use crate::error::Trouble;
use crate::link::Session;
use crate::sql::{self, Asked, Batch, Bounds, Columns, Database, Finished, Published};

/// What is to be done.
pub(crate) struct Round {
    pub(crate) session: Session,
    pub(crate) bounds: Bounds,
    pub(crate) begun: Instant,
    /// After the connection was made again: what is known to be in hand.
    pub(crate) reclaims: Option<Vec<i64>>,
    /// After that, too: the number of the last request, and those that have no outcome yet.
    pub(crate) disclaims: Option<(i64, Vec<i64>)>,
    /// What the other drivers of the queue are to hear.
    pub(crate) wakes: Option<&'static str>,
    /// Whether to look after drivers that are dead.
    pub(crate) looks_after: bool,
    pub(crate) seats: Vec<SeatChange>,
    pub(crate) give_ups: Vec<i64>,
    pub(crate) put_backs: Vec<i64>,
    /// Requests in hand that nobody waits for.
    pub(crate) drops: Vec<(i64, i32, bool)>,
    pub(crate) settles: Vec<Settling>,
    pub(crate) closes: bool,
    pub(crate) deeds: Vec<Deed>,
    pub(crate) shipments: Vec<Shipment>,
    pub(crate) questions: Vec<Question>,
    pub(crate) reads_told: bool,
    /// Requests that the server should know.
    pub(crate) checks: Vec<i64>,
    pub(crate) fetches: Vec<(i32, usize)>,
    pub(crate) looks: Vec<Look>,
    /// Requests without an outcome, where somebody looks.
    pub(crate) waiting_requests: usize,
}

impl Round {
    /// One that does nothing.
    pub(crate) fn new(session: Session, bounds: Bounds) -> Self {
        Round {
            session,
            bounds,
            begun: Instant::now(),
            reclaims: None,
            disclaims: None,
            wakes: None,
            looks_after: false,
            seats: Vec::new(),
            give_ups: Vec::new(),
            put_backs: Vec::new(),
            drops: Vec::new(),
            settles: Vec::new(),
            closes: false,
            deeds: Vec::new(),
            shipments: Vec::new(),
            questions: Vec::new(),
            reads_told: false,
            checks: Vec::new(),
            fetches: Vec::new(),
            looks: Vec::new(),
            waiting_requests: 0,
        }
    }
}

/// A consumer comes or goes.
pub(crate) enum SeatChange {
    /// The server is told how many sit in this group. It is counted when the round begins, so to tell it twice does no harm.
    Count {
        group: i32,
        readers: usize,
    },
    /// One more sits in a group that another consumer of this driver is in.
    Beside {
        group: i32,
        reader: Reader,
        readers: usize,
        told: Reply<Result<Seat, Error>>,
    },
    Come(Coming),
}

/// So many records of a parcel.
pub(crate) struct Shipment {
    pub(crate) parcel: Parcel,
    pub(crate) count: usize,
}

/// What came of it, in the same order.
#[derive(Default)]
pub(crate) struct Results {
    /// What is in hand indeed of what is known to be.
    pub(crate) reclaimed: Option<Result<Vec<i64>, Trouble>>,
    /// Drivers that were found dead.
    pub(crate) buried: u64,
    pub(crate) seats: Vec<Result<i32, Trouble>>,
    pub(crate) given_up: Option<Result<Vec<(i64, bool)>, Trouble>>,
    pub(crate) settled: Vec<Result<Settlement, Trouble>>,
    pub(crate) closed: Option<Result<(), Trouble>>,
    pub(crate) deeds: Vec<Result<u64, Trouble>>,
    pub(crate) published: Option<Result<Published, Trouble>>,
    pub(crate) asked: Option<Result<Published, Trouble>>,
    pub(crate) told: Option<Result<Vec<Told>, Trouble>>,
    pub(crate) known: Option<Result<Vec<i64>, Trouble>>,
    pub(crate) fetched: Vec<Result<Option<Batch>, Trouble>>,
    pub(crate) looks: Vec<Result<Seen, Trouble>>,
    /// The first sign that the connection is gone.
    pub(crate) is_lost: bool,
}

/// What became of something in hand.
#[derive(Debug)]
pub(crate) enum Settlement {
    /// It was not in hand any more.
    TooLate,
    /// It is done with. Whether a requester still waited.
    Finished {
        was_told: bool,
    },
    Owed,
    /// It came back.
    Returned,
    /// It is a dead letter, and so many others were dropped for it.
    Buried {
        dropped: u64,
    },
    /// It failed, and nobody wants it any more.
    Ended {
        is_expired: bool,
    },
}

/// How a request of this driver ended.
pub(crate) struct Told {
    pub(crate) ask: i64,
    pub(crate) outcome: String,
    pub(crate) was_taken: bool,
    pub(crate) explanation: String,
    pub(crate) answer: Option<Vec<u8>>,
}

/// What was seen.
pub(crate) enum Seen {
    Stats(Option<(Stats, u64)>),
    Groups(Vec<String>),
    Dead(Vec<Dead>),
}

/// Does what there is to do.
pub(crate) async fn play(database: Rc<Database>, round: Round) -> (Round, Results) {
    let mut results = Results::default();
    let player = Player {
        database: &database,
        round: &round,
    };
    player.enter(&mut results).await;
    if round.deeds.is_empty() && !round.closes {
        let ((given_up, settled), moved) = join!(player.settle(), player.move_on());
        (results.given_up, results.settled) = (given_up, settled);
        results.take(moved);
    } else {
        (results.given_up, results.settled) = player.settle().await;
        player.act(&mut results).await;
        let moved = player.move_on().await;
        results.take(moved);
    }
    for look in &round.looks {
        results.looks.push(player.look(look).await);
    }
    results.is_lost = database.is_lost();
    (round, results)
}

struct Player<'a> {
    database: &'a Database,
    round: &'a Round,
}

type Moved = (
    Option<Result<Published, Trouble>>,
    Option<Result<Published, Trouble>>,
    (
        Option<Result<Vec<Told>, Trouble>>,
        Option<Result<Vec<i64>, Trouble>>,
    ),
    Vec<Result<Option<Batch>, Trouble>>,
);

impl Results {
    fn take(&mut self, (published, asked, (told, known), fetched): Moved) {
        (self.published, self.asked) = (published, asked);
        (self.told, self.known) = (told, known);
        self.fetched = fetched;
    }
}

impl Player<'_> {
    fn driver(&self) -> i64 {
        self.round.session.driver
    }

    fn queue(&self) -> i32 {
        self.round.session.queue
    }

    /// What is rare, and comes first.
    async fn enter(&self, results: &mut Results) {
        let database = self.database;
        if let Some(known) = &self.round.reclaims {
            let statement = "SELECT bookdrop.reclaim($1, $2)";
            let rows = database.rarely(statement, &[&self.driver(), known]).await;
            let held = rows.map(|rows| rows.iter().map(|row| row.get(0)).collect());
            results.reclaimed = Some(held);
        }
        if let Some((last, open)) = &self.round.disclaims {
            let statement = "SELECT bookdrop.disclaim($1, $2, $3)";
            // Where it fails, their deadlines end them.
            let _ = database
                .rarely(statement, &[&self.driver(), last, open])
                .await;
        }
        if self.round.looks_after {
            results.buried = self.look_after().await;
        }
        for seat in &self.round.seats {
            results.seats.push(self.sit(seat).await);
        }
    }

    /// How many drivers were found dead.
    async fn look_after(&self) -> u64 {
        let bounds = &self.round.bounds;
        let statement = "SELECT bookdrop.look_after($1, $2, $3, $4)";
        let parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)] = &[
            &self.queue(),
            &bounds.max_deliveries,
            &bounds.max_dead,
            &bounds.max_ids,
        ];
        let buried = self.database.rarely(statement, parameters).await;
        // Where it fails, it is tried again when the lease is prolonged next time, or by others.
        buried.map_or(0, |rows| first_count(&rows))
    }

    /// The group that was sat down in, or left.
    async fn sit(&self, seat: &SeatChange) -> Result<i32, Trouble> {
        let (group, readers) = match seat {
            SeatChange::Come(coming) => {
                let statement = "SELECT bookdrop.come($1, $2)";
                let rows = self
                    .database
                    .rarely(statement, &[&self.driver(), &coming.group])
                    .await?;
                return Ok(rows[0].get(0));
            }
            SeatChange::Count { group, readers } | SeatChange::Beside { group, readers, .. } => {
                (*group, *readers)
            }
        };
        let readers: i32 = readers.try_into().unwrap_or(i32::MAX);
        let statement = "SELECT bookdrop.sit($1, $2, $3)";
        self.database
            .rarely(statement, &[&self.driver(), &group, &readers])
            .await?;
        Ok(group)
    }

    async fn settle(
        &self,
    ) -> (
        Option<Result<Vec<(i64, bool)>, Trouble>>,
        Vec<Result<Settlement, Trouble>>,
    ) {
        let give_up = async {
            if self.round.give_ups.is_empty() {
                return None;
            }
            Some(
                self.database
                    .give_up(self.driver(), &self.round.give_ups)
                    .await,
            )
        };
        let put_back = async {
            if !self.round.put_backs.is_empty() {
                // Where it fails it is found when the connection is there again.
                let _ = self
                    .database
                    .put_back(self.driver(), &self.round.put_backs)
                    .await;
            }
        };
        let drop = async {
            if !self.round.drops.is_empty() {
                let mut dropped = Finished::default();
                dropped.are_requests = true;
                self.round
                    .drops
                    .iter()
                    .for_each(|hand| dropped.push(*hand, None, None));
                // Its deadline ends it otherwise.
                let _ = self.database.finish(self.driver(), &dropped, true).await;
            }
        };
        let (given_up, (), (), settled) = join!(give_up, put_back, drop, self.settle_all());
        (given_up, settled)
    }

    async fn settle_all(&self) -> Vec<Result<Settlement, Trouble>> {
        let settles = &self.round.settles;
        let of = |kind| -> Vec<usize> {
            (0..settles.len())
                .filter(|at| kind_of(&settles[*at]) == kind)
                .collect()
        };
        let [done, told, lazy, failed, buried, owed] = [
            Kind::Done,
            Kind::Tell,
            Kind::Lazy,
            Kind::Fail,
            Kind::Bury,
            Kind::Owe,
        ]
        .map(of);
        let parts = join!(
            self.finish(&done, false),
            self.finish(&told, false),
            self.finish(&lazy, true),
            self.fail(&failed),
            self.bury(&buried),
            self.owe(&owed)
        );
        let mut all: Vec<_> = settles.iter().map(|_| Ok(Settlement::TooLate)).collect();
        let parts = [
            (done, parts.0),
            (told, parts.1),
            (lazy, parts.2),
            (failed, parts.3),
            (buried, parts.4),
            (owed, parts.5),
        ];
        for (places, part) in parts {
            match part {
                Ok(found) => {
                    for (number, settlement) in found {
                        let place = places.iter().find(|at| settles[**at].hand.number == number);
                        if let Some(at) = place {
                            all[*at] = Ok(settlement);
                        }
                    }
                }
                Err(trouble) => places.iter().for_each(|at| all[*at] = Err(trouble.clone())),
            }
        }
        all
    }

    async fn finish(
        &self,
        places: &[usize],
        is_lazy: bool,
    ) -> Result<Vec<(i64, Settlement)>, Trouble> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let mut finished = Finished::default();
        finished.are_requests = places
            .iter()
            .any(|at| self.round.settles[*at].hand.asker.is_some());
        for at in places {
            let settling = &self.round.settles[*at];
            let hand = &settling.hand;
            let is_late = hand
                .asker
                .as_ref()
                .is_none_or(|asker| Instant::now() >= asker.deadline);
            let (outcome, answer) = match &settling.how {
                How::Answer(answer) => (Some("answered"), Some(&answer[..])),
                // One whose deadline has passed is told by that.
                _ => ((!is_late).then_some("unanswered"), None),
            };
            finished.push((hand.number, hand.attempt, hand.has_key), outcome, answer);
        }
        let rows = self
            .database
            .finish(self.driver(), &finished, is_lazy)
            .await?;
        let settled = rows
            .into_iter()
            .map(|(number, was_told)| (number, Settlement::Finished { was_told }));
        Ok(settled.collect())
    }

    async fn fail(&self, places: &[usize]) -> Result<Vec<(i64, Settlement)>, Trouble> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let (numbers, attempts) = self.numbers(places);
        let waits: Vec<_> = places
            .iter()
            .map(|at| wait_of(&self.round.settles[*at].how))
            .collect();
        let driver = self.driver();
        let rows = self
            .database
            .fail(driver, &numbers, &attempts, &waits, &self.round.bounds)
            .await?;
        let settled = rows.into_iter().map(|(number, fate, dropped)| {
            let settlement = match &*fate {
                "returned" => Settlement::Returned,
                "buried" => Settlement::Buried { dropped },
                fate => Settlement::Ended {
                    is_expired: fate == "expired",
                },
            };
            (number, settlement)
        });
        Ok(settled.collect())
    }

    async fn bury(&self, places: &[usize]) -> Result<Vec<(i64, Settlement)>, Trouble> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let (numbers, attempts) = self.numbers(places);
        let (mut reasons, mut whys) = (Vec::new(), Vec::new());
        for at in places {
            if let How::Bury(reason) = &self.round.settles[*at].how {
                let (word, why) = sql::word_for(reason);
                reasons.push(word);
                whys.push(why.replace('\0', "\u{fffd}"));
            }
        }
        let statement = "SELECT * FROM bookdrop.reject($1, $2, $3, $4, $5, $6)";
        let max_dead = self.round.bounds.max_dead;
        let rows = self
            .database
            .rarely(
                statement,
                &[
                    &self.driver(),
                    &numbers,
                    &attempts,
                    &reasons,
                    &whys,
                    &max_dead,
                ],
            )
            .await?;
        let buried = |row: &Row| {
            let dropped = sql::count(row, 1);
            (row.get(0), Settlement::Buried { dropped })
        };
        Ok(rows.iter().map(buried).collect())
    }

    async fn owe(&self, places: &[usize]) -> Result<Vec<(i64, Settlement)>, Trouble> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let (numbers, attempts) = self.numbers(places);
        let statement = "SELECT * FROM bookdrop.owe($1, $2, $3)";
        let rows = self
            .database
            .rarely(statement, &[&self.driver(), &numbers, &attempts])
            .await?;
        Ok(rows
            .iter()
            .map(|row| (row.get(0), Settlement::Owed))
            .collect())
    }

    fn numbers(&self, places: &[usize]) -> (Vec<i64>, Vec<i32>) {
        let hands = places.iter().map(|at| &self.round.settles[*at].hand);
        hands.map(|hand| (hand.number, hand.attempt)).unzip()
    }

    async fn act(&self, results: &mut Results) {
        if self.round.closes {
            let statement = "SELECT bookdrop.close($1)";
            let closed = self.database.rarely(statement, &[&self.driver()]).await;
            results.closed = Some(closed.map(drop));
        }
        for deed in &self.round.deeds {
            results.deeds.push(self.do_once(deed).await);
        }
    }

    async fn do_once(&self, deed: &Deed) -> Result<u64, Trouble> {
        let (database, queue) = (self.database, self.queue());
        let rows = match deed {
            Deed::Purge(_) => {
                database
                    .rarely("SELECT bookdrop.purge($1)", &[&queue])
                    .await?
            }
            Deed::RemoveGroup(group, _) => {
                let statement = "SELECT bookdrop.remove_group($1, $2)::integer::bigint";
                database.rarely(statement, &[&queue, group]).await?
            }
            Deed::Replay(group, which, _) => {
                let statement = "SELECT bookdrop.replay($1, $2, $3)";
                database
                    .rarely(statement, &[&queue, group, &sql::listed(which)])
                    .await?
            }
            Deed::Discard(group, which, _) => {
                let statement = "SELECT bookdrop.discard($1, $2, $3)";
                database
                    .rarely(statement, &[&queue, group, &sql::listed(which)])
                    .await?
            }
        };
        Ok(first_count(&rows))
    }

    /// What is sent, and what is handed over.
    async fn move_on(&self) -> Moved {
        let wake = async {
            if let Some(what) = self.round.wakes {
                // A hint, which everybody could do without.
                let _ = self.database.wake(self.queue(), self.driver(), what).await;
            }
        };
        let fetches = self.round.fetches.iter().map(|(group, most)| {
            let most = (*most).try_into().unwrap_or(i32::MAX);
            self.database.fetch(*group, self.driver(), most)
        });
        let ((), published, asked, heard, fetched) = join!(
            wake,
            self.publish(),
            self.request(),
            self.hear(),
            join_all(fetches)
        );
        (published, asked, heard, fetched)
    }

    async fn publish(&self) -> Option<Result<Published, Trouble>> {
        let mut columns = Columns::default();
        for shipment in &self.round.shipments {
            shipment
                .parcel
                .records
                .iter()
                .take(shipment.count)
                .for_each(|record| columns.push(record));
        }
        if columns.is_empty() {
            return None;
        }
        Some(
            self.database
                .publish(self.queue(), &columns, &self.round.bounds)
                .await,
        )
    }

    async fn request(&self) -> Option<Result<Published, Trouble>> {
        let (mut columns, mut asked) = (Columns::default(), Asked::default());
        let now = Instant::now();
        for question in &self.round.questions {
            columns.push(&question.record);
            asked.asks.push(question.ask);
            // What is left of it: it goes on by the server's clock.
            asked.timeouts.push(sql::in_nanoseconds(
                question.deadline.saturating_duration_since(now),
            ));
            asked.are_patient.push(question.waits_for_consumer);
        }
        if columns.is_empty() {
            return None;
        }
        let (queue, driver) = (self.queue(), self.driver());
        Some(
            self.database
                .request(queue, driver, &asked, &columns, &self.round.bounds)
                .await,
        )
    }

    async fn hear(
        &self,
    ) -> (
        Option<Result<Vec<Told>, Trouble>>,
        Option<Result<Vec<i64>, Trouble>>,
    ) {
        let told = async {
            if !self.round.reads_told {
                return None;
            }
            let rows = self.database.told(self.driver()).await;
            Some(rows.map(|rows| rows.iter().map(told).collect()))
        };
        let known = async {
            if self.round.checks.is_empty() {
                return None;
            }
            let statement = "SELECT ask FROM bookdrop.event WHERE asker = $1 AND ask = ANY ($2)";
            let rows = self
                .database
                .rarely(statement, &[&self.driver(), &self.round.checks])
                .await;
            Some(rows.map(|rows| rows.iter().map(|row| row.get(0)).collect()))
        };
        // Whatever is not known any more was told before.
        (told.await, known.await)
    }

    async fn look(&self, look: &Look) -> Result<Seen, Trouble> {
        match look {
            Look::Stats(group, _) => self.stats(group.as_deref()).await,
            Look::Groups(_) => {
                let statement = "SELECT name FROM bookdrop.consumer_group WHERE queue = $1 AND joined_at IS NOT NULL ORDER BY joined_at, id";
                let rows = self.database.rarely(statement, &[&self.queue()]).await?;
                Ok(Seen::Groups(rows.iter().map(|row| row.get(0)).collect()))
            }
            Look::Dead(group, which, _) => self.dead(group, which).await,
        }
    }

    async fn stats(&self, group: Option<&str>) -> Result<Seen, Trouble> {
        let statement = "SELECT * FROM bookdrop.stats($1, $2)";
        let rows = self
            .database
            .rarely(statement, &[&self.queue(), &group])
            .await?;
        let Some(row) = rows.first() else {
            return Ok(Seen::Stats(None));
        };
        let number = |column| sql::count(row, column) as usize;
        let mut stats = Stats::default();
        stats.queued = number(0);
        stats.delayed = number(1);
        stats.in_hand = number(2);
        stats.dead = number(3);
        stats.consumers = number(4);
        Ok(Seen::Stats(Some((stats, sql::count(row, 5)))))
    }

    async fn dead(&self, group: &str, which: &Letters) -> Result<Seen, Trouble> {
        let statement = "SELECT l.priority, l.event_id, l.is_id_given, l.key, l.delay, l.time_to_live, l.content,
                l.id, l.deliveries, l.reason, l.explanation, (extract(epoch FROM l.died_at) * 1e6)::bigint
            FROM bookdrop.dead_letter l JOIN bookdrop.consumer_group g ON g.id = l.consumer_group
            WHERE g.queue = $1 AND g.name = $2 AND ($3::bigint[] IS NULL OR l.id = ANY ($3)) ORDER BY l.id";
        let rows = self
            .database
            .rarely(statement, &[&self.queue(), &group, &sql::listed(which)])
            .await?;
        Ok(Seen::Dead(rows.iter().filter_map(dead).collect()))
    }
}

/// Those that go to the server together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It has to last.
    Done,
    /// A requester elsewhere is told, and it has to last: that one goes on with it, and nobody is to do the work again.
    Tell,
    /// It is of use only to a requester that lives.
    Lazy,
    Fail,
    Bury,
    Owe,
}

fn kind_of(settling: &Settling) -> Kind {
    match &settling.how {
        How::Done if settling.hand.asker.is_none() => Kind::Done,
        How::Done | How::Answer(_) => match &settling.hand.asker {
            Some(asker) if asker.is_here => Kind::Lazy,
            _ => Kind::Tell,
        },
        How::Fail(_) => Kind::Fail,
        How::Bury(_) => Kind::Bury,
        How::Owe => Kind::Owe,
    }
}

fn wait_of(how: &How) -> Option<i64> {
    match how {
        How::Fail(wait) => wait.map(sql::in_nanoseconds),
        _ => None,
    }
}

fn told(row: &Row) -> Told {
    Told {
        ask: row.get(0),
        outcome: row.get(1),
        was_taken: row.get(2),
        explanation: row.get(3),
        answer: row.get(4),
    }
}

fn dead(row: &Row) -> Option<Dead> {
    let since_epoch = Duration::from_micros(sql::count(row, 11));
    Some(Dead {
        id: sql::count(row, 7),
        record: sql::record(row, 0),
        attempts: row.get::<_, i32>(8) as u32,
        reason: sql::reason_of(row.get(9), row.get(10))?,
        at: std::time::UNIX_EPOCH + since_epoch,
    })
}

fn first_count(rows: &[Row]) -> u64 {
    rows.first().map_or(0, |row| sql::count(row, 0))
}
