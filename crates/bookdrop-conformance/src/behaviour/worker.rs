//! A worker has handlers do the work, and settles as they end.

use std::collections::HashMap;
use std::future::{pending, ready};
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bookdrop::{Done, Failure, Retry, WorkReport};
use futures_lite::future::yield_now;

use crate::behaviour::delivery::finish;
use crate::rig::{RigDriver, RigWorker, Stopper, Working};
use crate::{Condition, Context, Flag, Outcome, Setup, Task, book, ensure, ensure_eq, needs};

const FAR: Duration = Duration::from_secs(3_600);

/// A worker on this driver that tries what fails once more, at once.
fn worker(
    driver: &RigDriver,
    handler: impl Fn(u64) -> Working + Send + Sync + 'static,
) -> RigWorker {
    let retry = Retry::new(2).backoff(Duration::ZERO, Duration::ZERO);
    RigWorker::new(driver, retry, handler)
}

fn run(ctx: &Context, worker: RigWorker) -> (Stopper, Task<Outcome<WorkReport>>) {
    let stopper = worker.stopper();
    let running = ctx.spawn(async move { Ok(worker.run().await?) });
    (stopper, running)
}

/// What a handler ends with decides: it acks or answers, tries again, or makes a dead letter that says why; a panic is a failure.
pub(crate) async fn worker_settles_as_handlers_end(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    needs(driver.capabilities().dead_letters, "dead letters")?;
    let worker = worker(&driver, |number| match number {
        1 => Box::pin(ready(Ok(Done::new().reply(Condition::of(1))))),
        2 => Box::pin(ready(Err(Failure::new("page 7 is torn")))),
        3 => Box::pin(ready(Err(Failure::new("it is ash").permanent()))),
        4 => Box::pin(async { resume_unwind(Box::new("page 7 is gone")) }),
        _ => Box::pin(ready(Ok(Done::new()))),
    });
    let (stopper, running) = run(ctx, worker);
    let producer = driver.producer();
    for number in 2..=5 {
        producer.send(book(number)).await?;
    }
    let answer = producer.request(book(1), FAR).await?;
    ensure_eq!(answer.number, 1, "the answer of a handler");
    driver
        .stats_until("three have failed for good", |stats| stats.dead == 3)
        .await?;
    stopper.stop(FAR);
    let report = ctx.join("the worker stops", running).await?;
    ensure_eq!(
        (report.finished, report.failed, report.panicked),
        (2, 5, 2),
        "handlers that finished, failed and panicked"
    );
    for (text, why) in [
        (
            "book 2",
            "failed 2 times, the last time with: page 7 is torn",
        ),
        ("book 3", "it is ash"),
        ("book 4", "page 7 is gone"),
    ] {
        died_of(&driver, text, why).await?;
    }
    driver.until_nothing_is_left().await.map(drop)
}

async fn died_of(driver: &RigDriver, text: &str, why: &str) -> Outcome {
    let letters = driver.dead_letters("default").await;
    let reasons: Vec<_> = letters
        .iter()
        .map(|letter| letter.reason.to_string())
        .collect();
    ensure!(
        reasons.iter().any(|reason| reason.contains(why)),
        "{text}: no dead letter says `{why}`, but {reasons:?}"
    );
    Ok(())
}

/// A worker that stops lets handlers end within the grace time; what has not ended by then comes back and has not failed.
pub(crate) async fn worker_stop_spends_no_failure(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(16));
    let gate = Flag::new();
    let opens = gate.clone();
    let worker = worker(&driver, move |number| match number {
        1 => Box::pin(pending()),
        _ => {
            let gate = gate.clone();
            Box::pin(async move {
                gate.raised().await;
                Ok(Done::new())
            })
        }
    });
    let (stopper, running) = run(ctx, worker.concurrency(2));
    let producer = driver.producer();
    for number in 1..=3 {
        producer.send(book(number)).await?;
    }
    driver
        .stats_until("two are handled", |stats| stats.in_hand == 2)
        .await?;
    stopper.stop(FAR);
    opens.raise();
    driver
        .stats_until("one has ended within the grace time", |stats| {
            stats.acked == 1
        })
        .await?;
    stopper.stop(Duration::ZERO);
    let report = ctx.join("the worker stops", running).await?;
    ensure_eq!(
        (report.finished, report.failed, report.put_back),
        (1, 0, 1),
        "handlers that finished and failed, and events that were put back"
    );
    let mut consumer = driver.consumer();
    let back = consumer.receive().await?;
    ensure_eq!(
        (back.number(), back.attempt(), back.failures()),
        (1, 2, 0),
        "number, attempt and failures of what was put back"
    );
    finish(back).await?;
    let last = consumer.receive().await?;
    ensure_eq!(
        (last.number(), last.attempt()),
        (3, 1),
        "what the worker did not take"
    );
    finish(last).await?;
    driver.until_nothing_is_left().await.map(drop)
}

