//! One way between tasks.

use std::ops::Range;

use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::{Row, cells};
use crate::clock::{Clock, Round};
use crate::contenders::Catalogue;
use crate::kind::Which;
use crate::options::Options;
use crate::queue::{AsyncQueue, AsyncRx, AsyncTx, Shape};
use crate::runtime::Executor;
use crate::tally::Tally;

const GROUP: &str = "one way, async";
const EVENTS: u64 = 200_000;
/// Producers and consumers, for both executors.
const SHAPES: [(Executor, usize, usize); 4] = [
    (Executor::TwoWorkers, 1, 1),
    (Executor::TwoWorkers, 4, 1),
    (Executor::TwoWorkers, 4, 4),
    (Executor::CurrentThread, 1, 1),
];

/// The rows of this workload.
pub(crate) fn rows<'a>(all: &'a Catalogue, options: &Options, rows: &mut Vec<Row<'a>>) {
    let events = options.scaled(EVENTS);
    for kind in [Which::Ev, Which::EvBody, Which::Bare] {
        for (executor, producers, consumers) in SHAPES {
            for capacity in [100, 1024] {
                let shape = Shape {
                    producers,
                    consumers,
                    capacity,
                };
                let mut cells_of_row = cells(&all.async_queues, options, kind, shape, |queue| {
                    move |runtime: Option<&Runtime>| {
                        queue.one_way(runtime.expect("an async row"), kind, shape, events)
                    }
                });
                cells_of_row.extend(cells(
                    &all.async_handlings,
                    options,
                    kind,
                    shape,
                    |handler| {
                        move |runtime: Option<&Runtime>| {
                            handler.one_way(runtime.expect("an async row"), kind, shape, events)
                        }
                    },
                ));
                rows.push(Row {
                    group: GROUP,
                    name: shape.name(),
                    kind,
                    executor: Some(executor),
                    events,
                    cells: cells_of_row,
                });
            }
        }
    }
}

/// One round: from the start of the first task to the end of the last.
pub(crate) fn run<K: 'static, Q: AsyncQueue<K>>(
    runtime: &Runtime,
    shape: Shape,
    events: u64,
) -> Round {
    runtime.block_on(async {
        let ends = Q::open(shape);
        let clock = Clock::start();
        let consumers: Vec<_> = ends
            .consumers
            .into_iter()
            .map(|rx| tokio::spawn(consume(rx)))
            .collect();
        let shares = shares(events, shape.producers);
        let producers: Vec<_> = ends
            .producers
            .into_iter()
            .zip(shares)
            .map(|(tx, share)| tokio::spawn(produce(tx, share)))
            .collect();
        finish(producers).await;
        ends.close.await;
        let mut tally = Tally::default();
        for consumer in consumers {
            tally.merge(&consumer.await.expect("a consumer that ends"));
        }
        let round = clock.stop(events);
        tally.check(events);
        if shape.producers == 1 && shape.consumers == 1 {
            tally.check_order();
        }
        round
    })
}

/// The numbers below `events`, in equal shares.
pub(crate) fn shares(events: u64, count: usize) -> impl Iterator<Item = Range<u64>> {
    let count = count as u64;
    (0..count).map(move |index| index * events / count..(index + 1) * events / count)
}

/// Waits for the end of all these tasks.
pub(crate) async fn finish<T>(tasks: Vec<JoinHandle<T>>) {
    for task in tasks {
        task.await.expect("a task that ends");
    }
}

/// A producer: sends its share.
pub(crate) async fn produce(mut tx: impl AsyncTx, share: Range<u64>) {
    for number in share {
        tx.send(number).await;
    }
}

/// A consumer: receives until the end.
pub(crate) async fn consume(mut rx: impl AsyncRx) -> Tally {
    let mut tally = Tally::default();
    while let Some(number) = rx.receive().await {
        tally.add(number);
    }
    tally
}
