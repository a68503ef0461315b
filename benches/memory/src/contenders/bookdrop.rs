//! Ourselves, through the public facade only: with the default (at least once: receive, then `ack().await`) and with
//! automatic ack.

use std::hint::black_box;
use std::time::Duration;

use bookdrop::{Answer, Consumer, Delivery, Driver, Event, Producer, Value};

use super::{
    Catalogue, Role, any, async_fan, async_queue, async_service, blocking_queue, blocking_service,
};
use crate::kind::{Bare, Body, Ev, EvBody, Kind, NAME, Plain, TITLE, number, text};
use crate::queue::{
    AsyncClient, AsyncEnds, AsyncFan, AsyncQueue, AsyncRx, AsyncServer, AsyncService, AsyncTx,
    BlockingClient, BlockingEnds, BlockingQueue, BlockingRx, BlockingServer, BlockingService,
    BlockingTx, Shape, answer_to,
};

/// Enters both everywhere.
pub(crate) fn enter(all: &mut Catalogue) {
    enter_as::<false>(all, "bookdrop");
    enter_as::<true>(all, "bookdrop, auto ack");
}

fn enter_as<const AUTO: bool>(all: &mut Catalogue, name: &'static str) {
    all.async_queues
        .push(async_queue::<Bookdrop<AUTO>>(name, Role::Ours, any));
    all.async_fans
        .push(async_fan::<Bookdrop<AUTO>>(name, Role::Ours));
    all.async_services
        .push(async_service::<Bookdrop<AUTO>>(name, Role::Ours, any));
    all.blocking_queues
        .push(blocking_queue::<Bookdrop<AUTO>>(name, Role::Ours, any));
    all.blocking_services
        .push(blocking_service::<Bookdrop<AUTO>>(name, Role::Ours, any));
}

/// With automatic ack or with the default.
struct Bookdrop<const AUTO: bool>;

/// The same events as the peers', as our users would make and read them.
trait OurKind: Kind {
    type Body: Clone + Send + Sync + 'static;

    fn make(number: u64) -> Event<Self::Body>;
    fn seen(event: &Event<Self::Body>) -> u64;
}

impl OurKind for Ev {
    type Body = ();

    #[inline]
    fn make(number: u64) -> Event {
        Event::new(NAME).with_header(TITLE, text(number))
    }

    #[inline]
    fn seen(event: &Event) -> u64 {
        black_box(event.name());
        number(event.header(TITLE).expect("sent with the event"))
    }
}

impl OurKind for EvBody {
    type Body = Body;

    #[inline]
    fn make(number: u64) -> Event<Body> {
        Event::new(NAME).with_body(Body::new(number))
    }

    #[inline]
    fn seen(event: &Event<Body>) -> u64 {
        black_box(event.name());
        event.body().read()
    }
}

impl OurKind for Plain {
    type Body = u64;

    #[inline]
    fn make(number: u64) -> Event<u64> {
        Event::new(NAME)
            .with_header(TITLE, "hello world")
            .with_body(number)
    }

    #[inline]
    fn seen(event: &Event<u64>) -> u64 {
        black_box((
            event.name(),
            event.header(TITLE).expect("sent with the event"),
        ));
        black_box(*event.body())
    }
}

impl OurKind for Bare {
    type Body = u64;

    #[inline]
    fn make(number: u64) -> Event<u64> {
        Event::new(NAME).with_body(number)
    }

    #[inline]
    fn seen(event: &Event<u64>) -> u64 {
        black_box(*event.body())
    }
}

struct Tx<K: OurKind>(Producer<K::Body, Value>);
struct Rx<K: OurKind, const AUTO: bool>(Consumer<K::Body, Value>);
struct Client<K: OurKind>(Producer<K::Body, u64>);
struct Server<K: OurKind>(Consumer<K::Body, u64>);

fn producers<T: Send + 'static, R: Send + 'static>(
    driver: &Driver<T, R>,
    shape: Shape,
) -> Vec<Producer<T, R>> {
    (0..shape.producers)
        .map(|_| Producer::new(driver))
        .collect()
}

fn consumers<T: Send + 'static, R: Send + 'static>(
    driver: &Driver<T, R>,
    shape: Shape,
    auto: bool,
) -> Vec<Consumer<T, R>> {
    (0..shape.consumers)
        .map(|_| settling(Consumer::new(driver), auto))
        .collect()
}

fn settling<T: Send + 'static, R: Send + 'static>(
    consumer: Consumer<T, R>,
    auto: bool,
) -> Consumer<T, R> {
    if auto { consumer.auto_ack() } else { consumer }
}

/// A driver stays open when its producers leave, so these ends close it.
fn tasks<Tx, Rx, T, R>(
    producers: Vec<Tx>,
    consumers: Vec<Rx>,
    driver: Driver<T, R>,
) -> AsyncEnds<Tx, Rx>
where
    T: Send + 'static,
    R: Send + 'static,
{
    AsyncEnds {
        producers,
        consumers,
        close: Box::pin(async move { driver.close().await.unwrap() }),
    }
}

fn threads<Tx, Rx, T, R>(
    producers: Vec<Tx>,
    consumers: Vec<Rx>,
    driver: Driver<T, R>,
) -> BlockingEnds<Tx, Rx>
where
    T: Send + 'static,
    R: Send + 'static,
{
    BlockingEnds {
        producers,
        consumers,
        close: Box::new(move || driver.close().wait().unwrap()),
    }
}

