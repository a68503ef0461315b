//! Cooperation: a consumer that always finds an event, and how often another task of the same thread has its turn
//! meanwhile. A consumer that never yields leaves it none.
//!
//! The other task is one of two. A ready task wakes itself and stands in the executor's queue at once. A task that waits
//! for the driver (`tokio::task::yield_now`) is woken only when tokio has looked after its timers and its I/O, as it does
//! when nobody is ready, or else after 61 polls: that is where a consumer is found out that lets ready tasks run, but keeps
//! tokio from the rest.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::Poll;

use tokio::runtime::Runtime;

use super::{Row, cells};
use crate::clock::{Clock, Figure, Round};
use crate::contenders::{Catalogue, Role};
use crate::kind::Which;
use crate::options::Options;
use crate::queue::{AsyncQueue, AsyncRx, AsyncTx, Shape};
use crate::runtime::Executor;
use crate::tally::Tally;

/// The group whose figure is no time.
pub(crate) const GROUP: &str = "cooperation";
const EVENTS: u64 = 100_000;

/// What the other task does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Other {
    /// It is ready again at once.
    Ready,
    /// It waits until tokio has driven its timers and its I/O.
    Driver,
}

impl Other {
    fn name(self) -> &'static str {
        match self {
            Self::Ready => "is ready",
            Self::Driver => "waits for the driver",
        }
    }
}

/// The rows of this workload.
pub(crate) fn rows<'a>(all: &'a Catalogue, options: &Options, rows: &mut Vec<Row<'a>>) {
    let events = options.scaled(EVENTS);
    let kind = Which::Ev;
    for other in [Other::Ready, Other::Driver] {
        let mut cells = cells(&all.async_queues, options, kind, shape(events), |queue| {
            move |runtime: Option<&Runtime>| {
                queue.cooperation(runtime.expect("an async row"), other, events)
            }
        });
        cells.retain(|cell| cell.role != Role::Pool);
        rows.push(Row {
            group: GROUP,
            name: format!("a full queue beside a task that {}", other.name()),
            kind,
            executor: Some(Executor::CurrentThread),
            events,
            cells,
        });
    }
}

/// The queue holds all events of a round, and is never found empty.
fn shape(events: u64) -> Shape {
    Shape {
        producers: 1,
        consumers: 1,
        capacity: events as usize,
    }
}

/// One round: the time it takes to drain a full queue beside a task that yields whenever it has its turn.
pub(crate) fn run<K: 'static, Q: AsyncQueue<K>>(
    runtime: &Runtime,
    other: Other,
    events: u64,
) -> Round {
    runtime.block_on(async {
        let mut ends = Q::open(shape(events));
        let mut tx = ends.producers.remove(0);
        for number in 0..events {
            tx.send(number).await;
        }
        let turns = Arc::new(AtomicU64::new(0));
        let other = tokio::spawn(take_turns(other, Arc::clone(&turns)));
        let consumer = tokio::spawn(drain(ends.consumers.remove(0), events, turns));
        let (mut round, tally, turns) = consumer.await.expect("a consumer that ends");
        other.abort();
        tally.check(events);
        tally.check_order();
        round.figures = vec![Figure {
            name: "other_turns_per_1000",
            unit: "turns of the other task per 1,000 events",
            value: turns as f64 * 1_000.0 / events as f64,
        }];
        round
    })
}

async fn take_turns(other: Other, turns: Arc<AtomicU64>) {
    loop {
        turns.fetch_add(1, Relaxed);
        match other {
            Other::Ready => pending_once().await,
            Other::Driver => tokio::task::yield_now().await,
        }
    }
}

/// Wakes itself and is pending once.
async fn pending_once() {
    let mut is_first = true;
    poll_fn(|context| {
        if std::mem::take(&mut is_first) {
            context.waker().wake_by_ref();
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
}

/// Receives them all, and says how many turns the other task had meanwhile.
async fn drain(mut rx: impl AsyncRx, events: u64, turns: Arc<AtomicU64>) -> (Round, Tally, u64) {
    let mut tally = Tally::default();
    let before = turns.load(Relaxed);
    let clock = Clock::start();
    for _ in 0..events {
        tally.add(rx.receive().await.expect("open"));
    }
    let round = clock.stop(events);
    (round, tally, turns.load(Relaxed) - before)
}