/// What a handler returns to be sent is sent, also into the full queue that its worker reads.
pub(crate) async fn worker_sends_what_follows(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(1));
    needs(driver.capabilities().delay, "delay")?;
    let worker = worker(&driver, |number| {
        let done = match number {
            1..8 => Done::new()
                .then(book(2 * number))
                .then(book(2 * number + 1)),
            _ => Done::new(),
        };
        Box::pin(ready(Ok(done)))
    });
    let (stopper, running) = run(ctx, worker.concurrency(1));
    driver.producer().send(book(1)).await?;
    driver
        .stats_until("fifteen are handled", |stats| stats.acked == 15)
        .await?;
    stopper.stop(FAR);
    let report = ctx.join("the worker stops", running).await?;
    ensure_eq!(
        (report.finished, report.failed),
        (15, 0),
        "handlers that finished and failed"
    );
    driver.until_nothing_is_left().await.map(drop)
}

/// Who works on what, and what was worked on.
#[derive(Default)]
struct Desk {
    now: Vec<u64>,
    most: usize,
    done: Vec<u64>,
    /// Two of one key at once.
    clashes: usize,
}

const KEYS: u64 = 4;
const OF_EACH_KEY: u64 = 10;

/// Those of one key come one after the other, so that they would meet if it were not for their key.
fn key_of(number: u64) -> u64 {
    number / OF_EACH_KEY
}

impl Desk {
    fn begin(&mut self, number: u64) {
        if self
            .now
            .iter()
            .any(|other| key_of(*other) == key_of(number))
        {
            self.clashes += 1;
        }
        self.now.push(number);
        self.most = self.most.max(self.now.len());
    }

    fn end(&mut self, number: u64) {
        self.now.retain(|other| *other != number);
        self.done.push(number);
    }
}

/// No more handlers run at a time than are allowed; those of one key run one after the other, in order.
pub(crate) async fn worker_keeps_its_limit(ctx: &Context) -> Outcome {
    let driver = ctx.driver(Setup::new(64));
    needs(driver.capabilities().keys, "keys")?;
    let producer = driver.producer();
    for number in 0..KEYS * OF_EACH_KEY {
        let key = format!("key {}", key_of(number));
        producer.send(book(number).with_key(key)).await?;
    }
    let desk = Arc::new(Mutex::new(Desk::default()));
    let seen = desk.clone();
    let worker = worker(&driver, move |number| {
        let desk = desk.clone();
        Box::pin(async move {
            with(&desk, |desk| desk.begin(number));
            for _ in 0..10 {
                yield_now().await;
            }
            with(&desk, |desk| desk.end(number));
            Ok(Done::new())
        })
    });
    let (stopper, running) = run(ctx, worker.concurrency(3));
    driver
        .stats_until("all are handled", |stats| stats.acked == KEYS * OF_EACH_KEY)
        .await?;
    stopper.stop(FAR);
    ctx.join("the worker stops", running).await?;
    let (most, clashes, done) = with(&seen, |desk| {
        (desk.most, desk.clashes, std::mem::take(&mut desk.done))
    });
    ensure!(
        most <= 3,
        "{most} handlers ran at a time, three are allowed"
    );
    ensure_eq!(
        clashes,
        0,
        "handlers that began beside another one of their key"
    );
    let mut of_key: HashMap<u64, u64> = HashMap::new();
    for number in done {
        let before = of_key.insert(key_of(number), number);
        ensure!(
            before.is_none_or(|before| before < number),
            "{number} was handled after {before:?}"
        );
    }
    ensure_eq!(of_key.len() as u64, KEYS, "keys");
    driver.until_nothing_is_left().await.map(drop)
}

fn with<V>(desk: &Mutex<Desk>, look: impl FnOnce(&mut Desk) -> V) -> V {
    look(&mut desk.lock().unwrap_or_else(PoisonError::into_inner))
}
