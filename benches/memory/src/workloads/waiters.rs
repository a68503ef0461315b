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
use crate::queue::{AsyncHandler, AsyncHolding, AsyncServer, AsyncService, Shape, answer_to};
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
        let mut cells_of_row = cells(&all.async_services, options, kind, shape, |service| {
            move |runtime: Option<&Runtime>| {
                service.beside_waiters(runtime.expect("an async row"), waiters, events)
            }
        });
        cells_of_row.extend(cells(
            &all.async_answerings,
            options,
            kind,
            shape,
            |handler| {
                move |runtime: Option<&Runtime>| {
                    handler.beside_waiters(runtime.expect("an async row"), waiters, events)
                }
            },
        ));
        let name = format!("{waiters} waiting");
        rows.push(Row {
            group: GROUP,
            name,
            kind,
            executor: Some(Executor::CurrentThread),
            events,
            cells: cells_of_row,
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

/// The same beside a handler that the peer itself calls.
pub(crate) fn run_handler<K: 'static, Q: AsyncHolding<K>>(
    runtime: &Runtime,
    waiters: usize,
    events: u64,
) -> Round {
    runtime.block_on(async {
        let (mut clients, mut handler) = Q::open(Shape {
            producers: waiters + 1,
            consumers: 1,
            capacity: CAPACITY,
        })
        .await;
        let client = clients.remove(0);
        let waiting = clients.into_iter().zip(0..);
        let waiting: Vec<_> = waiting
            .map(|(client, number)| tokio::spawn(wait::<K, Q>(client, number)))
            .collect();
        while Q::held(&mut handler).await < waiters {
            tokio::task::yield_now().await;
        }

        let clock = Clock::start();
        tokio::spawn(ask(client, 0..events, DEADLINE))
            .await
            .expect("a requester that ends");
        let round = clock.stop(events);

        handler.handled().await.check(events);
        Q::release(&mut handler).await;
        finish(waiting).await;
        round
    })
}

/// Waits for an answer that is held back, and checks it.
async fn wait<K: 'static, Q: AsyncHolding<K>>(mut client: Q::Tx, number: u64) {
    let answer = Q::wait(&mut client, number, LONG).await;
    assert_eq!(
        answer,
        answer_to(number),
        "the answer belongs to the request"
    );
}
