//! Requests between tasks, each with a deadline of two seconds.

use std::ops::Range;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::one_way::{finish, shares};
use super::{DEADLINE, Row, cells};
use crate::clock::{Clock, Round};
use crate::contenders::Catalogue;
use crate::kind::Which;
use crate::options::Options;
use crate::queue::{AsyncClient, AsyncServer, AsyncService, Shape, answer_to};
use crate::runtime::Executor;

const GROUP: &str = "request, async";
const CAPACITY: usize = 100;
/// Requesters, and requests in one round.
const SIZES: [(usize, u64); 2] = [(1, 50_000), (64, 100_000)];

/// The name of a row with so many requesters.
pub(super) fn requesters(count: usize) -> String {
    format!("{count} requester{}", if count == 1 { "" } else { "s" })
}

/// The rows of this workload.
pub(crate) fn rows<'a>(all: &'a Catalogue, options: &Options, rows: &mut Vec<Row<'a>>) {
    for kind in [Which::Ev, Which::Bare] {
        for executor in [Executor::TwoWorkers, Executor::CurrentThread] {
            for (producers, events) in SIZES {
                let events = options.scaled(events);
                let shape = Shape {
                    producers,
                    consumers: 1,
                    capacity: CAPACITY,
                };
                let mut cells_of_row =
                    cells(&all.async_services, options, kind, shape, |service| {
                        move |runtime: Option<&Runtime>| {
                            service.request(runtime.expect("an async row"), kind, shape, events)
                        }
                    });
                cells_of_row.extend(cells(
                    &all.async_answerings,
                    options,
                    kind,
                    shape,
                    |handler| {
                        move |runtime: Option<&Runtime>| {
                            handler.request(runtime.expect("an async row"), kind, shape, events)
                        }
                    },
                ));
                let name = requesters(producers);
                rows.push(Row {
                    group: GROUP,
                    name,
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
pub(crate) fn run<K: 'static, Q: AsyncService<K>>(
    runtime: &Runtime,
    shape: Shape,
    events: u64,
) -> Round {
    runtime.block_on(async {
        let mut ends = Q::open(shape);
        let clock = Clock::start();
        let server = tokio::spawn(serve(ends.consumers.remove(0)));
        let shares = shares(events, shape.producers);
        let clients = ends.producers.into_iter().zip(shares);
        finish(
            clients
                .map(|(client, share)| tokio::spawn(ask(client, share, DEADLINE)))
                .collect(),
        )
        .await;
        ends.close.await;
        let served = server.await.expect("a server that ends");
        let round = clock.stop(events);
        assert_eq!(served, events, "requests served");
        round
    })
}

/// A requester: asks its share, one after the other, and checks each answer.
pub(crate) async fn ask<Client: AsyncClient>(
    mut client: Client,
    share: Range<u64>,
    deadline: Duration,
) -> Client {
    for number in share {
        let answer = client.request(number, deadline).await;
        assert_eq!(
            answer,
            answer_to(number),
            "the answer belongs to the request"
        );
    }
    client
}

/// Answers until the end, and says how many.
async fn serve(mut server: impl AsyncServer) -> u64 {
    let mut served = 0;
    while let Some((number, held)) = server.take().await {
        server.answer(held, answer_to(number)).await;
        served += 1;
    }
    served
}

/// Answers so many.
pub(crate) async fn serve_some<Server: AsyncServer>(mut server: Server, count: u64) -> Server {
    for _ in 0..count {
        let (number, held) = server.take().await.expect("open");
        server.answer(held, answer_to(number)).await;
    }
    server
}
