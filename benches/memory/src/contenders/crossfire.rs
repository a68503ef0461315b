//! `crossfire`: its spsc, mpsc and mpmc channels, each where it fits best, as its docs recommend. Requests carry
//! tokio's oneshot between tasks; between threads, where that knows no deadline, crossfire's own.

use std::marker::PhantomData;
use std::time::Duration;

use crossfire::oneshot::{TxOneshot, oneshot as own_oneshot};
use crossfire::{AsyncRxTrait, AsyncTxTrait, BlockingRxTrait, BlockingTxTrait, mpmc, mpsc, spsc};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::per_group::PerGroup;
use super::{
    Catalogue, Role, async_fan, async_queue, async_service, blocking_queue, blocking_service,
};
use crate::kind::{Kind, Slot};
use crate::queue::{
    AsyncClient, AsyncEnds, AsyncQueue, AsyncRx, AsyncServer, AsyncService, AsyncTx,
    BlockingClient, BlockingEnds, BlockingQueue, BlockingRx, BlockingServer, BlockingService,
    BlockingTx, Shape, answer_to,
};

/// Enters each flavour where it fits best, and does what its docs ask of programs on virtual machines.
pub(crate) fn enter(all: &mut Catalogue) {
    crossfire::detect_backoff_cfg();
    enter_flavour::<Spsc>(all, one_to_one);
    enter_flavour::<Mpsc>(all, many_to_one);
    enter_flavour::<Mpmc>(all, many_to_many);
    all.async_fans.push(async_fan::<PerGroup<Crossfire<Spsc>>>(
        "crossfire per group",
        Role::Peer,
    ));
}

fn enter_flavour<F: Flavour>(all: &mut Catalogue, fits: fn(&Shape) -> bool) {
    all.async_queues
        .push(async_queue::<Crossfire<F>>("crossfire", Role::Peer, fits));
    all.async_services.push(async_service::<Crossfire<F>>(
        "crossfire + oneshot",
        Role::Peer,
        fits,
    ));
    all.blocking_queues.push(blocking_queue::<Crossfire<F>>(
        "crossfire",
        Role::Peer,
        fits,
    ));
    all.blocking_services.push(blocking_service::<Crossfire<F>>(
        "crossfire + its oneshot",
        Role::Peer,
        fits,
    ));
}

fn one_to_one(shape: &Shape) -> bool {
    shape.producers == 1 && shape.consumers == 1
}

fn many_to_one(shape: &Shape) -> bool {
    shape.producers > 1 && shape.consumers == 1
}

fn many_to_many(shape: &Shape) -> bool {
    shape.consumers > 1
}

/// One of crossfire's modules.
trait Flavour: 'static {
    type AsyncTx<T: Slot>: AsyncTxTrait<T> + Send + 'static;
    type AsyncRx<T: Slot>: AsyncRxTrait<T> + Send + 'static;
    type Tx<T: Slot>: BlockingTxTrait<T> + Send + 'static;
    type Rx<T: Slot>: BlockingRxTrait<T> + Send + 'static;

    fn tasks<T: Slot>(shape: Shape) -> (Vec<Self::AsyncTx<T>>, Vec<Self::AsyncRx<T>>);
    fn threads<T: Slot>(shape: Shape) -> (Vec<Self::Tx<T>>, Vec<Self::Rx<T>>);
}

struct Spsc;
struct Mpsc;
struct Mpmc;

impl Flavour for Spsc {
    type AsyncTx<T: Slot> = crossfire::AsyncTx<spsc::Array<T>>;
    type AsyncRx<T: Slot> = crossfire::AsyncRx<spsc::Array<T>>;
    type Tx<T: Slot> = crossfire::Tx<spsc::Array<T>>;
    type Rx<T: Slot> = crossfire::Rx<spsc::Array<T>>;

    fn tasks<T: Slot>(shape: Shape) -> (Vec<Self::AsyncTx<T>>, Vec<Self::AsyncRx<T>>) {
        let (tx, rx) = spsc::bounded_async(shape.capacity);
        (vec![tx], vec![rx])
    }

