//! `kanal`. Requests carry tokio's oneshot between tasks; between threads, where that knows no deadline, a `kanal`
//! channel of one place.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::per_group::PerGroup;
use super::{
    Catalogue, Role, any, async_fan, async_queue, async_service, blocking_queue, blocking_service,
};
use crate::kind::Kind;
use crate::queue::{
    AsyncClient, AsyncEnds, AsyncQueue, AsyncRx, AsyncServer, AsyncService, AsyncTx,
    BlockingClient, BlockingEnds, BlockingQueue, BlockingRx, BlockingServer, BlockingService,
    BlockingTx, Shape, answer_to,
};

/// Enters it everywhere.
pub(crate) fn enter(all: &mut Catalogue) {
    all.async_queues
        .push(async_queue::<Kanal>("kanal", Role::Peer, any));
    all.async_fans
        .push(async_fan::<PerGroup<Kanal>>("kanal per group", Role::Peer));
    all.async_services
        .push(async_service::<Kanal>("kanal + oneshot", Role::Peer, any));
    all.blocking_queues
        .push(blocking_queue::<Kanal>("kanal", Role::Peer, any));
    all.blocking_services.push(blocking_service::<Kanal>(
        "kanal + kanal(1)",
        Role::Peer,
        any,
    ));
}

struct Kanal;

struct Tx<K: Kind>(kanal::AsyncSender<K::Event>);
struct Rx<K: Kind>(kanal::AsyncReceiver<K::Event>);
struct Client<K: Kind>(kanal::AsyncSender<K::Ask<oneshot::Sender<u64>>>);
struct Server<K: Kind>(kanal::AsyncReceiver<K::Ask<oneshot::Sender<u64>>>);
struct ThreadTx<K: Kind>(kanal::Sender<K::Event>);
struct ThreadRx<K: Kind>(kanal::Receiver<K::Event>);
struct ThreadClient<K: Kind>(kanal::Sender<K::Ask<kanal::Sender<u64>>>);
struct ThreadServer<K: Kind>(kanal::Receiver<K::Ask<kanal::Sender<u64>>>);

fn wrapped<E: Clone, End>(end: E, count: usize, wrap: fn(E) -> End) -> Vec<End> {
    vec![end; count].into_iter().map(wrap).collect()
}

impl<K: Kind> AsyncQueue<K> for Kanal {
    type Tx = Tx<K>;
    type Rx = Rx<K>;

    fn open(shape: Shape) -> AsyncEnds<Tx<K>, Rx<K>> {
        let (tx, rx) = kanal::bounded_async(shape.capacity);
        AsyncEnds::of_tasks(
            wrapped(tx, shape.producers, Tx),
            wrapped(rx, shape.consumers, Rx),
        )
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
        self.0.recv().await.ok().map(|event| K::read(&event))
    }
}

impl<K: Kind> AsyncService<K> for Kanal {
    type Client = Client<K>;
    type Server = Server<K>;

    fn open(shape: Shape) -> AsyncEnds<Client<K>, Server<K>> {
        let (tx, rx) = kanal::bounded_async(shape.capacity);
        AsyncEnds::of_tasks(
            wrapped(tx, shape.producers, Client),
            wrapped(rx, shape.consumers, Server),
        )
    }
}

impl<K: Kind> AsyncClient for Client<K> {
    #[inline]
    async fn request(&mut self, number: u64, deadline: Duration) -> u64 {
        let ask = async {
            let (reply, answer) = oneshot::channel();
            assert!(self.0.send(K::ask(number, reply)).await.is_ok(), "open");
            answer.await.expect("answered")
        };
        timeout(deadline, ask).await.expect("in time")
    }
}

impl<K: Kind> AsyncServer for Server<K> {
    type Held = K::Ask<oneshot::Sender<u64>>;

    #[inline]
    async fn take(&mut self) -> Option<(u64, Self::Held)> {
        self.0.recv().await.ok().map(|ask| (K::read_ask(&ask), ask))
    }

    #[inline]
    async fn answer(&mut self, held: Self::Held, answer: u64) {
        K::reply_of(held).send(answer).expect("awaited");
    }
}

impl<K: Kind> BlockingQueue<K> for Kanal {
    type Tx = ThreadTx<K>;
    type Rx = ThreadRx<K>;

    fn open(shape: Shape) -> BlockingEnds<ThreadTx<K>, ThreadRx<K>> {
        let (tx, rx) = kanal::bounded(shape.capacity);
        BlockingEnds::of_threads(
            wrapped(tx, shape.producers, ThreadTx),
            wrapped(rx, shape.consumers, ThreadRx),
        )
    }
}

impl<K: Kind> BlockingTx for ThreadTx<K> {
    #[inline]
    fn send(&mut self, number: u64) {
        assert!(self.0.send(K::event(number)).is_ok(), "open");
    }
}

impl<K: Kind> BlockingRx for ThreadRx<K> {
    #[inline]
    fn receive(&mut self) -> Option<u64> {
        self.0.recv().ok().map(|event| K::read(&event))
    }
}

impl<K: Kind> BlockingService<K> for Kanal {
    type Client = ThreadClient<K>;
    type Server = ThreadServer<K>;

    fn open(shape: Shape) -> BlockingEnds<ThreadClient<K>, ThreadServer<K>> {
        let (tx, rx) = kanal::bounded(shape.capacity);
        BlockingEnds::of_threads(
            wrapped(tx, shape.producers, ThreadClient),
            wrapped(rx, shape.consumers, ThreadServer),
        )
    }
}

impl<K: Kind> BlockingClient for ThreadClient<K> {
    #[inline]
    fn request(&mut self, number: u64, deadline: Duration) -> u64 {
        let (reply, answer) = kanal::bounded(1);
        assert!(self.0.send(K::ask(number, reply)).is_ok(), "open");
        answer.recv_timeout(deadline).expect("in time")
    }
}

impl<K: Kind> BlockingServer for ThreadServer<K> {
    #[inline]
    fn serve(&mut self) -> bool {
        let Ok(ask) = self.0.recv() else { return false };
        let answer = answer_to(K::read_ask(&ask));
        K::reply_of(ask).send(answer).expect("awaited");
        true
    }
}