impl<K: OurKind, const AUTO: bool> AsyncQueue<K> for Bookdrop<AUTO> {
    type Tx = Tx<K>;
    type Rx = Rx<K, AUTO>;

    fn open(shape: Shape) -> AsyncEnds<Tx<K>, Rx<K, AUTO>> {
        let driver = Driver::memory(shape.capacity);
        let txs = producers(&driver, shape).into_iter().map(Tx).collect();
        let rxs = consumers(&driver, shape, AUTO)
            .into_iter()
            .map(Rx)
            .collect();
        tasks(txs, rxs, driver)
    }
}

impl<K: OurKind> AsyncTx for Tx<K> {
    #[inline]
    async fn send(&mut self, number: u64) {
        assert!(self.0.send(K::make(number)).await.is_ok(), "open");
    }
}

impl<K: OurKind, const AUTO: bool> AsyncRx for Rx<K, AUTO> {
    #[inline]
    async fn receive(&mut self) -> Option<u64> {
        let delivery = self.0.receive().await.ok()?;
        let number = K::seen(&delivery);
        if !AUTO {
            assert!(delivery.ack().await.is_ok(), "in hand");
        }
        Some(number)
    }
}

impl<K: OurKind, const AUTO: bool> AsyncFan<K> for Bookdrop<AUTO> {
    type Tx = Tx<K>;
    type Rx = Rx<K, AUTO>;

    fn open(capacity: usize, groups: usize) -> AsyncEnds<Tx<K>, Rx<K, AUTO>> {
        let driver = Driver::memory(capacity);
        let group =
            |index| Consumer::in_group(&driver, &format!("group {index}")).expect("a group's name");
        let rxs = (0..groups)
            .map(|index| Rx(settling(group(index), AUTO)))
            .collect();
        tasks(vec![Tx(Producer::new(&driver))], rxs, driver)
    }
}

impl<K: OurKind, const AUTO: bool> AsyncService<K> for Bookdrop<AUTO> {
    type Client = Client<K>;
    type Server = Server<K>;

    fn open(shape: Shape) -> AsyncEnds<Client<K>, Server<K>> {
        let driver = Driver::memory(shape.capacity);
        let clients = producers(&driver, shape).into_iter().map(Client).collect();
        let servers = consumers(&driver, shape, AUTO)
            .into_iter()
            .map(Server)
            .collect();
        tasks(clients, servers, driver)
    }
}

impl<K: OurKind> AsyncClient for Client<K> {
    #[inline]
    async fn request(&mut self, number: u64, deadline: Duration) -> u64 {
        self.0
            .request(K::make(number), deadline)
            .await
            .expect("answered in time")
    }
}

impl<K: OurKind> AsyncServer for Server<K> {
    type Held = Delivery<K::Body, u64>;

    #[inline]
    async fn take(&mut self) -> Option<(u64, Self::Held)> {
        let delivery = self.0.receive().await.ok()?;
        Some((K::seen(&delivery), delivery))
    }

    #[inline]
    async fn answer(&mut self, held: Self::Held, answer: u64) {
        assert!(
            matches!(held.reply(answer).await, Ok(Answer::Sent)),
            "awaited"
        );
    }
}

impl<K: OurKind, const AUTO: bool> BlockingQueue<K> for Bookdrop<AUTO> {
    type Tx = Tx<K>;
    type Rx = Rx<K, AUTO>;

    fn open(shape: Shape) -> BlockingEnds<Tx<K>, Rx<K, AUTO>> {
        let driver = Driver::memory(shape.capacity);
        let txs = producers(&driver, shape).into_iter().map(Tx).collect();
        let rxs = consumers(&driver, shape, AUTO)
            .into_iter()
            .map(Rx)
            .collect();
        threads(txs, rxs, driver)
    }
}

impl<K: OurKind> BlockingTx for Tx<K> {
    #[inline]
    fn send(&mut self, number: u64) {
        assert!(self.0.send(K::make(number)).wait().is_ok(), "open");
    }
}

impl<K: OurKind, const AUTO: bool> BlockingRx for Rx<K, AUTO> {
    #[inline]
    fn receive(&mut self) -> Option<u64> {
        let delivery = self.0.receive().wait().ok()?;
        let number = K::seen(&delivery);
        if !AUTO {
            assert!(delivery.ack().wait().is_ok(), "in hand");
        }
        Some(number)
    }
}

impl<K: OurKind, const AUTO: bool> BlockingService<K> for Bookdrop<AUTO> {
    type Client = Client<K>;
    type Server = Server<K>;

    fn open(shape: Shape) -> BlockingEnds<Client<K>, Server<K>> {
        let driver = Driver::memory(shape.capacity);
        let clients = producers(&driver, shape).into_iter().map(Client).collect();
        let servers = consumers(&driver, shape, AUTO)
            .into_iter()
            .map(Server)
            .collect();
        threads(clients, servers, driver)
    }
}

impl<K: OurKind> BlockingClient for Client<K> {
    #[inline]
    fn request(&mut self, number: u64, deadline: Duration) -> u64 {
        self.0
            .request(K::make(number), deadline)
            .wait()
            .expect("answered in time")
    }
}

impl<K: OurKind> BlockingServer for Server<K> {
    #[inline]
    fn serve(&mut self) -> bool {
        let Ok(delivery) = self.0.receive().wait() else {
            return false;
        };
        let answer = answer_to(K::seen(&delivery));
        assert!(
            matches!(delivery.reply(answer).wait(), Ok(Answer::Sent)),
            "awaited"
        );
        true
    }
}
