//! `ruststream` with streams of JetStream (`ruststream-nats`), without the framework's codecs, router and handlers: bytes are
//! published, and a subscriber is polled for them. One broker sends and one receives, as in two processes; all tasks share a
//! subscriber, which pulls ahead.
//!
//! Its ack is said and not confirmed, so a turn ends when the server has none of the events any more.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bookdrop_bench_common::at_server::load::{Load, Work, Worker, on_tasks};
use bookdrop_bench_common::at_server::queue::Queue;
use bookdrop_bench_common::event::number_of;
use bookdrop_bench_nats::place::Place;
use bookdrop_bench_nats::stream::{ACK_WAIT, JetStream};
use futures_util::StreamExt;
use ruststream::{
    Broker, Bytes, BytesMut, IncomingMessage, OutgoingMessage, Publisher, Subscriber,
};
use ruststream_nats::{
    ConnectedNatsBroker, JetStreamPublish, JetStreamPublisher, JetStreamSubject, NatsBroker,
    NatsMessage, NatsSubscriber, NonZeroDuration,
};
use tokio::runtime::Handle;
use tokio::sync::Mutex;

/// With a stream of this name.
pub(crate) fn open(place: &Place, name: &str, work: Work, tasks: usize) -> Box<dyn Queue> {
    let queue = JetStream::make(place, name);
    let [sends, receives] = [(); 2].map(|()| connect(place));
    let wait = NonZeroDuration::new(ACK_WAIT).expect("it is not zero");
    let subject = JetStreamSubject::new(name, name)
        .durable(name)
        .ack_wait(wait);
    let subscribed = place.runtime.block_on(receives.subscribe_with(subject));
    let subscriber = Arc::new(Mutex::new(subscribed.expect("it subscribes")));
    let publisher = sends.publisher(JetStreamPublish::default());
    let hand = || Hand {
        name: name.to_owned(),
        publisher: publisher.clone(),
        subscriber: subscriber.clone(),
        in_hand: None,
    };
    Box::new(Ruststream {
        runtime: place.runtime.handle().clone(),
        queue,
        workers: work.workers(tasks, hand, hand),
        _receives: receives,
    })
}

fn connect(place: &Place) -> ConnectedNatsBroker {
    let connected = place
        .runtime
        .block_on(NatsBroker::new(place.url()).connect());
    connected.expect("it connects")
}

struct Ruststream {
    runtime: Handle,
    queue: JetStream,
    workers: Vec<Hand>,
    /// It serves for as long as it is there.
    _receives: ConnectedNatsBroker,
}

impl Queue for Ruststream {
    fn fill(&mut self, events: Vec<Vec<u8>>) {
        self.runtime.block_on(self.queue.fill(events));
    }

    fn carry(&mut self, load: &Load) -> Duration {
        let started = Instant::now();
        let took = on_tasks(&self.runtime, &mut self.workers, load);
        if load.work == Work::Send {
            return took;
        }
        while self.count() > 0 {
            assert!(started.elapsed() < ACK_WAIT, "acks arrive");
        }
        started.elapsed()
    }

    fn count(&mut self) -> u64 {
        self.runtime.block_on(self.queue.count())
    }

    fn clear(&mut self) {
        self.runtime.block_on(self.queue.clear());
    }
}

/// What a task sends and receives with.
struct Hand {
    name: String,
    publisher: JetStreamPublisher,
    subscriber: Arc<Mutex<NatsSubscriber>>,
    in_hand: Option<NatsMessage>,
}

impl Worker for Hand {
    async fn send(&mut self, event: Vec<u8>) {
        let message = OutgoingMessage::produced(&self.name, BytesMut::from(Bytes::from(event)));
        let published = self.publisher.publish(message, None).await;
        published.expect("the server confirms it");
    }

    async fn receive(&mut self) -> u64 {
        let mut subscriber = self.subscriber.lock().await;
        let message = pin!(subscriber.stream()).next().await;
        let message = message.expect("it goes on").expect("the server does it");
        let number = number_of(message.payload());
        self.in_hand = Some(message);
        number
    }

    async fn ack(&mut self) {
        let message = self.in_hand.take().expect("it was received");
        message.ack().await.expect("it is in hand");
    }
}
