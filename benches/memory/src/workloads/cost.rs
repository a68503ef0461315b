//! What an event costs in the steady state: calls of the allocator, bytes asked for, what the heap grows by, CPU time.
//!
//! A queue is opened once and works three times: to warm up, against the clock, and with the allocator counted. What a
//! run of the same tasks without any event asks of the allocator is the executor's, and taken off.

use std::ops::Range;

use tokio::runtime::Runtime;

use super::one_way::shares;
use super::request::{ask, requesters, serve_some};
use super::{DEADLINE, Row, cells};
use crate::alloc::{self, Heap};
use crate::clock::{Clock, Round};
use crate::contenders::Catalogue;
use crate::kind::Which;
use crate::options::Options;
use crate::queue::{AsyncClient, AsyncQueue, AsyncRx, AsyncServer, AsyncService, AsyncTx, Shape};
use crate::runtime::Executor;
use crate::tally::Tally;

/// The table with columns of its own.
pub(crate) const GROUP: &str = "cost per event";
const EVENTS: u64 = 200_000;
const CAPACITY: usize = 100;

/// The rows of this workload.
pub(crate) fn rows<'a>(all: &'a Catalogue, options: &Options, rows: &mut Vec<Row<'a>>) {
    let events = options.scaled(EVENTS);
    let executor = Some(Executor::TwoWorkers);
    for kind in [Which::Ev, Which::EvBody, Which::Plain, Which::Bare] {
        let shape = Shape {
            producers: 1,
            consumers: 1,
            capacity: CAPACITY,
        };
        let mut cells_of_row = cells(&all.async_queues, options, kind, shape, |queue| {
            move |runtime: Option<&Runtime>| {
                queue.cost(runtime.expect("an async row"), kind, shape, events)
            }
        });
        cells_of_row.extend(cells(
            &all.async_handlings,
            options,
            kind,
            shape,
            |handler| {
                move |runtime: Option<&Runtime>| {
                    handler.cost(runtime.expect("an async row"), kind, shape, events)
                }
            },
        ));
        rows.push(Row {
            group: GROUP,
            name: format!("one way {}", shape.name()),
            kind,
            executor,
            events,
            cells: cells_of_row,
        });
    }
    for kind in [Which::Ev, Which::Plain, Which::Bare] {
        for producers in [1, 64] {
            let shape = Shape {
                producers,
                consumers: 1,
                capacity: CAPACITY,
            };
            let mut cells_of_row = cells(&all.async_services, options, kind, shape, |service| {
                move |runtime: Option<&Runtime>| {
                    service.cost(runtime.expect("an async row"), kind, shape, events)
                }
            });
            cells_of_row.extend(cells(
                &all.async_answerings,
                options,
                kind,
                shape,
                |handler| {
                    move |runtime: Option<&Runtime>| {
                        handler.cost(runtime.expect("an async row"), kind, shape, events)
                    }
                },
            ));
            rows.push(Row {
                group: GROUP,
                name: requesters(producers),
                kind,
                executor,
                events,
                cells: cells_of_row,
            });
        }
    }
}

/// One round of one-way events from one producer to one consumer.
pub(crate) fn one_way<K: 'static, Q: AsyncQueue<K>>(
    runtime: &Runtime,
    shape: Shape,
    events: u64,
) -> Round {
    runtime.block_on(async {
        let mut ends = Q::open(shape);
        let pair = (ends.producers.remove(0), ends.consumers.remove(0));
        steady_state(pair, events, stream).await
    })
}

/// Warms up, measures, counts.
pub(crate) async fn steady_state<Ends>(
    ends: Ends,
    events: u64,
    work: impl AsyncFn(Ends, u64) -> Ends,
) -> Round {
    let ends = work(ends, events).await;
    let clock = Clock::start();
    let ends = work(ends, events).await;
    let mut round = clock.stop(events);
    let (ends, tasks) = counted(ends, 0, &work).await;
    let (_ends, mut heap) = counted(ends, events, &work).await;
    heap.calls = heap.calls.saturating_sub(tasks.calls);
    heap.bytes = heap.bytes.saturating_sub(tasks.bytes);
    round.heap = Some(heap);
    round
}

async fn counted<Ends>(
    ends: Ends,
    events: u64,
    work: &impl AsyncFn(Ends, u64) -> Ends,
) -> (Ends, Heap) {
    alloc::start();
    let ends = work(ends, events).await;
    (ends, alloc::stop())
}

async fn stream<Tx: AsyncTx, Rx: AsyncRx>((tx, rx): (Tx, Rx), events: u64) -> (Tx, Rx) {
    let consumer = tokio::spawn(consume_some(rx, events));
    let tx = tokio::spawn(produce_some(tx, 0..events))
        .await
        .expect("a producer that ends");
    let (rx, tally) = consumer.await.expect("a consumer that ends");
    tally.check(events);
    (tx, rx)
}

pub(crate) async fn produce_some<Tx: AsyncTx>(mut tx: Tx, share: Range<u64>) -> Tx {
    for number in share {
        tx.send(number).await;
    }
    tx
}

async fn consume_some<Rx: AsyncRx>(mut rx: Rx, events: u64) -> (Rx, Tally) {
    let mut tally = Tally::default();
    for _ in 0..events {
        tally.add(rx.receive().await.expect("open"));
    }
    (rx, tally)
}

/// One round of requests.
pub(crate) fn request<K: 'static, Q: AsyncService<K>>(
    runtime: &Runtime,
    shape: Shape,
    events: u64,
) -> Round {
    runtime.block_on(async {
        let mut ends = Q::open(shape);
        let server = ends.consumers.remove(0);
        steady_state((ends.producers, server), events, converse).await
    })
}

async fn converse<Client: AsyncClient, Server: AsyncServer>(
    (clients, server): (Vec<Client>, Server),
    events: u64,
) -> (Vec<Client>, Server) {
    let serving = tokio::spawn(serve_some(server, events));
    let shares = shares(events, clients.len());
    let asking = clients.into_iter().zip(shares);
    let asking = asking.map(|(client, share)| tokio::spawn(ask(client, share, DEADLINE)));
    let asking: Vec<_> = asking.collect();
    let mut clients = Vec::with_capacity(asking.len());
    for client in asking {
        clients.push(client.await.expect("a requester that ends"));
    }
    (clients, serving.await.expect("a server that ends"))
}
