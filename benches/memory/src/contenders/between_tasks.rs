//! The shape that channels between tasks share, written once: a peer says how its channel is opened, sent to and
//! received from, and takes part with it in the one-way rows and, beside a [`AsyncReply`], in the request rows.

use std::marker::PhantomData;
use std::time::Duration;

use tokio::time::timeout;

use super::replies::AsyncReply;
use crate::kind::{Kind, Slot};
use crate::queue::{
    AsyncClient, AsyncEnds, AsyncQueue, AsyncRx, AsyncServer, AsyncService, AsyncTx, Shape,
};

/// A channel between tasks.
///
/// It is handed closures, so that an event is made in the very call that sends it and read where it is received:
/// nothing moves it about in between that the peer's own users would not.
pub(crate) trait AsyncChannel: 'static {
    /// The sending end.
    type Tx<T: Slot>: Send + 'static;
    /// The receiving end.
    type Rx<T: Slot>: Send + 'static;

    /// Opens an empty channel with as many ends as the shape says.
    fn open<T: Slot>(shape: Shape) -> (Vec<Self::Tx<T>>, Vec<Self::Rx<T>>);
    /// Makes an event and sends it, waiting while the channel is full.
    fn send<T: Slot>(
        tx: &mut Self::Tx<T>,
        make: impl FnOnce() -> T + Send,
    ) -> impl Future<Output = ()> + Send;
    /// Receives an event and hands it on; `None` at the end.
    fn receive<T: Slot, R: Send>(
        rx: &mut Self::Rx<T>,
        read: impl FnOnce(T) -> R + Send,
    ) -> impl Future<Output = Option<R>> + Send;
}

/// The one-way events of a channel.
pub(crate) struct OneWay<C>(PhantomData<C>);
/// Requests over a channel, with the answer in a one-shot channel. With a deadline, or for a control without one.
pub(crate) struct Asking<C, R, const DEADLINE: bool = true>(PhantomData<(C, R)>);

/// A producer.
pub(crate) struct Tx<K: Kind, C: AsyncChannel>(C::Tx<K::Event>);
/// A consumer.
pub(crate) struct Rx<K: Kind, C: AsyncChannel>(C::Rx<K::Event>);
/// A requester.
pub(crate) struct Client<K: Kind, C: AsyncChannel, R: AsyncReply, const DEADLINE: bool>(
    C::Tx<K::Ask<R::Tx>>,
);
/// Whoever answers.
pub(crate) struct Server<K: Kind, C: AsyncChannel, R: AsyncReply>(C::Rx<K::Ask<R::Tx>>);

impl<K: Kind, C: AsyncChannel> AsyncQueue<K> for OneWay<C> {
    type Tx = Tx<K, C>;
    type Rx = Rx<K, C>;

    fn open(shape: Shape) -> AsyncEnds<Tx<K, C>, Rx<K, C>> {
        let (producers, consumers) = C::open(shape);
        AsyncEnds::of_tasks(
            producers.into_iter().map(Tx).collect(),
            consumers.into_iter().map(Rx).collect(),
        )
    }
}

impl<K: Kind, C: AsyncChannel> AsyncTx for Tx<K, C> {
    #[inline]
    fn send(&mut self, number: u64) -> impl Future<Output = ()> + Send {
        C::send(&mut self.0, move || K::event(number))
    }
}

impl<K: Kind, C: AsyncChannel> AsyncRx for Rx<K, C> {
    #[inline]
    fn receive(&mut self) -> impl Future<Output = Option<u64>> + Send {
        C::receive(&mut self.0, |event| K::read(&event))
    }
}

impl<K: Kind, C: AsyncChannel, R: AsyncReply, const DEADLINE: bool> AsyncService<K>
    for Asking<C, R, DEADLINE>
{
    type Client = Client<K, C, R, DEADLINE>;
    type Server = Server<K, C, R>;

    fn open(shape: Shape) -> AsyncEnds<Self::Client, Self::Server> {
        let (clients, servers) = C::open(shape);
        AsyncEnds::of_tasks(
            clients.into_iter().map(Client).collect(),
            servers.into_iter().map(Server).collect(),
        )
    }
}

impl<K: Kind, C: AsyncChannel, R: AsyncReply, const DEADLINE: bool> AsyncClient
    for Client<K, C, R, DEADLINE>
{
    #[inline]
    async fn request(&mut self, number: u64, deadline: Duration) -> u64 {
        let tx = &mut self.0;
        let ask = async move {
            let (reply, answer) = R::open();
            C::send(tx, || K::ask(number, reply)).await;
            R::wait(answer).await
        };
        if DEADLINE {
            timeout(deadline, ask).await.expect("in time")
        } else {
            ask.await
        }
    }
}

impl<K: Kind, C: AsyncChannel, R: AsyncReply> AsyncServer for Server<K, C, R> {
    type Held = K::Ask<R::Tx>;

    #[inline]
    fn take(&mut self) -> impl Future<Output = Option<(u64, Self::Held)>> + Send {
        C::receive(&mut self.0, |ask| (K::read_ask(&ask), ask))
    }

    #[inline]
    async fn answer(&mut self, held: Self::Held, answer: u64) {
        R::send(K::reply_of(held), answer);
    }
}
