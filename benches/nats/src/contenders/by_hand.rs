//! The bare client, and a queue as one makes it of JetStream by hand. One connection sends and one receives, as in two
//! processes; what tasks say at the same time shares a write to the server. One pull for all tasks fetches ahead, and each
//! takes the next event of it: with a pull each, some would have what the others wait for.
//!
//! Sends and acks are confirmed by the server. A request says in a header where its answer is waited for; the answer goes there
//! over core NATS, when the server has confirmed the ack.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::{self, Context, Message};
use async_nats::{Client, HeaderMap, Subscriber};
use bookdrop_bench_common::at_server::load::{Load, Work, Worker, on_tasks};
use bookdrop_bench_common::at_server::queue::Queue;
use bookdrop_bench_common::event::number_of;
use futures_util::StreamExt;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::Mutex;

use crate::place::Place;
use crate::stream::JetStream;

/// Says where the answer is waited for.
const ANSWER_TO: &str = "Answer-To";

/// A stream of this name, with a client whose tasks run beside everyone's.
pub(crate) fn open(place: &Place, name: &str, work: Work, tasks: usize) -> Box<dyn Queue> {
    open_on(&place.runtime, place, name, work, tasks)
}

/// The same with a client that has a thread of its own.
pub(crate) fn open_apart(place: &Place, name: &str, work: Work, tasks: usize) -> Box<dyn Queue> {
    open_on(&place.apart, place, name, work, tasks)
}

fn open_on(
    clients: &Runtime,
    place: &Place,
    name: &str,
    work: Work,
    tasks: usize,
) -> Box<dyn Queue> {
    let queue = JetStream::make(place, name);
    let [sends, receives] = [(); 2].map(|()| place.connect_on(clients));
    let consumer = clients.block_on(queue.consumer(&receives));
    let pulled = clients.block_on(consumer.messages());
    let pulled = Arc::new(Mutex::new(pulled.expect("the server does it")));
    let context = jetstream::new(sends.clone());
    let hand = || Hand {
        subject: name.to_owned(),
        sends: context.clone(),
        receives: receives.clone(),
        pulled: pulled.clone(),
        answers: place.runtime.block_on(Answers::wait_for(&sends)),
        in_hand: None,
    };
    let workers = work.workers(tasks, hand, hand);
    Box::new(ByHand {
        runtime: place.runtime.handle().clone(),
        queue,
        workers,
    })
}

struct ByHand {
    runtime: Handle,
    queue: JetStream,
    workers: Vec<Hand>,
}

impl Queue for ByHand {
    fn fill(&mut self, events: Vec<Vec<u8>>) {
        self.runtime.block_on(self.queue.fill(events));
    }

    fn carry(&mut self, load: &Load) -> Duration {
        on_tasks(&self.runtime, &mut self.workers, load)
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
    subject: String,
    sends: Context,
    receives: Client,
    pulled: Arc<Mutex<pull::Stream>>,
    answers: Answers,
    in_hand: Option<Message>,
}

/// Where a task waits for answers, one after the other.
struct Answers {
    inbox: String,
    arriving: Subscriber,
}

impl Answers {
    async fn wait_for(client: &Client) -> Self {
        let inbox = client.new_inbox();
        let arriving = client.subscribe(inbox.clone()).await;
        client.flush().await.expect("it is connected");
        Self {
            inbox,
            arriving: arriving.expect("it is connected"),
        }
    }
}

impl Worker for Hand {
    async fn send(&mut self, event: Vec<u8>) {
        let sent = self.sends.publish(self.subject.clone(), event.into()).await;
        let confirmed = sent.expect("it is connected").await;
        confirmed.expect("the server confirms it");
    }

    async fn receive(&mut self) -> u64 {
        let message = self.pulled.lock().await.next().await;
        let message = message.expect("it goes on").expect("the server does it");
        let number = number_of(&message.payload);
        self.in_hand = Some(message);
        number
    }

    /// As `double_ack` does it, but with one inbox for all acks: that makes and ends a subscription for each.
    async fn ack(&mut self) {
        let message = self.in_hand.take().expect("it was received");
        let to = message.reply.clone().expect("it comes from a stream");
        let confirmed = self.receives.request(to, "+ACK".into()).await;
        confirmed.expect("the server confirms it");
    }

    /// Whoever has the answer has no need to wait for the server's word before.
    async fn request(&mut self, event: Vec<u8>) -> u64 {
        let mut headers = HeaderMap::new();
        headers.insert(ANSWER_TO, self.answers.inbox.as_str());
        let subject = self.subject.clone();
        let sent = self
            .sends
            .publish_with_headers(subject, headers, event.into());
        let sent = sent.await.expect("it is connected");
        let answer = self.answers.arriving.next().await.expect("it goes on");
        sent.await.expect("the server confirms it");
        number_of(&answer.payload)
    }

    async fn answer(&mut self) -> u64 {
        let number = self.receive().await;
        let request = self.in_hand.as_ref().expect("it was received");
        let headers = request.headers.as_ref().expect("it has some");
        let to = headers.get(ANSWER_TO).expect("it is a request").to_string();
        self.ack().await;
        let answer = number.to_le_bytes().to_vec();
        let said = self.receives.publish(to, answer.into()).await;
        said.expect("it is connected");
        number
    }
}
