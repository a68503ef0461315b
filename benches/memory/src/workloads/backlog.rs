//! Growth with the length of the queue. One task does all, so that the length is what the row says.

use tokio::runtime::Runtime;

use super::{Row, cells};
use crate::clock::{Clock, Round};
use crate::contenders::Catalogue;
use crate::kind::Which;
use crate::options::Options;
use crate::queue::{AsyncQueue, AsyncRx, AsyncTx, Shape};
use crate::runtime::Executor;
use crate::tally::Tally;

const STANDING: &str = "growth with a standing backlog";
const FILL: &str = "growth, fill and drain";
const EVENTS: u64 = 100_000;
/// A round of short fill-and-drains repeats them until so many events went through.
const LEAST: usize = 10_000;

/// The rows of this workload.
pub(crate) fn rows<'a>(all: &'a Catalogue, options: &Options, rows: &mut Vec<Row<'a>>) {
    for &length in lengths(options) {
        let events = options.scaled(EVENTS);
        let name = format!("{length} in the queue");
        let shape = Shape {
            producers: 1,
            consumers: 1,
            capacity: length + 1,
        };
        let kind = Which::Ev;
        let cells = cells(&all.async_queues, options, kind, shape, |queue| {
            move |runtime: Option<&Runtime>| {
                queue.standing(runtime.expect("an async row"), length, events)
            }
        });
        rows.push(Row {
            group: STANDING,
            name,
            kind,
            executor: Some(Executor::CurrentThread),
            events,
            cells,
        });
    }
    for &length in lengths(options) {
        let name = format!("{length} events");
        let events = (length * LEAST.div_ceil(length)) as u64;
        let shape = Shape {
            producers: 1,
            consumers: 1,
            capacity: length,
        };
        let kind = Which::Ev;
        let cells = cells(&all.async_queues, options, kind, shape, |queue| {
            move |runtime: Option<&Runtime>| {
                queue.fill_and_drain(runtime.expect("an async row"), length)
            }
        });
        rows.push(Row {
            group: FILL,
            name,
            kind,
            executor: Some(Executor::CurrentThread),
            events,
            cells,
        });
    }
}

fn lengths(options: &Options) -> &'static [usize] {
    let all = &[100, 1_000, 10_000, 100_000, 1_000_000];
    if options.quick { &all[..3] } else { all }
}

/// One round: so many events through a queue in which `length` others stand.
pub(crate) fn standing<K: 'static, Q: AsyncQueue<K>>(
    runtime: &Runtime,
    length: usize,
    events: u64,
) -> Round {
    runtime.block_on(async {
        let mut ends = Q::open(Shape {
            producers: 1,
            consumers: 1,
            capacity: length + 1,
        });
        let (mut tx, mut rx) = (ends.producers.remove(0), ends.consumers.remove(0));
        let length = length as u64;
        let mut tally = Tally::default();
        for number in 0..length {
            tx.send(number).await;
        }
        let clock = Clock::start();
        for number in length..length + events {
            tx.send(number).await;
            tally.add(rx.receive().await.expect("open"));
        }
        let round = clock.stop(events);
        for _ in 0..length {
            tally.add(rx.receive().await.expect("open"));
        }
        tally.check(length + events);
        tally.check_order();
        round
    })
}

/// One round: a queue filled to its capacity and then drained, again and again if it is short.
pub(crate) fn fill_and_drain<K: 'static, Q: AsyncQueue<K>>(
    runtime: &Runtime,
    length: usize,
) -> Round {
    runtime.block_on(async {
        let mut ends = Q::open(Shape {
            producers: 1,
            consumers: 1,
            capacity: length,
        });
        let (mut tx, mut rx) = (ends.producers.remove(0), ends.consumers.remove(0));
        let times = LEAST.div_ceil(length) as u64;
        let length = length as u64;
        let mut tally = Tally::default();
        let clock = Clock::start();
        for start in (0..times).map(|time| time * length) {
            for number in start..start + length {
                tx.send(number).await;
            }
            for _ in 0..length {
                tally.add(rx.receive().await.expect("open"));
            }
        }
        let round = clock.stop(times * length);
        tally.check(times * length);
        tally.check_order();
        round
    })
}