    fn threads<T: Slot>(shape: Shape) -> (Vec<Self::Tx<T>>, Vec<Self::Rx<T>>) {
        let (tx, rx) = spsc::bounded_blocking(shape.capacity);
        (vec![tx], vec![rx])
    }
}

impl Flavour for Mpsc {
    type AsyncTx<T: Slot> = crossfire::MAsyncTx<mpsc::Array<T>>;
    type AsyncRx<T: Slot> = crossfire::AsyncRx<mpsc::Array<T>>;
    type Tx<T: Slot> = crossfire::MTx<mpsc::Array<T>>;
    type Rx<T: Slot> = crossfire::Rx<mpsc::Array<T>>;

    fn tasks<T: Slot>(shape: Shape) -> (Vec<Self::AsyncTx<T>>, Vec<Self::AsyncRx<T>>) {
        let (tx, rx) = mpsc::bounded_async(shape.capacity);
        (vec![tx; shape.producers], vec![rx])
    }

    fn threads<T: Slot>(shape: Shape) -> (Vec<Self::Tx<T>>, Vec<Self::Rx<T>>) {
        let (tx, rx) = mpsc::bounded_blocking(shape.capacity);
        (vec![tx; shape.producers], vec![rx])
    }
}

impl Flavour for Mpmc {
    type AsyncTx<T: Slot> = crossfire::MAsyncTx<mpmc::Array<T>>;
    type AsyncRx<T: Slot> = crossfire::MAsyncRx<mpmc::Array<T>>;
    type Tx<T: Slot> = crossfire::MTx<mpmc::Array<T>>;
    type Rx<T: Slot> = crossfire::MRx<mpmc::Array<T>>;

    fn tasks<T: Slot>(shape: Shape) -> (Vec<Self::AsyncTx<T>>, Vec<Self::AsyncRx<T>>) {
        let (tx, rx) = mpmc::bounded_async(shape.capacity);
        (vec![tx; shape.producers], vec![rx; shape.consumers])
    }

    fn threads<T: Slot>(shape: Shape) -> (Vec<Self::Tx<T>>, Vec<Self::Rx<T>>) {
        let (tx, rx) = mpmc::bounded_blocking(shape.capacity);
        (vec![tx; shape.producers], vec![rx; shape.consumers])
    }
}

struct Crossfire<F>(PhantomData<F>);

/// An end of a channel that carries the events of `K`.
struct Of<K, End>(End, PhantomData<K>);

fn wrapped<K, End>(ends: Vec<End>) -> Vec<Of<K, End>> {
    ends.into_iter().map(|end| Of(end, PhantomData)).collect()
}

/// The same, for requests.
struct Ask<K, End>(End, PhantomData<K>);

fn asking<K, End>(ends: Vec<End>) -> Vec<Ask<K, End>> {
    ends.into_iter().map(|end| Ask(end, PhantomData)).collect()
}

type Reply = oneshot::Sender<u64>;
type OwnReply = TxOneshot<u64>;

impl<K: Kind, F: Flavour> AsyncQueue<K> for Crossfire<F> {
    type Tx = Of<K, F::AsyncTx<K::Event>>;
    type Rx = Of<K, F::AsyncRx<K::Event>>;

    fn open(shape: Shape) -> AsyncEnds<Self::Tx, Self::Rx> {
        let (producers, consumers) = F::tasks(shape);
        AsyncEnds::of_tasks(wrapped(producers), wrapped(consumers))
    }
}

impl<K: Kind, End: AsyncTxTrait<K::Event> + Send + 'static> AsyncTx for Of<K, End> {
    #[inline]
    async fn send(&mut self, number: u64) {
        assert!(self.0.send(K::event(number)).await.is_ok(), "open");
    }
}

impl<K: Kind, End: AsyncRxTrait<K::Event> + Send + 'static> AsyncRx for Of<K, End> {
    #[inline]
    async fn receive(&mut self) -> Option<u64> {
        self.0.recv().await.ok().map(|event| K::read(&event))
    }
}

