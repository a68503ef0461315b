//! One round: everything that there is to do at the server, in as few trips as possible.
//!
//! What a round has to do is done in the order of its fields. So what was given up is gone before anything is handed over.

mod looks;
mod settles;

use std::rc::Rc;
use std::time::Instant;

use bookdrop_backend::telling::Promise;
use bookdrop_backend::{Error, Reader};
use futures_util::future::join_all;
use futures_util::join;
use tokio_postgres::Row;

use crate::commands::{Coming, Deed, Look, Seat, Settling};
use crate::error::Trouble;
use crate::link::Session;
use crate::sql::{self, Batch, Bounds, Database, Finished, Parameters};

pub(crate) use looks::Seen;
pub(crate) use settles::Settlement;

/// So many bytes are fetched at once for a group, at most, but for one event that is larger.
const MAX_FETCHED_BYTES: i64 = 4 << 20;

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
        told: Promise<Result<Seat, Error>>,
    },
    Come(Coming),
}

/// What came of it, in the same order.
#[derive(Default)]
pub(crate) struct Results {
    /// What is in hand indeed of what is known to be.
    pub(crate) reclaimed: Option<Result<Vec<i64>, Trouble>>,
    /// Drivers that were found dead.
    pub(crate) buried: u64,
    /// The groups that were sat down in, or left; none where the server does not know the driver any more.
    pub(crate) seats: Vec<Result<Option<i32>, Trouble>>,
    pub(crate) given_up: Option<Result<Vec<(i64, bool)>, Trouble>>,
    /// Whether something is in hand there still that nobody here knows of.
    pub(crate) leaves_in_hand: bool,
    pub(crate) settled: Vec<Result<Settlement, Trouble>>,
    pub(crate) closed: Option<Result<(), Trouble>>,
    pub(crate) deeds: Vec<Result<u64, Trouble>>,
    pub(crate) told: Option<Result<Vec<Told>, Trouble>>,
    pub(crate) known: Option<Result<Vec<i64>, Trouble>>,
    pub(crate) fetched: Vec<Result<Option<Batch>, Trouble>>,
    pub(crate) looks: Vec<Result<Seen, Trouble>>,
}

/// How a request of this driver ended.
pub(crate) struct Told {
    pub(crate) ask: i64,
    pub(crate) outcome: String,
    pub(crate) was_taken: bool,
    pub(crate) explanation: String,
    pub(crate) answer: Option<Vec<u8>>,
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
        let (settled, moved) = join!(player.settle(), player.move_on());
        (results.leaves_in_hand, results.given_up, results.settled) = settled;
        (results.told, results.known, results.fetched) = moved;
    } else {
        (results.leaves_in_hand, results.given_up, results.settled) = player.settle().await;
        player.act(&mut results).await;
        (results.told, results.known, results.fetched) = player.move_on().await;
    }
    for look in &round.looks {
        results.looks.push(player.look(look).await);
    }
    (round, results)
}

struct Player<'a> {
    database: &'a Database,
    round: &'a Round,
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
        let parameters: Parameters<'_> = &[
            &self.queue(),
            &bounds.max_deliveries,
            &bounds.max_dead,
            &bounds.max_ids,
        ];
        let buried = self.database.rarely(statement, parameters).await;
        // Where it fails, it is tried again when the lease is prolonged next time, or by others.
        buried.map_or(0, |rows| first_count(&rows))
    }

    async fn sit(&self, seat: &SeatChange) -> Result<Option<i32>, Trouble> {
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
        Ok(Some(group))
    }

    async fn settle(
        &self,
    ) -> (
        bool,
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
        // In this order: what is put back was taken by nobody.
        let (put_back, dropped, given_up, settled) =
            join!(self.put_back(), self.drop(), give_up, self.settle_all());
        (put_back.is_err() || dropped.is_err(), given_up, settled)
    }

    async fn put_back(&self) -> Result<(), Trouble> {
        match self.round.put_backs.as_slice() {
            [] => Ok(()),
            numbers => self.database.put_back(self.driver(), numbers).await,
        }
    }

    async fn drop(&self) -> Result<(), Trouble> {
        if self.round.drops.is_empty() {
            return Ok(());
        }
        let mut dropped = Finished::default();
        dropped.are_requests = true;
        self.round
            .drops
            .iter()
            .for_each(|hand| dropped.push(*hand, None, None));
        let ended = self.database.finish(self.driver(), &dropped, true).await;
        ended.map(drop)
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

    /// What is heard, and what is handed over.
    async fn move_on(
        &self,
    ) -> (
        Option<Result<Vec<Told>, Trouble>>,
        Option<Result<Vec<i64>, Trouble>>,
        Vec<Result<Option<Batch>, Trouble>>,
    ) {
        let wake = async {
            if let Some(what) = self.round.wakes {
                // A hint, which everybody could do without.
                let _ = self.database.wake(self.queue(), self.driver(), what).await;
            }
        };
        let fetches = self.round.fetches.iter().map(|(group, most)| {
            let most = (*most).try_into().unwrap_or(i32::MAX);
            self.database
                .fetch(*group, self.driver(), most, MAX_FETCHED_BYTES)
        });
        let ((), told, known, fetched) = join!(wake, self.hear(), self.check(), join_all(fetches));
        (told, known, fetched)
    }

    async fn hear(&self) -> Option<Result<Vec<Told>, Trouble>> {
        if !self.round.reads_told {
            return None;
        }
        let rows = self.database.told(self.driver()).await;
        Some(rows.map(|rows| rows.iter().map(told).collect()))
    }

    /// Which requests the server knows. The others were told before, or are forgotten.
    async fn check(&self) -> Option<Result<Vec<i64>, Trouble>> {
        if self.round.checks.is_empty() {
            return None;
        }
        // One that was answered since it was asked what had been told.
        let statement = "SELECT ask FROM bookdrop.event WHERE asker = $1 AND ask = ANY ($2)
            UNION ALL SELECT ask FROM bookdrop.outcome WHERE asker = $1 AND ask = ANY ($2)";
        let parameters: Parameters<'_> = &[&self.driver(), &self.round.checks];
        let rows = self.database.rarely(statement, parameters).await;
        Some(rows.map(|rows| rows.iter().map(|row| row.get(0)).collect()))
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

fn first_count(rows: &[Row]) -> u64 {
    rows.first().map_or(0, |row| sql::count(row, 0))
}
