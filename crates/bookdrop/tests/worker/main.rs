//! What a worker makes of the events that its consumer receives.

mod concurrency;
mod executors;
mod failing;
mod handlers;
mod stopping;

use std::time::Duration;

use bookdrop::{Consumer, Driver, Event, Producer, Stats, WorkReport, Worker};
use futures_lite::future::block_on;

/// Longer than any test.
const FAR: Duration = Duration::from_secs(3_600);

/// A driver where what fails comes back at once, so that tests need not wait.
fn library() -> Driver {
    typed()
}

/// The same, of other types.
fn typed<T: Send + 'static, R: Send + 'static>() -> Driver<T, R> {
    Driver::builder(100)
        .retry_backoff(Duration::ZERO, Duration::ZERO)
        .build()
}

fn send(driver: &Driver, names: &[&'static str]) {
    let events = names.iter().map(|name| Event::new(*name));
    Producer::new(driver).send_batch(events).wait().unwrap();
}

fn worker<T, R>(driver: &Driver<T, R>) -> Worker<T, R> {
    Worker::new(Consumer::new(driver))
}

fn stats<T, R>(driver: &Driver<T, R>) -> Stats {
    driver.stats().wait().unwrap()
}

/// Runs a worker on what is queued, until nothing is left.
fn run_out<T: Send + 'static, R: Send + 'static, S>(
    driver: &Driver<T, R>,
    worker: Worker<T, R, S>,
) -> WorkReport {
    driver.close().wait().unwrap();
    block_on(worker.run()).unwrap()
}

/// Why the only dead letter is one.
fn why_dead<T: Clone, R>(driver: &Driver<T, R>) -> String {
    let letters = driver.dead_letters().list().wait().unwrap();
    assert_eq!(letters.len(), 1, "dead letters");
    letters[0].reason.to_string()
}
