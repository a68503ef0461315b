//! `ruststream`'s memory broker, without the framework's codecs, router and handlers: bytes are published, and a
//! subscriber is polled for them, which is the least that its documentation has. It acknowledges each event, as our default
//! does. A name carries each event to every subscriber of it: so one consumer only, and groups come for nothing. Its queues
//! have no bound, so a producer never waits for room: only its request rows are a peer's, the others a control's.

use std::future::poll_fn;
use std::hint::black_box;
use std::marker::PhantomData;
use std::pin::pin;
use std::time::Duration;

use futures_core::Stream;
use ruststream::memory::{
    MemoryBroker, MemoryMessage, MemoryPublisher, MemoryRequester, MemorySubscriber,
};
use ruststream::{
    Bytes, BytesMut, HeaderMap, IncomingMessage, OutgoingMessage, Publisher, RequestReply, Str,
    Subscriber,
};

use super::{Catalogue, Role, async_fan, async_queue, async_service, one_consumer};
use crate::kind::{Bare, Body, Ev, EvBody, Kind, NAME, Plain, TITLE, number, text};
use crate::queue::{
    AsyncClient, AsyncEnds, AsyncFan, AsyncQueue, AsyncRx, AsyncServer, AsyncService, AsyncTx,
    Shape,
};

/// Enters it where it fits.
pub(crate) fn enter(all: &mut Catalogue) {
    const ENDLESS: &str = "ruststream, no bound";
    all.async_queues.push(async_queue::<Ruststream>(
        ENDLESS,
        Role::Control,
        one_consumer,
    ));
    all.async_fans
        .push(async_fan::<Ruststream>(ENDLESS, Role::Control));
    all.async_services.push(async_service::<Ruststream>(
        "ruststream",
        Role::Peer,
        one_consumer,
    ));
}

struct Ruststream;

/// What is sent at the end, since a subscription has none while its broker lives.
const END: &[u8] = b"end";

type Outgoing<'a> = OutgoingMessage<'a, BytesMut>;

/// The same events as bytes with headers.
trait BytesKind: Kind {
    fn make(number: u64) -> Outgoing<'static>;
    fn seen(message: &MemoryMessage) -> u64;
}

fn plain(payload: &[u8]) -> Outgoing<'static> {
    OutgoingMessage::produced(NAME, payload.into())
}

fn titled(title: impl Into<Bytes>, payload: &[u8]) -> Outgoing<'static> {
    let mut headers = HeaderMap::with_capacity(1);
    headers.insert(Str::from_static(TITLE), title);
    plain(payload).with_headers(headers)
}

fn title(message: &MemoryMessage) -> &str {
    black_box(message.name());
    message.headers().get_str(TITLE).expect("sent with it")
}

fn word(message: &MemoryMessage) -> u64 {
    let bytes = black_box(message.payload()).try_into();
    u64::from_le_bytes(bytes.expect("eight bytes"))
}

impl BytesKind for Ev {
    #[inline]
    fn make(number: u64) -> Outgoing<'static> {
        titled(text(number), &[])
    }

    #[inline]
    fn seen(message: &MemoryMessage) -> u64 {
        number(title(message))
    }
}

impl BytesKind for EvBody {
    #[inline]
    fn make(number: u64) -> Outgoing<'static> {
        plain(Body::new(number).title.as_bytes())
    }

    #[inline]
    fn seen(message: &MemoryMessage) -> u64 {
        black_box(message.name());
        number(str::from_utf8(message.payload()).expect("a string"))
    }
}

impl BytesKind for Plain {
    #[inline]
    fn make(number: u64) -> Outgoing<'static> {
        titled("hello world", &number.to_le_bytes())
    }

    #[inline]
    fn seen(message: &MemoryMessage) -> u64 {
        black_box(title(message));
        word(message)
    }
}

impl BytesKind for Bare {
    #[inline]
    fn make(number: u64) -> Outgoing<'static> {
        plain(&number.to_le_bytes())
    }

    #[inline]
    fn seen(message: &MemoryMessage) -> u64 {
        word(message)
    }
}

