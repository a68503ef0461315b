//! Cooperation: a consumer that always finds an event, or a producer that always finds room, and how often another task
//! of the same thread has its turn meanwhile. One that never yields leaves it none.
//!
//! The other task is one of two. A ready task wakes itself and stands in the executor's queue at once. A task that waits
//! for the driver (`tokio::task::yield_now`) is woken only when tokio has looked after its timers and its I/O, as it does
//! when nobody is ready, or else after 61 polls: that is where one is found out that lets ready tasks run, but keeps tokio
//! from the rest.

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

/// Who is busy.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Busy {
    /// A producer, which fills the queue.
    Producer,
    /// A consumer, which drains it.
    Consumer,
}

impl Busy {
    fn name(self) -> &'static str {
        match self {
            Self::Producer => "an empty queue",
            Self::Consumer => "a full queue",
        }
    }
}

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
    for (busy, other) in [
        (Busy::Consumer, Other::Ready),
        (Busy::Consumer, Other::Driver),
        (Busy::Producer, Other::Ready),
        (Busy::Producer, Other::Driver),
    ] {
        let mut cells = cells(&all.async_queues, options, kind, shape(events), |queue| {
            move |runtime: Option<&Runtime>| {
                queue.cooperation(runtime.expect("an async row"), busy, other, events)
            }
        });
        cells.retain(|cell| cell.role != Role::Pool);
        rows.push(Row {
            group: GROUP,
            name: format!("{} beside a task that {}", busy.name(), other.name()),
            kind,
            executor: Some(Executor::CurrentThread),
            events,
            cells,
        });
    }
}

/// The queue has room for all events of a round: a consumer never finds it empty, nor a producer full.
fn shape(events: u64) -> Shape {
    Shape {
        producers: 1,
        consumers: 1,
        capacity: events as usize,
    }
}

/// One round: the time it takes to fill a queue, or to drain it, beside a task that yields whenever it has its turn.
pub(crate) fn run<K: 'static, Q: AsyncQueue<K>>(
    runtime: &Runtime,
    busy: Busy,
    other: Other,
    events: u64,
) -> Round {
    runtime.block_on(async {
        let mut ends = Q::open(shape(events));
        let (mut tx, mut rx) = (ends.producers.remove(0), ends.consumers.remove(0));
        let turns = Arc::new(AtomicU64::new(0));
        let others = take_turns(other, Arc::clone(&turns));
        let (mut round, tally, turns) = match busy {
            Busy::Producer => {
                let other = tokio::spawn(others);
                let filled = tokio::spawn(async move {
                    let (round, turns) = beside(events, &turns, fill(&mut tx, events)).await;
                    (round, turns, tx)
                });
                // The producer lives on: where the last one is gone, some queues are at their end.
                let (round, turns, _tx) = filled.await.expect("a producer that ends");
                other.abort();
                (round, drain(&mut rx, events).await, turns)
            }
            Busy::Consumer => {
                fill(&mut tx, events).await;
                let other = tokio::spawn(others);
                let drained = tokio::spawn(async move {
                    let mut tally = Tally::default();
                    let draining = async { tally = drain(&mut rx, events).await };
                    let (round, turns) = beside(events, &turns, draining).await;
                    (round, tally, turns)
                });
                let drained = drained.await.expect("a consumer that ends");
                other.abort();
                drained
            }
        };
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

async fn fill(tx: &mut impl AsyncTx, events: u64) {
    for number in 0..events {
        tx.send(number).await;
    }
}

async fn drain(rx: &mut impl AsyncRx, events: u64) -> Tally {
    let mut tally = Tally::default();
    for _ in 0..events {
        tally.add(rx.receive().await.expect("open"));
    }
    tally
}

/// The time that the work takes, and how many turns the other task had meanwhile.
async fn beside(events: u64, turns: &AtomicU64, work: impl Future<Output = ()>) -> (Round, u64) {
    let before = turns.load(Relaxed);
    let clock = Clock::start();
    work.await;
    let round = clock.stop(events);
    (round, turns.load(Relaxed) - before)
}
