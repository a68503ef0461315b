//! One producer to several groups, each of which gets every event. Time is per event sent, whatever the groups.

use tokio::runtime::Runtime;

use super::one_way::{consume, produce};
use super::{Row, cells};
use crate::clock::{Clock, Round};
use crate::contenders::Catalogue;
use crate::kind::Which;
use crate::options::Options;
use crate::queue::{AsyncFan, Shape};
use crate::runtime::Executor;

const GROUP: &str = "fan-out, async";
const EVENTS: u64 = 50_000;
const CAPACITY: usize = 100;

/// The rows of this workload.
pub(crate) fn rows<'a>(all: &'a Catalogue, options: &Options, rows: &mut Vec<Row<'a>>) {
    let events = options.scaled(EVENTS);
    for kind in [Which::Ev, Which::EvBody, Which::Bare] {
        for groups in [1, 4, 16] {
            let shape = Shape {
                producers: 1,
                consumers: 1,
                capacity: CAPACITY,
            };
            let cells = cells(&all.async_fans, options, kind, shape, |fan| {
                move |runtime: Option<&Runtime>| {
                    fan.fan_out(
                        runtime.expect("an async row"),
                        kind,
                        CAPACITY,
                        groups,
                        events,
                    )
                }
            });
            let name = format!("1 to {groups} groups cap {CAPACITY}");
            rows.push(Row {
                group: GROUP,
                name,
                kind,
                executor: Some(Executor::TwoWorkers),
                events,
                cells,
            });
        }
    }
}

/// One round: from the start of the first task to the end of the last.
pub(crate) fn run<K: 'static, Q: AsyncFan<K>>(
    runtime: &Runtime,
    capacity: usize,
    groups: usize,
    events: u64,
) -> Round {
    runtime.block_on(async {
        let mut ends = Q::open(capacity, groups);
        assert_eq!((ends.producers.len(), ends.consumers.len()), (1, groups));
        let clock = Clock::start();
        let consumers: Vec<_> = ends
            .consumers
            .into_iter()
            .map(|rx| tokio::spawn(consume(rx)))
            .collect();
        let producer = tokio::spawn(produce(ends.producers.remove(0), 0..events));
        producer.await.expect("a producer that ends");
        ends.close.await;
        let mut tallies = Vec::new();
        for consumer in consumers {
            tallies.push(consumer.await.expect("a consumer that ends"));
        }
        let round = clock.stop(events);
        for tally in tallies {
            tally.check(events);
            tally.check_order();
        }
        round
    })
}
