//! The bare client, and a queue as one writes it by hand: a table, `SKIP LOCKED`, a statement for each operation, and
//! notifications for requests. Every task has a connection of its own, so none waits for a pool.
//!
//! It flushes what we flush, and nothing else: sends, acks and answers. What takes an event in hand, requests, and the end of an
//! answer that was read have another connection, with `synchronous_commit` off. So has the notification of an answer: one that is
//! committed with the answer holds a lock of the whole server while that is flushed, so that no two answers share a flush, and
//! with 64 tasks that was half as fast.

mod requests;
mod statements;

use std::sync::Arc;
use std::time::Duration;

use bookdrop_bench_common::at_server::load::{Load, Work, Worker, on_tasks};
use bookdrop_bench_common::at_server::queue::Queue;
use bookdrop_bench_common::event::number_of;
use tokio::runtime::{Handle, Runtime};
use tokio_postgres::Client;

use crate::place::{Place, connect};
use requests::Correspondence;
use statements::{Statements, Tables};

/// A plan that is made while the table is empty must not be one that reads it from end to end.
const DURABLE: &str = "-c enable_seqscan=off";
const QUICK: &str = "-c enable_seqscan=off -c synchronous_commit=off";

/// A table of this name, with one connection that flushes and one that does not for each task. What the client does for them runs
/// beside everyone's tasks.
pub(crate) fn open(place: &Place, name: &str, work: Work, tasks: usize) -> Box<dyn Queue> {
    open_on(&place.runtime, place, name, work, tasks)
}

/// The same with a client that has a thread of its own.
pub(crate) fn open_apart(place: &Place, name: &str, work: Work, tasks: usize) -> Box<dyn Queue> {
    open_on(&place.apart, place, name, work, tasks)
}

fn open_on(
    clients: &Runtime,
    place: &Place,
    name: &str,
    work: Work,
    tasks: usize,
) -> Box<dyn Queue> {
    let tables = Tables::of(name);
    place.execute(&tables.definition());
    let workers = match work {
        Work::Request => 2 * tasks,
        Work::Send | Work::Receive | Work::AllThree => tasks,
    };
    let url = place.url();
    let connected = async {
        let attendant = connect(&url, DURABLE).await;
        let correspondence = Arc::new(Correspondence::begin(&url, &tables).await);
        let mut hands = Vec::new();
        for _ in 0..workers {
            hands.push(Hand::connect(&url, &tables, correspondence.clone()).await);
        }
        (attendant, hands)
    };
    let (attendant, workers) = clients.block_on(connected);
    Box::new(ByHand {
        runtime: place.runtime.handle().clone(),
        attendant,
        tables,
        workers,
    })
}

struct ByHand {
    runtime: Handle,
    attendant: Client,
    tables: Tables,
    workers: Vec<Hand>,
}

impl Queue for ByHand {
    fn fill(&mut self, events: Vec<Vec<u8>>) {
        let fill = self.tables.fill();
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 1] = [&events];
        let filled = self.attendant.execute(&fill, &parameters);
        self.runtime.block_on(filled).expect("the server does it");
    }

    fn carry(&mut self, load: &Load) -> Duration {
        on_tasks(&self.runtime, &mut self.workers, load)
    }

    fn count(&mut self) -> u64 {
        let count = self.tables.count();
        let row = self.runtime.block_on(self.attendant.query_one(&count, &[]));
        let count: i64 = row.expect("the tables are there").get(0);
        u64::try_from(count).expect("a count is not negative")
    }

    fn clear(&mut self) {
        let clear = self.tables.clear();
        let cleared = self.attendant.batch_execute(&clear);
        self.runtime.block_on(cleared).expect("the server does it");
    }

    fn traces(&self) -> Vec<String> {
        self.tables.names().into()
    }
}

/// A task's connections.
struct Hand {
    durable: Client,
    quick: Client,
    statements: Statements,
    correspondence: Arc<Correspondence>,
    in_hand: i64,
}

impl Hand {
    async fn connect(url: &str, tables: &Tables, correspondence: Arc<Correspondence>) -> Self {
        let durable = connect(url, DURABLE).await;
        let quick = connect(url, QUICK).await;
        let statements = Statements::prepare(tables, &durable, &quick).await;
        Self {
            durable,
            quick,
            statements,
            correspondence,
            in_hand: 0,
        }
    }

    /// Takes an event, unless those that are there are locked or gone.
    async fn take(&mut self) -> Option<Vec<u8>> {
        let taken = self.quick.query_opt(&self.statements.take, &[]).await;
        let row = taken.expect("the server does it")?;
        self.in_hand = row.get(0);
        Some(row.get(1))
    }

    /// Tries until there is one: it is known that somebody else's lock is all that there is to wait for.
    async fn take_one(&mut self) -> Vec<u8> {
        loop {
            if let Some(content) = self.take().await {
                return content;
            }
        }
    }
}

impl Worker for Hand {
    async fn send(&mut self, event: Vec<u8>) {
        let sent = self.durable.execute(&self.statements.send, &[&event]).await;
        sent.expect("the server does it");
    }

    async fn receive(&mut self) -> u64 {
        number_of(&self.take_one().await)
    }

    async fn ack(&mut self) {
        let acked = self
            .durable
            .execute(&self.statements.ack, &[&self.in_hand])
            .await;
        assert_eq!(acked.expect("the server does it"), 1);
    }

    async fn request(&mut self, event: Vec<u8>) -> u64 {
        let ask = self.correspondence.expect_answer();
        let request = &[&ask.number as _, &event as _];
        let asked = self.quick.query_one(&self.statements.ask, request).await;
        asked.expect("the server does it");
        let number = ask.number;
        ask.answered().await;
        let answer = self
            .quick
            .query_one(&self.statements.read, &[&number])
            .await;
        let answer: i64 = answer.expect("it was answered").get(0);
        answer as u64
    }

    async fn answer(&mut self) -> u64 {
        self.correspondence.asked().await;
        let number = number_of(&self.take_one().await);
        let answer = &[&self.in_hand as _, &(number as i64) as _];
        let said = self.durable.execute(&self.statements.answer, answer);
        assert_eq!(said.await.expect("the server does it"), 1);
        let asker = &[&self.in_hand as _];
        let told = self.quick.query_one(&self.statements.tell, asker).await;
        told.expect("the server does it");
        number
    }
}
