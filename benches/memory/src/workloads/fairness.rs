//! Fairness: equal producers and equal consumers at work for about a second, and how much the one that got least got,
//! as a part of what would be fair. Whoever gets nothing has 0, and 1 is exactly fair.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::runtime::Runtime;

use super::one_way_threads::Crew;
use super::{Row, cells};
use crate::clock::{Clock, Figure, Round};
use crate::contenders::{Catalogue, Role};
use crate::kind::Which;
use crate::options::Options;
use crate::queue::{AsyncQueue, AsyncRx, AsyncTx, BlockingQueue, BlockingRx, BlockingTx, Shape};
use crate::runtime::Executor;

/// The group whose rounds are ended by time.
pub(crate) const GROUP: &str = "fairness";
const MILLISECONDS: u64 = 1_000;
const CAPACITY: usize = 100;

/// The rows of this workload.
pub(crate) fn rows<'a>(all: &'a Catalogue, options: &Options, rows: &mut Vec<Row<'a>>) {
    let time = Duration::from_millis(options.scaled(MILLISECONDS));
    let kind = Which::Ev;
    for consumers in [4, 1] {
        let shape = Shape {
            producers: 4,
            consumers,
            capacity: CAPACITY,
        };
        let executor = Some(Executor::TwoWorkers);
        let tasks = cells(&all.async_queues, options, kind, shape, |queue| {
            move |runtime: Option<&Runtime>| {
                queue.fairness(runtime.expect("an async row"), shape, time)
            }
        });
        let threads = cells(&all.blocking_queues, options, kind, shape, |queue| {
            move |_: Option<&Runtime>| queue.fairness(shape, time)
        });
        for (executor, mut cells) in [(executor, tasks), (None, threads)] {
            // Who recycles does not change who gets how much.
            cells.retain(|cell| cell.role != Role::Pool);
            rows.push(Row {
                group: GROUP,
                name: format!("{} for {} ms", shape.name(), time.as_millis()),
                kind,
                executor,
                events: 0,
                cells,
            });
        }
    }
}

/// One round between tasks. The time is kept outside of the executor, whose own timer a busy worker may starve.
pub(crate) fn tasks<K: 'static, Q: AsyncQueue<K>>(
    runtime: &Runtime,
    shape: Shape,
    time: Duration,
) -> Round {
    let ends = runtime.block_on(async { Q::open(shape) });
    let stop = Arc::new(AtomicBool::new(false));
    let clock = Clock::start();
    let consumers = ends.consumers.into_iter();
    let consumers: Vec<_> = consumers
        .map(|rx| runtime.spawn(consume(rx, shape.producers)))
        .collect();
    let producers = ends.producers.into_iter().zip(0..);
    let producers: Vec<_> = producers
        .map(|(tx, index)| runtime.spawn(produce(tx, index, Arc::clone(&stop))))
        .collect();
    std::thread::sleep(time);
    stop.store(true, Relaxed);
    let (mut sent, mut received) = (Vec::new(), Vec::new());
    runtime.block_on(async {
        for producer in producers {
            sent.push(producer.await.expect("a producer that ends"));
        }
        ends.close.await;
        for consumer in consumers {
            received.push(consumer.await.expect("a consumer that ends"));
        }
    });
    judged(clock, &sent, &received)
}

/// Each event carries the number of its producer.
async fn produce(mut tx: impl AsyncTx, index: u64, stop: Arc<AtomicBool>) -> u64 {
    let mut sent = 0;
    while !stop.load(Relaxed) {
        tx.send(index).await;
        sent += 1;
    }
    sent
}

/// Counts what comes from each producer.
async fn consume(mut rx: impl AsyncRx, producers: usize) -> Vec<u64> {
    let mut received = vec![0; producers];
    while let Some(index) = rx.receive().await {
        received[index as usize] += 1;
    }
    received
}

/// One round between threads.
pub(crate) fn threads<K: 'static, Q: BlockingQueue<K>>(shape: Shape, time: Duration) -> Round {
    let ends = Q::open(shape);
    let stop = Arc::new(AtomicBool::new(false));
    let crew = Crew::new(shape.producers + shape.consumers);
    let consumers = ends.consumers.into_iter().zip(0..);
    let consumers: Vec<_> = consumers
        .map(|(rx, index)| crew.start(2 * index + 1, move || blocking_consume(rx, shape.producers)))
        .collect();
    let producers = ends.producers.into_iter().zip(0..);
    let producers: Vec<_> = producers
        .map(|(tx, index)| {
            let stop = Arc::clone(&stop);
            crew.start(2 * index, move || blocking_produce(tx, index as u64, &stop))
        })
        .collect();
    let clock = crew.go();
    std::thread::sleep(time);
    stop.store(true, Relaxed);
    let sent: Vec<u64> = producers
        .into_iter()
        .map(|producer| producer.join().expect("a producer that ends"))
        .collect();
    (ends.close)();
    let received: Vec<Vec<u64>> = consumers
        .into_iter()
        .map(|consumer| consumer.join().expect("a consumer that ends"))
        .collect();
    judged(clock, &sent, &received)
}

fn blocking_produce(mut tx: impl BlockingTx, index: u64, stop: &AtomicBool) -> u64 {
    let mut sent = 0;
    while !stop.load(Relaxed) {
        tx.send(index);
        sent += 1;
    }
    sent
}

fn blocking_consume(mut rx: impl BlockingRx, producers: usize) -> Vec<u64> {
    let mut received = vec![0; producers];
    while let Some(index) = rx.receive() {
        received[index as usize] += 1;
    }
    received
}

/// Checks that everything sent arrived, and finds the least shares.
fn judged(clock: Clock, sent: &[u64], received: &[Vec<u64>]) -> Round {
    let mut round = clock.stop(sent.iter().sum());
    for (index, &sent) in sent.iter().enumerate() {
        let received: u64 = received.iter().map(|from| from[index]).sum();
        assert_eq!(received, sent, "events of producer {index} that arrived");
    }
    let received: Vec<u64> = received.iter().map(|from| from.iter().sum()).collect();
    let shares = [
        ("least_producer_share", "of its share for a producer", sent),
        (
            "least_consumer_share",
            "of its share for a consumer",
            &received,
        ),
    ];
    round.figures = shares
        .map(|(name, unit, counts)| Figure {
            name,
            unit,
            value: least_share(counts),
        })
        .into();
    round
}

/// The least of these as a part of their mean.
fn least_share(counts: &[u64]) -> f64 {
    let least = counts.iter().min().copied().unwrap_or(0);
    let total: u64 = counts.iter().sum();
    least as f64 * counts.len() as f64 / total.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_part_of_the_mean() {
        assert_eq!(least_share(&[5, 5, 5, 5]), 1.0);
        assert_eq!(least_share(&[10, 5, 5, 0]), 0.0);
        assert_eq!(least_share(&[2, 4, 4, 6]), 0.5);
        assert_eq!(least_share(&[]), 0.0);
    }
}
