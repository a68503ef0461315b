//! We: drivers with bodies of bytes as MessagePack, under tasks.

use std::time::Duration;

use ::bookdrop::{Answer, Consumer, Delivery, Driver, Event, Producer};
use serde_bytes::ByteBuf;
use tokio::runtime::Handle;

use crate::event::number_of;

use super::load::{Load, Worker, on_tasks};
use super::queue::Queue;

/// No turn comes near it: the others have none.
const CAPACITY: &str = "capacity=1000000000";
const GROUP: &str = "default";
/// No request takes so long.
const DEADLINE: Duration = Duration::from_secs(60);

/// A driver of ours.
pub type Library = Driver<ByteBuf, u64>;

/// Opens one, by an address with options.
pub fn driver(address: &str) -> Library {
    let address = format!("{address}&codec=msgpack&{CAPACITY}");
    let driver = Driver::open(address).wait().expect("it opens");
    // The group begins with its first consumer.
    drop(Consumer::new(&driver));
    driver
}

/// The queue, with the workers of a row.
pub struct Bookdrop {
    /// Runs them.
    pub runtime: Handle,
    /// Fills, clears and counts.
    pub driver: Library,
    /// Those who do the work, and then those who answer.
    pub workers: Vec<Hand>,
    /// Where a turn leaves something behind.
    pub traces: Vec<String>,
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

    fn traces(&self) -> Vec<String> {
        self.traces.clone()
    }
}

/// A task's producer and consumer.
pub struct Hand {
    producer: Producer<ByteBuf, u64>,
    consumer: Consumer<ByteBuf, u64>,
    in_hand: Option<Delivery<ByteBuf, u64>>,
}

impl Hand {
    /// Sends through the one driver, and receives through the other, which may be the same.
    pub fn new(sends: &Library, receives: &Library) -> Self {
        Self {
            producer: Producer::new(sends),
            consumer: Consumer::new(receives),
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
