//! One way between threads.

use std::ops::Range;
use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;

use tokio::runtime::Runtime;

use super::one_way::shares;
use super::{Row, cells};
use crate::clock::{Clock, Round};
use crate::contenders::Catalogue;
use crate::kind::Which;
use crate::options::Options;
use crate::pin;
use crate::queue::{BlockingQueue, BlockingRx, BlockingTx, Shape};
use crate::tally::Tally;

const GROUP: &str = "one way, threads";
const EVENTS: u64 = 100_000;

/// The rows of this workload.
pub(crate) fn rows<'a>(all: &'a Catalogue, options: &Options, rows: &mut Vec<Row<'a>>) {
    let events = options.scaled(EVENTS);
    for kind in [Which::Ev, Which::EvBody, Which::Bare] {
        for (producers, consumers) in [(1, 1), (4, 1), (4, 4)] {
            for capacity in [100, 1024] {
                let shape = Shape {
                    producers,
                    consumers,
                    capacity,
                };
                let cells = cells(&all.blocking_queues, options, kind, shape, |queue| {
                    move |_: Option<&Runtime>| queue.one_way(kind, shape, events)
                });
                rows.push(Row {
                    group: GROUP,
                    name: shape.name(),
                    kind,
                    executor: None,
                    events,
                    cells,
                });
            }
        }
    }
}

/// One round: from the moment all threads stand ready to the end of the last. The clock starts before they are let
/// go, so that no part of the work can escape it.
pub(crate) fn run<K: 'static, Q: BlockingQueue<K>>(shape: Shape, events: u64) -> Round {
    let ends = Q::open(shape);
    let crew = Crew::new(shape.producers + shape.consumers);
    let consumers: Vec<_> = ends
        .consumers
        .into_iter()
        .zip(0..)
        .map(|(rx, index)| crew.start(2 * index + 1, move || consume(rx)))
        .collect();
    let shares = shares(events, shape.producers);
    let producers: Vec<_> = ends
        .producers
        .into_iter()
        .zip(shares)
        .zip(0..)
        .map(|((tx, share), index)| crew.start(2 * index, move || produce(tx, share)))
        .collect();
    let clock = crew.go();
    for producer in producers {
        producer.join().expect("a producer that ends");
    }
    (ends.close)();
    let mut tally = Tally::default();
    for consumer in consumers {
        tally.merge(&consumer.join().expect("a consumer that ends"));
    }
    let round = clock.stop(events);
    tally.check(events);
    if shape.producers == 1 && shape.consumers == 1 {
        tally.check_order();
    }
    round
}

/// Threads that start together.
pub(crate) struct Crew {
    ready: Arc<Barrier>,
    go: Arc<Barrier>,
}

impl Crew {
    /// For so many threads.
    pub(crate) fn new(size: usize) -> Self {
        Self {
            ready: Arc::new(Barrier::new(size + 1)),
            go: Arc::new(Barrier::new(size + 1)),
        }
    }

    /// Starts a thread, which waits for the others. Even indices are producers and odd ones consumers, so that on two
    /// cores a pinned producer never shares one with a consumer.
    pub(crate) fn start<T: Send + 'static>(
        &self,
        index: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let (ready, go) = (Arc::clone(&self.ready), Arc::clone(&self.go));
        std::thread::spawn(move || {
            pin::this_thread(index);
            ready.wait();
            go.wait();
            work()
        })
    }

    /// Waits until all stand ready, starts the clock and lets them go.
    pub(crate) fn go(&self) -> Clock {
        self.ready.wait();
        let clock = Clock::start();
        self.go.wait();
        clock
    }
}

fn produce(mut tx: impl BlockingTx, share: Range<u64>) {
    for number in share {
        tx.send(number);
    }
}

fn consume(mut rx: impl BlockingRx) -> Tally {
    let mut tally = Tally::default();
    while let Some(number) = rx.receive() {
        tally.add(number);
    }
    tally
}
