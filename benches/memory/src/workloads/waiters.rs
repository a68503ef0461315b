//! Growth with the number of those who wait: one requester's round trips while many others wait for answers that are
//! not given meanwhile. Those who wait are tasks with a request in the server's hand and an armed deadline.

use std::time::Duration;

use tokio::runtime::Runtime;

use super::one_way::finish;
use super::request::{ask, serve_some};
use super::{DEADLINE, Row, cells};
use crate::clock::{Clock, Round};
use crate::contenders::Catalogue;
use crate::kind::Which;
use crate::options::Options;
use crate::queue::{AsyncServer, AsyncService, Shape, answer_to};
use crate::runtime::Executor;

const GROUP: &str = "growth with waiters";
const EVENTS: u64 = 20_000;
const CAPACITY: usize = 1024;
/// So long those wait who are not answered meanwhile.
const LONG: Duration = Duration::from_secs(600);

/// The rows of this workload.
pub(crate) fn rows<'a>(all: &'a Catalogue, options: &Options, rows: &mut Vec<Row<'a>>) {
    let events = options.scaled(EVENTS);
    for waiters in [1, 10, 100, 1_000, 10_000] {
        let shape = Shape {
            producers: waiters + 1,
            consumers: 1,
            capacity: CAPACITY,
        };
        let kind = Which::Ev;
        let cells = cells(&all.async_services, options, kind, shape, |service| {
            move |runtime: Option<&Runtime>| {
                service.beside_waiters(runtime.expect("an async row"), waiters, events)
            }
        });
        let name = format!("{waiters} waiting");
        rows.push(Row {
            group: GROUP,
            name,
            kind,
            executor: Some(Executor::CurrentThread),
            events,
            cells,
        });
    }
}

/// One round: the round trips of one requester beside `waiters` others.
pub(crate) fn run<K: 'static, Q: AsyncService<K>>(
    runtime: &Runtime,
    waiters: usize,
    events: u64,
) -> Round {
    runtime.block_on(async {
        let mut ends = Q::open(Shape {
            producers: waiters + 1,
            consumers: 1,
            capacity: CAPACITY,
        });
        let mut server = ends.consumers.remove(0);
        let client = ends.producers.remove(0);
        let waiting = ends
            .producers
            .into_iter()
            .zip(0..)
            .map(|(client, number)| tokio::spawn(ask(client, number..number + 1, LONG)));
        let waiting: Vec<_> = waiting.collect();
        let mut held = Vec::new();
        for _ in 0..waiters {
            held.push(server.take().await.expect("open"));
        }

        let clock = Clock::start();
        let server = tokio::spawn(serve_some(server, events));
        tokio::spawn(ask(client, 0..events, DEADLINE))
            .await
            .expect("a requester that ends");
        let mut server = server.await.expect("a server that ends");
        let round = clock.stop(events);

        for (number, held) in held {
            server.answer(held, answer_to(number)).await;
        }
        finish(waiting).await;
        round
    })
}
