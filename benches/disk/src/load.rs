//! Senders and consumers at work at the same time, and how long they take for so many events.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use bookdrop_bench_common::event::{Events, Numbers, Tally};

use crate::queue::{Consumer, Queue};

/// What is to be done in a turn.
pub(crate) struct Load {
    /// How many send at the same time.
    pub senders: usize,
    /// How many receive and ack beside them.
    pub consumers: usize,
    /// How many events they send in all.
    pub events: u64,
    /// Makes the events.
    pub of: Arc<Events>,
}

/// Carries a load on a thread for each sender and each consumer. The time begins when all of them are there.
pub(crate) fn on_threads(queue: &dyn Queue, load: &Load) -> Duration {
    let (to_send, to_receive) = (Numbers::below(load.events), Numbers::below(load.events));
    let tally = Tally::below(if load.consumers > 0 { load.events } else { 0 });
    let threads = load.senders + load.consumers + 1;
    // The time begins between the two: whoever keeps it may be the last to run after a barrier.
    let (there, start) = (Barrier::new(threads), Barrier::new(threads));
    let started = thread::scope(|scope| {
        for _ in 0..load.consumers {
            scope.spawn(|| {
                let mut consumer = queue.consumer();
                there.wait();
                start.wait();
                consume(&mut *consumer, &to_receive, &tally);
            });
        }
        for _ in 0..load.senders {
            scope.spawn(|| {
                there.wait();
                start.wait();
                while let Some(number) = to_send.take() {
                    queue.send(load.of.make(number));
                }
            });
        }
        there.wait();
        let now = Instant::now();
        start.wait();
        now
    });
    let took = started.elapsed();
    tally.check();
    took
}

fn consume(consumer: &mut dyn Consumer, numbers: &Numbers, tally: &Tally) {
    while numbers.take().is_some() {
        tally.note(consumer.receive());
        consumer.ack();
    }
}
