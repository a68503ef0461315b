//! The shape that channels between threads share, written once, like that of [`super::between_tasks`].

use std::marker::PhantomData;
use std::time::Duration;

use super::replies::BlockingReply;
use crate::kind::{Kind, Slot};
use crate::queue::{
    BlockingClient, BlockingEnds, BlockingQueue, BlockingRx, BlockingServer, BlockingService,
    BlockingTx, Shape, answer_to,
};

/// A channel between threads.
pub(crate) trait BlockingChannel: 'static {
    /// The sending end.
    type Tx<T: Slot>: Send + 'static;
    /// The receiving end.
    type Rx<T: Slot>: Send + 'static;

    /// Opens an empty channel with as many ends as the shape says.
    fn open<T: Slot>(shape: Shape) -> (Vec<Self::Tx<T>>, Vec<Self::Rx<T>>);
    /// Sends an event, waiting while the channel is full.
    fn send<T: Slot>(tx: &mut Self::Tx<T>, event: T);
    /// Receives an event; `None` at the end.
    fn receive<T: Slot>(rx: &mut Self::Rx<T>) -> Option<T>;
}

/// The one-way events of a channel.
pub(crate) struct ThreadOneWay<C>(PhantomData<C>);
/// Requests over a channel, with the answer in a one-shot channel.
pub(crate) struct ThreadAsking<C, R>(PhantomData<(C, R)>);

/// A producer.
pub(crate) struct Tx<K: Kind, C: BlockingChannel>(C::Tx<K::Event>);
/// A consumer.
pub(crate) struct Rx<K: Kind, C: BlockingChannel>(C::Rx<K::Event>);
/// A requester.
pub(crate) struct Client<K: Kind, C: BlockingChannel, R: BlockingReply>(C::Tx<K::Ask<R::Tx>>);
/// Whoever answers.
pub(crate) struct Server<K: Kind, C: BlockingChannel, R: BlockingReply>(C::Rx<K::Ask<R::Tx>>);

impl<K: Kind, C: BlockingChannel> BlockingQueue<K> for ThreadOneWay<C> {
    type Tx = Tx<K, C>;
    type Rx = Rx<K, C>;

    fn open(shape: Shape) -> BlockingEnds<Tx<K, C>, Rx<K, C>> {
        let (producers, consumers) = C::open(shape);
        BlockingEnds::of_threads(
            producers.into_iter().map(Tx).collect(),
            consumers.into_iter().map(Rx).collect(),
        )
    }
}

impl<K: Kind, C: BlockingChannel> BlockingTx for Tx<K, C> {
    #[inline]
    fn send(&mut self, number: u64) {
        C::send(&mut self.0, K::event(number));
    }
}

impl<K: Kind, C: BlockingChannel> BlockingRx for Rx<K, C> {
    #[inline]
    fn receive(&mut self) -> Option<u64> {
        C::receive(&mut self.0).map(|event| K::read(&event))
    }
}

impl<K: Kind, C: BlockingChannel, R: BlockingReply> BlockingService<K> for ThreadAsking<C, R> {
    type Client = Client<K, C, R>;
    type Server = Server<K, C, R>;

    fn open(shape: Shape) -> BlockingEnds<Self::Client, Self::Server> {
        let (clients, servers) = C::open(shape);
        BlockingEnds::of_threads(
            clients.into_iter().map(Client).collect(),
            servers.into_iter().map(Server).collect(),
        )
    }
}

impl<K: Kind, C: BlockingChannel, R: BlockingReply> BlockingClient for Client<K, C, R> {
    #[inline]
    fn request(&mut self, number: u64, deadline: Duration) -> u64 {
        let (reply, answer) = R::open();
        C::send(&mut self.0, K::ask(number, reply));
        R::wait_at_most(answer, deadline)
    }
}

impl<K: Kind, C: BlockingChannel, R: BlockingReply> BlockingServer for Server<K, C, R> {
    #[inline]
    fn serve(&mut self) -> bool {
        let Some(ask) = C::receive(&mut self.0) else {
            return false;
        };
        let answer = answer_to(K::read_ask(&ask));
        R::send(K::reply_of(ask), answer);
        true
    }
}
