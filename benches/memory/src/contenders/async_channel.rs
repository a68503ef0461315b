//! `async-channel`. Requests carry tokio's oneshot between tasks; between threads, where neither knows a deadline,
//! std's channel of one place.

use std::sync::mpsc;
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
        .push(async_queue::<Channel>("async-channel", Role::Peer, any));
    all.async_fans.push(async_fan::<PerGroup<Channel>>(
        "async-channel per group",
        Role::Peer,
    ));
    all.async_services.push(async_service::<Channel>(
        "async-channel + oneshot",
        Role::Peer,
        any,
    ));
    all.blocking_queues
        .push(blocking_queue::<Channel>("async-channel", Role::Peer, any));
    all.blocking_services.push(blocking_service::<Channel>(
        "async-channel + std(1)",
        Role::Peer,
        any,
    ));
}

struct Channel;

struct Tx<K: Kind>(async_channel::Sender<K::Event>);
struct Rx<K: Kind>(async_channel::Receiver<K::Event>);
struct Client<K: Kind>(async_channel::Sender<K::Ask<oneshot::Sender<u64>>>);
struct Server<K: Kind>(async_channel::Receiver<K::Ask<oneshot::Sender<u64>>>);
struct ThreadClient<K: Kind>(async_channel::Sender<K::Ask<mpsc::SyncSender<u64>>>);
struct ThreadServer<K: Kind>(async_channel::Receiver<K::Ask<mpsc::SyncSender<u64>>>);

fn wrapped<E: Clone, End>(end: E, count: usize, wrap: fn(E) -> End) -> Vec<End> {
    vec![end; count].into_iter().map(wrap).collect()
}

impl<K: Kind> AsyncQueue<K> for Channel {
    type Tx = Tx<K>;
    type Rx = Rx<K>;

    fn open(shape: Shape) -> AsyncEnds<Tx<K>, Rx<K>> {
        let (tx, rx) = async_channel::bounded(shape.capacity);
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

impl<K: Kind> AsyncService<K> for Channel {
    type Client = Client<K>;
    type Server = Server<K>;

    fn open(shape: Shape) -> AsyncEnds<Client<K>, Server<K>> {
        let (tx, rx) = async_channel::bounded(shape.capacity);
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

impl<K: Kind> BlockingQueue<K> for Channel {
    type Tx = Tx<K>;
    type Rx = Rx<K>;

    fn open(shape: Shape) -> BlockingEnds<Tx<K>, Rx<K>> {
        let (tx, rx) = async_channel::bounded(shape.capacity);
        BlockingEnds::of_threads(
            wrapped(tx, shape.producers, Tx),
            wrapped(rx, shape.consumers, Rx),
        )
    }
}

impl<K: Kind> BlockingTx for Tx<K> {
    #[inline]
    fn send(&mut self, number: u64) {
        assert!(self.0.send_blocking(K::event(number)).is_ok(), "open");
    }
}

impl<K: Kind> BlockingRx for Rx<K> {
    #[inline]
    fn receive(&mut self) -> Option<u64> {
        self.0.recv_blocking().ok().map(|event| K::read(&event))
    }
}

impl<K: Kind> BlockingService<K> for Channel {
    type Client = ThreadClient<K>;
    type Server = ThreadServer<K>;

    fn open(shape: Shape) -> BlockingEnds<ThreadClient<K>, ThreadServer<K>> {
        let (tx, rx) = async_channel::bounded(shape.capacity);
        BlockingEnds::of_threads(
            wrapped(tx, shape.producers, ThreadClient),
            wrapped(rx, shape.consumers, ThreadServer),
        )
    }
}

impl<K: Kind> BlockingClient for ThreadClient<K> {
    #[inline]
    fn request(&mut self, number: u64, deadline: Duration) -> u64 {
        let (reply, answer) = mpsc::sync_channel(1);
        assert!(self.0.send_blocking(K::ask(number, reply)).is_ok(), "open");
        answer.recv_timeout(deadline).expect("in time")
    }
}

impl<K: Kind> BlockingServer for ThreadServer<K> {
    #[inline]
    fn serve(&mut self) -> bool {
        let Ok(ask) = self.0.recv_blocking() else {
            return false;
        };
        let answer = answer_to(K::read_ask(&ask));
        K::reply_of(ask).send(answer).expect("awaited");
        true
    }
}
