//! `tokio::sync::mpsc`, with `oneshot` and `tokio::time::timeout` for requests. One consumer only.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::per_group::PerGroup;
use super::{
    Catalogue, Role, async_fan, async_queue, async_service, blocking_queue, blocking_service,
    one_consumer,
};
use crate::kind::Kind;
use crate::queue::{
    AsyncClient, AsyncEnds, AsyncQueue, AsyncRx, AsyncServer, AsyncService, AsyncTx,
    BlockingClient, BlockingEnds, BlockingQueue, BlockingRx, BlockingServer, BlockingService,
    BlockingTx, Shape, answer_to,
};

/// Enters it where it fits. Its blocking calls know no deadline, so the request rows between threads are a control.
pub(crate) fn enter(all: &mut Catalogue) {
    all.async_queues
        .push(async_queue::<Tokio>("tokio", Role::Peer, one_consumer));
    all.async_fans
        .push(async_fan::<PerGroup<Tokio>>("tokio per group", Role::Peer));
    all.async_services
        .push(async_service::<Tokio>("tokio", Role::Peer, one_consumer));
    all.async_services.push(async_service::<Endless>(
        "tokio, no deadline",
        Role::Control,
        one_consumer,
    ));
    all.blocking_queues
        .push(blocking_queue::<Tokio>("tokio", Role::Peer, one_consumer));
    all.blocking_services.push(blocking_service::<Tokio>(
        "tokio, no deadline",
        Role::Control,
        one_consumer,
    ));
}

struct Tokio;

/// The same without a deadline.
struct Endless;

type Reply = oneshot::Sender<u64>;

struct Tx<K: Kind>(mpsc::Sender<K::Event>);
struct Rx<K: Kind>(mpsc::Receiver<K::Event>);
struct Client<K: Kind, const DEADLINE: bool>(mpsc::Sender<K::Ask<Reply>>);
struct Server<K: Kind>(mpsc::Receiver<K::Ask<Reply>>);

fn senders<E, Tx>(shape: Shape, wrap: fn(mpsc::Sender<E>) -> Tx) -> (Vec<Tx>, mpsc::Receiver<E>) {
    let (tx, rx) = mpsc::channel(shape.capacity);
    (
        vec![tx; shape.producers].into_iter().map(wrap).collect(),
        rx,
    )
}

impl<K: Kind> AsyncQueue<K> for Tokio {
    type Tx = Tx<K>;
    type Rx = Rx<K>;

    fn open(shape: Shape) -> AsyncEnds<Tx<K>, Rx<K>> {
        let (producers, rx) = senders(shape, Tx);
        AsyncEnds::of_tasks(producers, vec![Rx(rx)])
    }
}

impl<K: Kind> AsyncTx for Tx<K> {
    #[inline]
    async fn send(&mut self, number: u64) {
        assert!(self.0.send(K::event(number)).await.is_ok(), "open");
    }
}

impl<K: Kind> AsyncRx for Rx<K> {
    #[inline]
    async fn receive(&mut self) -> Option<u64> {
        self.0.recv().await.map(|event| K::read(&event))
    }
}

impl<K: Kind> BlockingQueue<K> for Tokio {
    type Tx = Tx<K>;
    type Rx = Rx<K>;

    fn open(shape: Shape) -> BlockingEnds<Tx<K>, Rx<K>> {
        let (producers, rx) = senders(shape, Tx);
        BlockingEnds::of_threads(producers, vec![Rx(rx)])
    }
}

impl<K: Kind> BlockingTx for Tx<K> {
    #[inline]
    fn send(&mut self, number: u64) {
        assert!(self.0.blocking_send(K::event(number)).is_ok(), "open");
    }
}

impl<K: Kind> BlockingRx for Rx<K> {
    #[inline]
    fn receive(&mut self) -> Option<u64> {
        self.0.blocking_recv().map(|event| K::read(&event))
    }
}

impl<K: Kind> AsyncService<K> for Tokio {
    type Client = Client<K, true>;
    type Server = Server<K>;

    fn open(shape: Shape) -> AsyncEnds<Self::Client, Server<K>> {
        let (clients, rx) = senders(shape, Client);
        AsyncEnds::of_tasks(clients, vec![Server(rx)])
    }
}

impl<K: Kind> AsyncService<K> for Endless {
    type Client = Client<K, false>;
    type Server = Server<K>;

    fn open(shape: Shape) -> AsyncEnds<Self::Client, Server<K>> {
        let (clients, rx) = senders(shape, Client);
        AsyncEnds::of_tasks(clients, vec![Server(rx)])
    }
}

impl<K: Kind, const DEADLINE: bool> Client<K, DEADLINE> {
    #[inline]
    async fn ask(&mut self, number: u64) -> u64 {
        let (reply, answer) = oneshot::channel();
        assert!(self.0.send(K::ask(number, reply)).await.is_ok(), "open");
        answer.await.expect("answered")
    }
}

impl<K: Kind, const DEADLINE: bool> AsyncClient for Client<K, DEADLINE> {
    #[inline]
    async fn request(&mut self, number: u64, deadline: Duration) -> u64 {
        if DEADLINE {
            timeout(deadline, self.ask(number)).await.expect("in time")
        } else {
            self.ask(number).await
        }
    }
}

impl<K: Kind> AsyncServer for Server<K> {
    type Held = K::Ask<Reply>;

    #[inline]
    async fn take(&mut self) -> Option<(u64, Self::Held)> {
        self.0.recv().await.map(|ask| (K::read_ask(&ask), ask))
    }

    #[inline]
    async fn answer(&mut self, held: Self::Held, answer: u64) {
        K::reply_of(held).send(answer).expect("awaited");
    }
}

impl<K: Kind> BlockingService<K> for Tokio {
    type Client = Client<K, false>;
    type Server = Server<K>;

    fn open(shape: Shape) -> BlockingEnds<Self::Client, Server<K>> {
        let (clients, rx) = senders(shape, Client);
        BlockingEnds::of_threads(clients, vec![Server(rx)])
    }
}

impl<K: Kind> BlockingClient for Client<K, false> {
    #[inline]
    fn request(&mut self, number: u64, _no_deadline: Duration) -> u64 {
        let (reply, answer) = oneshot::channel();
        assert!(self.0.blocking_send(K::ask(number, reply)).is_ok(), "open");
        answer.blocking_recv().expect("answered")
    }
}

impl<K: Kind> BlockingServer for Server<K> {
    #[inline]
    fn serve(&mut self) -> bool {
        let Some(ask) = self.0.blocking_recv() else {
            return false;
        };
        let answer = answer_to(K::read_ask(&ask));
        K::reply_of(ask).send(answer).expect("awaited");
        true
    }
}
