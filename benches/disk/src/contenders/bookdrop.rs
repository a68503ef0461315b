//! We: the queue in a folder, through the contract of backends. Senders and consumers are threads, or tasks of tokio.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bookdrop_backend::{
    Backend, Fetched, Place, Progress, Reader, Receipt, Record, Settlement, Wait,
};
use bookdrop_disk::{Options, Records, Sync};
use bookdrop_queue::park::wait;
use bytes::Bytes;
use tokio::runtime::Runtime;

use crate::event::{Tally, number_of};
use crate::load::{Load, Numbers, on_threads};
use crate::queue::{Consumer, Durability, Queue};

/// No turn comes near these bounds: the others have none.
const CAPACITY: usize = 1 << 30;
const BYTES: u64 = 1 << 40;
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
    records: Arc<Records>,
}

impl Bookdrop {
    fn open(folder: &Path, durability: Durability) -> Self {
        let mut options = Options::default();
        options.limits.capacity = CAPACITY;
        options.max_bytes = BYTES;
        options.sync = match durability {
            Durability::Always => Sync::Always,
            Durability::Never => Sync::Never,
        };
        let (records, _) = Records::open(folder, &options).expect("it opens");
        let records = Arc::new(records);
        // The group begins with its first consumer.
        records.leave(wait(join(&records)));
        Self { records }
    }
}

async fn join(records: &Records) -> Reader {
    let joined = records.join(Place::In(GROUP)).await;
    joined.expect("a consumer can come")
}

async fn send(records: &Records, event: Vec<u8>) {
    publish(records, vec![record(event)]).await;
}

async fn publish(records: &Records, events: Vec<Record>) {
    let sent = records.publish(events, Progress::default(), true).await;
    sent.expect("there is room");
}

async fn receive(records: &Records, reader: Reader) -> Fetched {
    let fetched = records.fetch(reader, 1, Wait::Yes).await;
    fetched.expect("it is open").pop().expect("one at least")
}

async fn ack(records: &Records, receipt: Receipt) {
    let settled = records.settle(receipt, Settlement::Done).await;
    settled.expect("it is in hand");
}

/// With an id of the length that ids have where nobody gives any.
fn record(event: Vec<u8>) -> Record {
    let number = number_of(&event);
    Record {
        id: format!("00000000-0000-7000-8000-{number:012x}").into(),
        content: Bytes::from(event),
        ..Record::default()
    }
}

impl Queue for Bookdrop {
    fn send(&self, event: Vec<u8>) {
        wait(send(&self.records, event));
    }

    fn send_all(&self, events: Vec<Vec<u8>>) {
        let events = events.into_iter().map(record);
        wait(publish(&self.records, events.collect()));
    }

    fn consumer(&self) -> Box<dyn Consumer + '_> {
        Box::new(Hand {
            records: &self.records,
            reader: wait(join(&self.records)),
            in_hand: None,
        })
    }

    fn count(&self) -> u64 {
        let stats = wait(self.records.stats(Some(GROUP)));
        let stats = stats.expect("it is open").expect("the group is there");
        (stats.queued + stats.in_hand) as u64
    }

    fn clear(&self) {
        wait(self.records.purge()).expect("it is open");
    }

    fn carry(&self, load: &Load) -> Duration {
        on_threads(self, load)
    }
}

struct Hand<'a> {
    records: &'a Records,
    reader: Reader,
    in_hand: Option<Receipt>,
}

impl Consumer for Hand<'_> {
    fn receive(&mut self) -> u64 {
        let fetched = wait(receive(self.records, self.reader));
        self.in_hand = Some(fetched.receipt);
        number_of(&fetched.record.content)
    }

    fn ack(&mut self) {
        let receipt = self.in_hand.take().expect("it was received");
        wait(ack(self.records, receipt));
    }
}

impl Drop for Hand<'_> {
    fn drop(&mut self) {
        self.records.leave(self.reader);
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
            let (records, shared) = (self.queue.records.clone(), shared.clone());
            self.runtime.spawn(async move {
                let reader = join(&records).await;
                while shared.1.next().is_some() {
                    let fetched = receive(&records, reader).await;
                    shared.2.note(number_of(&fetched.record.content));
                    ack(&records, fetched.receipt).await;
                }
                records.leave(reader);
            })
        });
        let senders = (0..load.senders).map(|_| {
            let (records, shared) = (self.queue.records.clone(), shared.clone());
            let events = load.of.clone();
            self.runtime.spawn(async move {
                while let Some(number) = shared.0.next() {
                    send(&records, events.make(number)).await;
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
