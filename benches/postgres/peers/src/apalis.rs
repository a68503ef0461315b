//! `apalis` with its storage in PostgreSQL, as its documentation has it: tasks are pushed, and a worker that polls calls a
//! handler for each.
//!
//! It keeps arguments as JSON, so an event is a string of hexadecimal digits. A worker fetches as many as its batch has, and
//! acks what handlers have done with together; so its figure is the time until the worker has stopped, divided by the events.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use apalis_core::backend::TaskSink;
use apalis_core::worker::builder::WorkerBuilder;
use apalis_core::worker::context::WorkerContext;
use apalis_core::worker::ext::parallelize::ParallelizeExt;
use apalis_postgres::{Config, PostgresStorage};
use bookdrop_bench_common::at_server::load::{Load, Work};
use bookdrop_bench_common::at_server::queue::Queue;
use bookdrop_bench_common::event::Numbers;
use bookdrop_bench_postgres::place::Place;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::runtime::Handle;

use crate::load::Handled;

/// With a pool of a connection for each task, and some for the worker's own needs.
pub(crate) fn open(place: &Place, name: &str, _work: Work, tasks: usize) -> Box<dyn Queue> {
    let url = place.url();
    let made = async {
        let connections = u32::try_from(tasks).expect("few tasks") + 2;
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .min_connections(connections)
            .connect(&url)
            .await
            .expect("the server takes connections");
        PostgresStorage::setup(&pool)
            .await
            .expect("its tables are made");
        pool
    };
    Box::new(Apalis {
        runtime: place.runtime.handle().clone(),
        pool: place.runtime.block_on(made),
        name: name.to_owned(),
        tasks,
        workers: 0,
    })
}

struct Apalis {
    runtime: Handle,
    pool: PgPool,
    name: String,
    tasks: usize,
    /// A worker's name is used once.
    workers: usize,
}

impl Apalis {
    fn storage(&self) -> PostgresStorage<String> {
        let mut config = Config::default().queue(&self.name);
        if self.tasks > 1 {
            config = config.batch_size(self.tasks);
        }
        PostgresStorage::new(&self.pool).with_config(config)
    }

    fn send(&self, load: &Load) -> Duration {
        let numbers = Arc::new(Numbers::below(load.events));
        let started = Instant::now();
        let tasks: Vec<_> = (0..self.tasks)
            .map(|_| {
                let (numbers, of, mut storage) = (numbers.clone(), load.of.clone(), self.storage());
                self.runtime.spawn(async move {
                    while let Some(number) = numbers.take() {
                        let pushed = storage.push(text(&of.make(number))).await;
                        pushed.expect("the server does it");
                    }
                })
            })
            .collect();
        for task in tasks {
            self.runtime.block_on(task).expect("no task panics");
        }
        started.elapsed()
    }

    fn receive(&mut self, load: &Load) -> Duration {
        let handled = Arc::new(Handled::none_of(load.events));
        let seen = handled.clone();
        let handle = move |text: String, worker: WorkerContext| {
            let is_last = seen.note(&bytes(&text));
            async move {
                if is_last {
                    worker.stop().expect("it runs");
                }
            }
        };
        self.workers += 1;
        let name = format!("{} {}", self.name, self.workers);
        let worker = WorkerBuilder::new(name.as_str()).backend(self.storage());
        let started = Instant::now();
        let ended = if self.tasks > 1 {
            let worker = worker.parallelize(tokio::spawn).build(handle);
            self.runtime.block_on(worker.run())
        } else {
            self.runtime.block_on(worker.build(handle).run())
        };
        ended.expect("the worker runs");
        let took = started.elapsed();
        handled.check();
        took
    }
}

impl Queue for Apalis {
    fn fill(&mut self, events: Vec<Vec<u8>>) {
        let mut storage = self.storage();
        let texts = events.iter().map(|event| text(event)).collect();
        let pushed = self.runtime.block_on(storage.push_bulk(texts));
        pushed.expect("the server does it");
    }

    fn carry(&mut self, load: &Load) -> Duration {
        match load.work {
            Work::Send => self.send(load),
            Work::Receive => self.receive(load),
            Work::AllThree | Work::Request => unreachable!("it takes no part there"),
        }
    }

    fn count(&mut self) -> u64 {
        let count = sqlx::query_scalar(
            "SELECT count(*) FROM apalis.jobs WHERE job_type = $1 AND status <> 'Done'",
        );
        let counted = count.bind(&self.name).fetch_one(&self.pool);
        let count: i64 = self.runtime.block_on(counted).expect("the table is there");
        self.clear_done();
        u64::try_from(count).expect("a count is not negative")
    }

    fn clear(&mut self) {
        let all = sqlx::query("DELETE FROM apalis.jobs WHERE job_type = $1").bind(&self.name);
        let cleared = self.runtime.block_on(all.execute(&self.pool));
        cleared.expect("the server does it");
    }

    fn traces(&self) -> Vec<String> {
        vec!["apalis.jobs".to_owned(), "apalis.workers".to_owned()]
    }
}

impl Apalis {
    /// It keeps what is done; else each turn would have a longer table than the one before.
    fn clear_done(&self) {
        let done = sqlx::query("DELETE FROM apalis.jobs WHERE job_type = $1 AND status = 'Done'");
        let cleared = self
            .runtime
            .block_on(done.bind(&self.name).execute(&self.pool));
        cleared.expect("the server does it");
    }
}

fn text(event: &[u8]) -> String {
    let mut text = String::with_capacity(2 * event.len());
    for byte in event {
        write!(text, "{byte:02x}").expect("a string takes all");
    }
    text
}

fn bytes(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks_exact(2);
    let bytes = digits.map(|pair| {
        let pair = str::from_utf8(pair).expect("digits");
        u8::from_str_radix(pair, 16).expect("digits")
    });
    bytes.collect()
}
