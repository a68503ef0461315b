//! `ruststream` with its queues in tables (`ruststream-sqlx`), without the framework's codecs, router and handlers: bytes are
//! published, and a subscriber is polled for them.
//!
//! It is used in the form that takes the least commits: a row is locked in a transaction for as long as it is in hand, and the
//! ack deletes it and commits. Each task has a broker over one pool, since a broker has one subscription of a name.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use bookdrop_bench_common::at_server::load::{Load, Work, Worker, on_tasks};
use bookdrop_bench_common::at_server::queue::Queue;
use bookdrop_bench_common::event::number_of;
use bookdrop_bench_postgres::place::Place;
use futures_core::Stream;
use ruststream::{Broker, IncomingMessage, OutgoingMessage, PublishPolicy, Publisher};
use ruststream::{Subscriber, SubscriptionSource};
use ruststream_sqlx::RoutedPublisher;
use ruststream_sqlx::prelude::*;
use sqlx::PgPool;
use sqlx::postgres::{PgConnection, PgPoolOptions, Postgres};
use tokio::runtime::Handle;

/// The table of all rows; each has a group in it.
const TABLE: &str = "ruststream_jobs";

/// A subscriber that found all rows locked looks again so soon.
const POLL: Duration = Duration::from_millis(1);

/// One row of that table.
#[derive(Inbox, sqlx::FromRow)]
#[inbox(table = "ruststream_jobs")]
struct Job {
    #[field(id, generated)]
    id: i64,
    #[field(group)]
    name: String,
    #[field(payload)]
    payload: Vec<u8>,
}

impl Publish<Postgres> for Job {
    async fn publish(
        connection: &mut PgConnection,
        message: &OutgoingMessage<'_>,
    ) -> Result<(), sqlx::Error> {
        sqlx::query("INSERT INTO ruststream_jobs (name, payload) VALUES ($1, $2)")
            .bind(message.name())
            .bind(message.payload())
            .execute(connection)
            .await?;
        Ok(())
    }
}

/// With a pool of a connection for each task, and some for the subscribers' own needs.
pub(crate) fn open(place: &Place, name: &str, _work: Work, tasks: usize) -> Box<dyn Queue> {
    place.execute(&format!(
        "CREATE TABLE IF NOT EXISTS {TABLE}
             (id bigserial PRIMARY KEY, name text NOT NULL, payload bytea NOT NULL);
         CREATE INDEX IF NOT EXISTS {TABLE}_by_group ON {TABLE} (name, id)"
    ));
    let url = place.url();
    let made = async {
        let connections = u32::try_from(tasks).expect("few tasks") + 2;
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .min_connections(connections)
            .connect(&url)
            .await
            .expect("the server takes connections");
        let mut workers = Vec::new();
        for _ in 0..tasks {
            let broker = SqlxBroker::new(pool.clone()).poll_interval(POLL);
            let broker = broker.route::<Job>(name.to_owned()).connect().await;
            let broker = broker.expect("it connects");
            let publisher = Routed.pair(&broker).await.expect("it is open");
            let subscribed = InboxQueue::<Job>::new(name.to_owned())
                .subscribe(&broker)
                .await;
            workers.push(Hand {
                name: name.to_owned(),
                _broker: broker,
                publisher,
                subscriber: subscribed.expect("it subscribes"),
                in_hand: None,
            });
        }
        (pool, workers)
    };
    let (pool, workers) = place.runtime.block_on(made);
    Box::new(Ruststream {
        runtime: place.runtime.handle().clone(),
        pool,
        name: name.to_owned(),
        workers,
    })
}

struct Ruststream<B, S: Subscriber> {
    runtime: Handle,
    pool: PgPool,
    name: String,
    workers: Vec<Hand<B, S>>,
}

impl<B: Send + 'static, S: Subscriber + 'static> Queue for Ruststream<B, S> {
    fn fill(&mut self, events: Vec<Vec<u8>>) {
        let fill = sqlx::query(
            "INSERT INTO ruststream_jobs (name, payload) SELECT $1, * FROM unnest($2::bytea[])",
        );
        let filled = fill.bind(&self.name).bind(events).execute(&self.pool);
        self.runtime.block_on(filled).expect("the server does it");
    }

    fn carry(&mut self, load: &Load) -> Duration {
        on_tasks(&self.runtime, &mut self.workers, load)
    }

    fn count(&mut self) -> u64 {
        let count = sqlx::query_scalar("SELECT count(*) FROM ruststream_jobs WHERE name = $1");
        let counted = count.bind(&self.name).fetch_one(&self.pool);
        let count: i64 = self.runtime.block_on(counted).expect("the table is there");
        u64::try_from(count).expect("a count is not negative")
    }

    fn clear(&mut self) {
        let all = sqlx::query("DELETE FROM ruststream_jobs WHERE name = $1").bind(&self.name);
        let cleared = self.runtime.block_on(all.execute(&self.pool));
        cleared.expect("the server does it");
    }

    fn traces(&self) -> Vec<String> {
        vec![TABLE.to_owned()]
    }
}

/// A task's broker, publisher and subscriber.
struct Hand<B, S: Subscriber> {
    name: String,
    /// It serves for as long as it is there.
    _broker: B,
    publisher: RoutedPublisher<Postgres>,
    subscriber: S,
    in_hand: Option<S::Message>,
}

impl<B, S: Subscriber> Hand<B, S> {
    async fn next(&mut self) -> S::Message {
        let mut messages = pin!(self.subscriber.stream());
        let message = poll_fn(|task| messages.as_mut().poll_next(task)).await;
        message.expect("it is open").expect("the server does it")
    }
}

impl<B: Send + 'static, S: Subscriber + 'static> Worker for Hand<B, S> {
    async fn send(&mut self, event: Vec<u8>) {
        let message = OutgoingMessage::new(&self.name, &event);
        let published = self.publisher.publish(message, None).await;
        published.expect("the server does it");
    }

    async fn receive(&mut self) -> u64 {
        let message = self.next().await;
        let number = number_of(message.payload());
        self.in_hand = Some(message);
        number
    }

    async fn ack(&mut self) {
        let message = self.in_hand.take().expect("it was received");
        message.ack().await.expect("it is in hand");
    }
}