/// Publishes.
struct Tx<K>(MemoryPublisher, PhantomData<K>);
/// Is polled.
struct Rx<K>(MemorySubscriber, PhantomData<K>);
/// Requests.
struct Client<K>(MemoryRequester, PhantomData<K>);
/// Is polled for requests, and publishes the answers.
struct Server<K>(MemorySubscriber, MemoryPublisher, PhantomData<K>);

/// The ends of a broker, which are told of the end.
fn ends<Tx, Rx>(broker: MemoryBroker, producers: Vec<Tx>, consumers: Vec<Rx>) -> AsyncEnds<Tx, Rx> {
    AsyncEnds {
        producers,
        consumers,
        close: Box::pin(async move {
            publish(&broker.publisher(), plain(END)).await;
        }),
    }
}

async fn publish(publisher: &MemoryPublisher, message: Outgoing<'_>) {
    publisher.publish(message, None).await.expect("open");
}

async fn next(subscriber: &mut MemorySubscriber) -> Option<MemoryMessage> {
    let mut messages = pin!(subscriber.stream());
    let message = poll_fn(|context| messages.as_mut().poll_next(context)).await?;
    let message = message.expect("a broker in memory does not fail");
    if message.payload() == END {
        message.ack().await.expect("in hand");
        return None;
    }
    Some(message)
}

impl<K: BytesKind> AsyncQueue<K> for Ruststream {
    type Tx = Tx<K>;
    type Rx = Rx<K>;

    fn open(shape: Shape) -> AsyncEnds<Tx<K>, Rx<K>> {
        let broker = MemoryBroker::new();
        let producers = (0..shape.producers).map(|_| Tx(broker.publisher(), PhantomData));
        let consumer = Rx(broker.subscribe(NAME), PhantomData);
        ends(broker.clone(), producers.collect(), vec![consumer])
    }
}

impl<K: BytesKind> AsyncFan<K> for Ruststream {
    type Tx = Tx<K>;
    type Rx = Rx<K>;

    fn open(_capacity: usize, groups: usize) -> AsyncEnds<Tx<K>, Rx<K>> {
        let broker = MemoryBroker::new();
        let producer = Tx(broker.publisher(), PhantomData);
        let consumers = (0..groups).map(|_| Rx(broker.subscribe(NAME), PhantomData));
        ends(broker.clone(), vec![producer], consumers.collect())
    }
}

impl<K: BytesKind> AsyncTx for Tx<K> {
    #[inline]
    async fn send(&mut self, number: u64) {
        publish(&self.0, K::make(number)).await;
    }
}

impl<K: BytesKind> AsyncRx for Rx<K> {
    #[inline]
    async fn receive(&mut self) -> Option<u64> {
        let message = next(&mut self.0).await?;
        let number = K::seen(&message);
        message.ack().await.expect("in hand");
        Some(number)
    }
}

impl<K: BytesKind> AsyncService<K> for Ruststream {
    type Client = Client<K>;
    type Server = Server<K>;

    fn open(shape: Shape) -> AsyncEnds<Client<K>, Server<K>> {
        let broker = MemoryBroker::new();
        let clients = (0..shape.producers).map(|_| Client(broker.requester(), PhantomData));
        let server = Server(broker.subscribe(NAME), broker.publisher(), PhantomData);
        ends(broker.clone(), clients.collect(), vec![server])
    }
}

impl<K: BytesKind> AsyncClient for Client<K> {
    #[inline]
    async fn request(&mut self, number: u64, deadline: Duration) -> u64 {
        let answer = self.0.request(K::make(number), deadline).await;
        let answer = answer.expect("answered in time");
        let number = word(&answer);
        answer.ack().await.expect("in hand");
        number
    }
}

impl<K: BytesKind> AsyncServer for Server<K> {
    type Held = MemoryMessage;

    #[inline]
    async fn take(&mut self) -> Option<(u64, MemoryMessage)> {
        let message = next(&mut self.0).await?;
        Some((K::seen(&message), message))
    }

    #[inline]
    async fn answer(&mut self, held: MemoryMessage, answer: u64) {
        let inbox = held.headers().reply_to().expect("a request");
        let payload = BytesMut::from(answer.to_le_bytes().as_slice());
        publish(&self.1, OutgoingMessage::produced(inbox, payload)).await;
        held.ack().await.expect("in hand");
    }
}
