//! We: a driver with bodies of bytes as MessagePack. Requests are answered by another driver, as in another process, or by the
//! same.

use std::time::Duration;

use bookdrop::{Answer, Consumer, Delivery, Driver, Event, Producer};
use bookdrop_bench_common::event::number_of;
use serde_bytes::ByteBuf;
use tokio::runtime::Handle;

use crate::load::{Load, Work, Worker, on_tasks};
use crate::place::Place;
use crate::queue::Queue;

/// No turn comes near it: the others have none.
const CAPACITY: &str = "capacity=1000000000";
const GROUP: &str = "default";
/// No request takes so long.
const DEADLINE: Duration = Duration::from_secs(60);
/// Where rows come and go.
const TABLES: [&str; 5] = ["queue", "consumer_group", "driver", "event", "outcome"];

/// With a driver of their own for those who answer.
pub(crate) fn open(place: &Place, name: &str, work: Work, tasks: usize) -> Box<dyn Queue> {
    let driver = driver(place, name);
    let answering = driver_of_those_who_answer(place, name, work, &driver);
    Box::new(Bookdrop::new(place, work, tasks, driver, &answering))
}

/// With one driver for all.
pub(crate) fn open_alone(place: &Place, name: &str, work: Work, tasks: usize) -> Box<dyn Queue> {
    let driver = driver(place, name);
    let answering = driver.clone();
    Box::new(Bookdrop::new(place, work, tasks, driver, &answering))
}

type Library = Driver<ByteBuf, u64>;

fn driver(place: &Place, name: &str) -> Library {
    let address = format!("{}?queue={name}&codec=msgpack&{CAPACITY}", place.url());
    let driver = Driver::open(address).wait().expect("it opens");
    // The group begins with its first consumer.
    drop(Consumer::new(&driver));
    driver
}

fn driver_of_those_who_answer(place: &Place, name: &str, work: Work, asking: &Library) -> Library {
    match work {
        Work::Request => driver(place, name),
        Work::Send | Work::Receive | Work::AllThree => asking.clone(),
    }
}

struct Bookdrop {
    runtime: Handle,
    driver: Library,
    workers: Vec<Hand>,
}

impl Bookdrop {
    fn new(place: &Place, work: Work, tasks: usize, driver: Library, answering: &Library) -> Self {
        let mut workers: Vec<Hand> = (0..tasks).map(|_| Hand::new(&driver)).collect();
        if work == Work::Request {
            workers.extend((0..tasks).map(|_| Hand::new(answering)));
        }
        Self {
            runtime: place.runtime.handle().clone(),
            driver,
            workers,
        }
    }
}

impl Queue for Bookdrop {
    fn fill(&mut self, events: Vec<Vec<u8>>) {
        let producer = Producer::new(&self.driver);
        let sent = producer.send_batch(events.into_iter().map(event));
        sent.wait().expect("there is room");
    }

    fn carry(&mut self, load: &Load) -> Duration {
        on_tasks(&self.runtime, &mut self.workers, load)
    }

    fn count(&mut self) -> u64 {
        let stats = self.driver.group_stats(GROUP).wait();
        let stats = stats.expect("it is open").expect("the group is there");
        (stats.queued + stats.in_hand) as u64
    }

    fn clear(&mut self) {
        self.driver.purge().wait().expect("it is open");
    }

    fn tables(&self) -> Vec<String> {
        TABLES.map(|table| format!("bookdrop.{table}")).into()
    }
}

/// A task's producer and consumer.
struct Hand {
    producer: Producer<ByteBuf, u64>,
    consumer: Consumer<ByteBuf, u64>,
    in_hand: Option<Delivery<ByteBuf, u64>>,
}

impl Hand {
    fn new(driver: &Library) -> Self {
        Self {
            producer: Producer::new(driver),
            consumer: Consumer::new(driver),
            in_hand: None,
        }
    }
}

fn event(bytes: Vec<u8>) -> Event<ByteBuf> {
    Event::new("E").with_body(ByteBuf::from(bytes))
}

impl Worker for Hand {
    async fn send(&mut self, bytes: Vec<u8>) {
        let sent = self.producer.send(event(bytes)).await;
        sent.expect("there is room");
    }

    async fn receive(&mut self) -> u64 {
        let delivery = self.consumer.receive().await.expect("it is open");
        let number = number_of(delivery.body());
        self.in_hand = Some(delivery);
        number
    }

    async fn ack(&mut self) {
        let delivery = self.in_hand.take().expect("it was received");
        delivery.ack().await.expect("it is in hand");
    }

    async fn request(&mut self, bytes: Vec<u8>) -> u64 {
        let reply = self.producer.request(event(bytes), DEADLINE).await;
        reply.expect("it is answered")
    }

    async fn answer(&mut self) -> u64 {
        let number = self.receive().await;
        let delivery = self.in_hand.take().expect("it was received");
        let answer = delivery.reply(number).await.expect("it is in hand");
        assert_eq!(answer, Answer::Sent, "somebody waits for it");
        number
    }
}
