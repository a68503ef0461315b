//! We: a driver in a folder, with bodies of bytes as MessagePack. Senders and consumers are threads, or tasks of tokio.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bookdrop::{Delivery, Driver, Event, Producer};
use bookdrop_bench_common::event::{Numbers, Tally, number_of};
use serde_bytes::ByteBuf;
use tokio::runtime::Runtime;

use crate::load::{Load, on_threads};
use crate::queue::{Consumer, Durability, Queue};

/// No turn comes near these bounds: the others have none.
const BOUNDS: &str = "capacity=1000000000&max_bytes=1000000000000";
const GROUP: &str = "default";

/// For threads, each of which waits for its own operations.
pub(crate) fn open(folder: &Path, durability: Durability) -> Box<dyn Queue> {
    Box::new(Bookdrop::open(folder, durability))
}

/// For tasks on an executor with a thread for each core.
pub(crate) fn open_for_tasks(folder: &Path, durability: Durability) -> Box<dyn Queue> {
    Box::new(Tasks {
        queue: Bookdrop::open(folder, durability),
        runtime: Runtime::new().expect("the executor starts"),
    })
}

struct Bookdrop {
    driver: Driver<ByteBuf>,
    producer: Producer<ByteBuf>,
}

impl Bookdrop {
    fn open(folder: &Path, durability: Durability) -> Self {
        let sync = match durability {
            Durability::Always => "always",
            Durability::Never => "never",
        };
        let options = format!("?codec=msgpack&sync={sync}&{BOUNDS}");
        let address = bookdrop::disk_address(folder) + &options;
        let driver = Driver::open(address).wait().expect("it opens");
        // The group begins with its first consumer.
        drop(bookdrop::Consumer::new(&driver));
        let producer = Producer::new(&driver);
        Self { driver, producer }
    }
}

fn event(bytes: Vec<u8>) -> Event<ByteBuf> {
    Event::new("E").with_body(ByteBuf::from(bytes))
}

fn number_in(delivery: &Delivery<ByteBuf>) -> u64 {
    number_of(delivery.body())
}

impl Queue for Bookdrop {
    fn send(&self, bytes: Vec<u8>) {
        let sent = self.producer.send(event(bytes)).wait();
        sent.expect("there is room");
    }

    fn send_all(&self, events: Vec<Vec<u8>>) {
        let sent = self.producer.send_batch(events.into_iter().map(event));
        sent.wait().expect("there is room");
    }

    fn consumer(&self) -> Box<dyn Consumer + '_> {
        Box::new(Hand {
            consumer: bookdrop::Consumer::new(&self.driver),
            in_hand: None,
        })
    }

    fn count(&self) -> u64 {
        let stats = self.driver.group_stats(GROUP).wait();
        let stats = stats.expect("it is open").expect("the group is there");
        (stats.queued + stats.in_hand) as u64
    }

    fn clear(&self) {
        self.driver.purge().wait().expect("it is open");
    }

    fn carry(&self, load: &Load) -> Duration {
        on_threads(self, load)
    }
}

struct Hand {
    consumer: bookdrop::Consumer<ByteBuf>,
    in_hand: Option<Delivery<ByteBuf>>,
}

impl Consumer for Hand {
    fn receive(&mut self) -> u64 {
        let delivery = self.consumer.receive().wait().expect("it is open");
        let number = number_in(&delivery);
        self.in_hand = Some(delivery);
        number
    }

    fn ack(&mut self) {
        let delivery = self.in_hand.take().expect("it was received");
        delivery.ack().wait().expect("it is in hand");
    }
}

/// The same queue, under tasks.
struct Tasks {
    queue: Bookdrop,
    runtime: Runtime,
}

impl Queue for Tasks {
    fn send(&self, event: Vec<u8>) {
        self.queue.send(event);
    }

    fn send_all(&self, events: Vec<Vec<u8>>) {
        self.queue.send_all(events);
    }

    fn consumer(&self) -> Box<dyn Consumer + '_> {
        self.queue.consumer()
    }

    fn count(&self) -> u64 {
        self.queue.count()
    }

    fn clear(&self) {
        self.queue.clear();
    }

    fn carry(&self, load: &Load) -> Duration {
        let (to_send, to_receive) = (Numbers::below(load.events), Numbers::below(load.events));
        let tally = Tally::below(if load.consumers > 0 { load.events } else { 0 });
        let shared = Arc::new((to_send, to_receive, tally));
        let started = Instant::now();
        let consumers = (0..load.consumers).map(|_| {
            let shared = shared.clone();
            let mut consumer = bookdrop::Consumer::new(&self.queue.driver);
            self.runtime.spawn(async move {
                while shared.1.take().is_some() {
                    let delivery = consumer.receive().await.expect("it is open");
                    shared.2.note(number_in(&delivery));
                    delivery.ack().await.expect("it is in hand");
                }
            })
        });
        let senders = (0..load.senders).map(|_| {
            let (shared, events) = (shared.clone(), load.of.clone());
            let producer = self.queue.producer.clone();
            self.runtime.spawn(async move {
                while let Some(number) = shared.0.take() {
                    let sent = producer.send(event(events.make(number))).await;
                    sent.expect("there is room");
                }
            })
        });
        let tasks: Vec<_> = consumers.chain(senders).collect();
        for task in tasks {
            self.runtime.block_on(task).expect("no task panics");
        }
        let took = started.elapsed();
        shared.2.check();
        took
    }
}