impl<K: Kind, F: Flavour> AsyncService<K> for Crossfire<F> {
    type Client = Ask<K, F::AsyncTx<K::Ask<Reply>>>;
    type Server = Ask<K, F::AsyncRx<K::Ask<Reply>>>;

    fn open(shape: Shape) -> AsyncEnds<Self::Client, Self::Server> {
        let (clients, servers) = F::tasks(shape);
        AsyncEnds::of_tasks(asking(clients), asking(servers))
    }
}

impl<K: Kind, End: AsyncTxTrait<K::Ask<Reply>> + Send + 'static> AsyncClient for Ask<K, End> {
    #[inline]
    async fn request(&mut self, number: u64, deadline: Duration) -> u64 {
        let end = &mut self.0;
        let ask = async move {
            let (reply, answer) = oneshot::channel();
            assert!(end.send(K::ask(number, reply)).await.is_ok(), "open");
            answer.await.expect("answered")
        };
        timeout(deadline, ask).await.expect("in time")
    }
}

impl<K: Kind, End: AsyncRxTrait<K::Ask<Reply>> + Send + 'static> AsyncServer for Ask<K, End> {
    type Held = K::Ask<Reply>;

    #[inline]
    async fn take(&mut self) -> Option<(u64, Self::Held)> {
        self.0.recv().await.ok().map(|ask| (K::read_ask(&ask), ask))
    }

    #[inline]
    async fn answer(&mut self, held: Self::Held, answer: u64) {
        K::reply_of(held).send(answer).expect("awaited");
    }
}

impl<K: Kind, F: Flavour> BlockingQueue<K> for Crossfire<F> {
    type Tx = Of<K, F::Tx<K::Event>>;
    type Rx = Of<K, F::Rx<K::Event>>;

    fn open(shape: Shape) -> BlockingEnds<Self::Tx, Self::Rx> {
        let (producers, consumers) = F::threads(shape);
        BlockingEnds::of_threads(wrapped(producers), wrapped(consumers))
    }
}

impl<K: Kind, End: BlockingTxTrait<K::Event> + Send + 'static> BlockingTx for Of<K, End> {
    #[inline]
    fn send(&mut self, number: u64) {
        assert!(self.0.send(K::event(number)).is_ok(), "open");
    }
}

impl<K: Kind, End: BlockingRxTrait<K::Event> + Send + 'static> BlockingRx for Of<K, End> {
    #[inline]
    fn receive(&mut self) -> Option<u64> {
        self.0.recv().ok().map(|event| K::read(&event))
    }
}

impl<K: Kind, F: Flavour> BlockingService<K> for Crossfire<F> {
    type Client = Ask<K, F::Tx<K::Ask<OwnReply>>>;
    type Server = Ask<K, F::Rx<K::Ask<OwnReply>>>;

    fn open(shape: Shape) -> BlockingEnds<Self::Client, Self::Server> {
        let (clients, servers) = F::threads(shape);
        BlockingEnds::of_threads(asking(clients), asking(servers))
    }
}

impl<K: Kind, End: BlockingTxTrait<K::Ask<OwnReply>> + Send + 'static> BlockingClient
    for Ask<K, End>
{
    #[inline]
    fn request(&mut self, number: u64, deadline: Duration) -> u64 {
        let (reply, answer) = own_oneshot();
        assert!(self.0.send(K::ask(number, reply)).is_ok(), "open");
        answer.recv_timeout(deadline).expect("in time")
    }
}

impl<K: Kind, End: BlockingRxTrait<K::Ask<OwnReply>> + Send + 'static> BlockingServer
    for Ask<K, End>
{
    #[inline]
    fn serve(&mut self) -> bool {
        let Ok(ask) = self.0.recv() else { return false };
        let answer = answer_to(K::read_ask(&ask));
        K::reply_of(ask).send(answer);
        true
    }
}
