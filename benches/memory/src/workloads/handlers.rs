//! One way and requests between tasks where the consumer is a handler that the peer itself calls.

use std::marker::PhantomData;

use tokio::runtime::Runtime;

use super::cost::{produce_some, steady_state};
use super::one_way::{finish, produce, shares};
use super::request::ask;
use super::{DEADLINE, waiters};
use crate::clock::{Clock, Round};
use crate::kind::{Bare, Ev, EvBody, Plain, Which};
use crate::queue::{AsyncClient, AsyncHandled, AsyncHandler, AsyncHolding, AsyncTx, Shape};
use crate::tally::Tally;

/// What can be done with a handler of one-way events, whosever it is.
pub(crate) trait AnyHandling {
    /// All producers to the handler.
    fn one_way(&self, runtime: &Runtime, kind: Which, shape: Shape, events: u64) -> Round;
    /// What the steady state asks of the allocator.
    fn cost(&self, runtime: &Runtime, kind: Which, shape: Shape, events: u64) -> Round;
}

/// What can be done with a handler of requests, whosever it is.
pub(crate) trait AnyAnswering {
    /// All requesters to the handler.
    fn request(&self, runtime: &Runtime, kind: Which, shape: Shape, events: u64) -> Round;
    /// One requester of Ev while so many others wait for their answers.
    fn beside_waiters(&self, runtime: &Runtime, waiters: usize, events: u64) -> Round;
    /// What the steady state asks of the allocator.
    fn cost(&self, runtime: &Runtime, kind: Which, shape: Shape, events: u64) -> Round;
}

/// A handler whose senders are producers.
pub(crate) trait Handling<K>: AsyncHandled<K, Tx: AsyncTx> {}
impl<K, Q: AsyncHandled<K, Tx: AsyncTx>> Handling<K> for Q {}

/// A handler whose senders are requesters.
pub(crate) trait Answering<K>: AsyncHandled<K, Tx: AsyncClient> {}
impl<K, Q: AsyncHandled<K, Tx: AsyncClient>> Answering<K> for Q {}

impl<Q> AnyHandling for PhantomData<Q>
where
    Q: Handling<Ev> + Handling<EvBody> + Handling<Plain> + Handling<Bare>,
{
    fn one_way(&self, runtime: &Runtime, kind: Which, shape: Shape, events: u64) -> Round {
        for_kind!(kind, one_way(Q)(runtime, shape, events))
    }

    fn cost(&self, runtime: &Runtime, kind: Which, shape: Shape, events: u64) -> Round {
        for_kind!(kind, one_way_cost(Q)(runtime, shape, events))
    }
}

impl<Q> AnyAnswering for PhantomData<Q>
where
    Q: AsyncHolding<Ev> + Answering<Ev> + Answering<EvBody> + Answering<Plain> + Answering<Bare>,
{
    fn request(&self, runtime: &Runtime, kind: Which, shape: Shape, events: u64) -> Round {
        for_kind!(kind, request(Q)(runtime, shape, events))
    }

    fn beside_waiters(&self, runtime: &Runtime, waiters: usize, events: u64) -> Round {
        waiters::run_handler::<Ev, Q>(runtime, waiters, events)
    }

    fn cost(&self, runtime: &Runtime, kind: Which, shape: Shape, events: u64) -> Round {
        for_kind!(kind, request_cost(Q)(runtime, shape, events))
    }
}

/// One round: from the start of the first producer until the last event is handled.
fn one_way<K: 'static, Q: Handling<K>>(runtime: &Runtime, shape: Shape, events: u64) -> Round {
    runtime.block_on(async {
        let (producers, mut handler) = Q::open(shape).await;
        let clock = Clock::start();
        let shares = shares(events, shape.producers);
        let producers = producers.into_iter().zip(shares);
        let producers = producers.map(|(tx, share)| tokio::spawn(produce(tx, share)));
        finish(producers.collect()).await;
        let tally = handler.handled().await;
        let round = clock.stop(events);
        check(&tally, shape, events);
        round
    })
}

/// One round: from the start of the first requester to the end of the last.
fn request<K: 'static, Q: Answering<K>>(runtime: &Runtime, shape: Shape, events: u64) -> Round {
    runtime.block_on(async {
        let (clients, mut handler) = Q::open(shape).await;
        let clock = Clock::start();
        let clients = clients.into_iter().zip(shares(events, shape.producers));
        let clients = clients.map(|(client, share)| tokio::spawn(ask(client, share, DEADLINE)));
        finish(clients.collect()).await;
        let round = clock.stop(events);
        check(&handler.handled().await, shape, events);
        round
    })
}

fn check(tally: &Tally, shape: Shape, events: u64) {
    tally.check(events);
    if shape.producers == 1 {
        tally.check_order();
    }
}

fn one_way_cost<K: 'static, Q: Handling<K>>(runtime: &Runtime, shape: Shape, events: u64) -> Round {
    runtime.block_on(async { steady_state(Q::open(shape).await, events, stream).await })
}

async fn stream<Tx: AsyncTx, Handler: AsyncHandler>(
    (producers, mut handler): (Vec<Tx>, Handler),
    events: u64,
) -> (Vec<Tx>, Handler) {
    let shares = shares(events, producers.len());
    let at_work = producers.into_iter().zip(shares);
    let at_work = at_work.map(|(tx, share)| tokio::spawn(produce_some(tx, share)));
    let at_work: Vec<_> = at_work.collect();
    let mut producers = Vec::with_capacity(at_work.len());
    for producer in at_work {
        producers.push(producer.await.expect("a producer that ends"));
    }
    handler.handled().await.check(events);
    (producers, handler)
}

fn request_cost<K: 'static, Q: Answering<K>>(
    runtime: &Runtime,
    shape: Shape,
    events: u64,
) -> Round {
    runtime.block_on(async { steady_state(Q::open(shape).await, events, converse).await })
}

async fn converse<Client: AsyncClient, Handler: AsyncHandler>(
    (clients, mut handler): (Vec<Client>, Handler),
    events: u64,
) -> (Vec<Client>, Handler) {
    let shares = shares(events, clients.len());
    let asking = clients.into_iter().zip(shares);
    let asking = asking.map(|(client, share)| tokio::spawn(ask(client, share, DEADLINE)));
    let asking: Vec<_> = asking.collect();
    let mut clients = Vec::with_capacity(asking.len());
    for client in asking {
        clients.push(client.await.expect("a requester that ends"));
    }
    handler.handled().await.check(events);
    (clients, handler)
}
