//! What the models are made of.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bookdrop_queue::{Backoff, Depths, Limits, OnFull, Queue};
use loom::thread;

pub(crate) use crate::consumer::{Consumer, Delivery};
pub(crate) use crate::note::{Fate, Nosy, Note, Outcome};
pub(crate) use crate::sender::{Requester, Sender, ask, request, send};

pub(crate) type TestQueue = Arc<Queue<Note>>;

/// Runs a model through every interleaving there is.
pub(crate) fn model(f: impl Fn() + Sync + Send + 'static) {
    check(None, f);
}

/// Runs a model through every interleaving with at most so many preemptions, of one that has too many others.
pub(crate) fn bounded(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    check(Some(preemptions), f);
}

fn check(preemptions: Option<usize>, f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(f);
}

pub(crate) fn limits(capacity: usize) -> Limits {
    let backoff = Backoff {
        first: Duration::ZERO,
        max: Duration::ZERO,
    };
    Limits {
        capacity,
        backoff,
        ..Limits::default()
    }
}

/// A queue with one consumer of the default group.
pub(crate) fn queue(capacity: usize) -> (TestQueue, Consumer) {
    queue_that(capacity, OnFull::Wait)
}

pub(crate) fn queue_that(capacity: usize, on_full: OnFull) -> (TestQueue, Consumer) {
    let queue = Queue::new(limits(capacity), on_full, 7);
    let consumer = Consumer::new(&queue);
    (queue, consumer)
}

/// A queue with two consumers of the default group.
pub(crate) fn queue_for_two(capacity: usize) -> (TestQueue, [Consumer; 2]) {
    let (queue, consumer) = queue(capacity);
    let other = consumer.another();
    (queue, [consumer, other])
}

/// What there was room for.
pub(crate) fn fill(queue: &TestQueue, numbers: impl IntoIterator<Item = u32>) {
    for number in numbers {
        assert!(queue.try_send(Note::new(number), None).is_ok());
    }
}

/// What stands queued in the default group.
pub(crate) fn queued(queue: &TestQueue) -> usize {
    queue.depths("default").unwrap().queued
}

/// A waker that nobody has to hear.
pub(crate) fn deaf() -> Waker {
    struct Deaf;
    impl Wake for Deaf {
        fn wake(self: Arc<Self>) {}
    }
    Waker::from(Arc::new(Deaf))
}

/// At the end of a model nothing stands anywhere and nobody waits.
pub(crate) fn nothing_is_left(queue: &TestQueue) {
    let (counters, depths) = queue.counts();
    assert_eq!(
        Depths {
            consumers: 0,
            ..depths
        },
        Depths::default()
    );
    assert_eq!((queue.waiting_senders(), queue.waiting_requests()), (0, 0));
    assert!(counters.acked + counters.returned <= counters.handed_over);
}

/// A thread with the queue.
pub(crate) fn spawn<R: 'static>(
    queue: &TestQueue,
    f: impl FnOnce(&TestQueue) -> R + 'static,
) -> thread::JoinHandle<R> {
    let queue = queue.clone();
    thread::spawn(move || f(&queue))
}

/// A thread with a consumer, who is given back: were it dropped there, the model would have that much more to try.
pub(crate) fn spawn_with<R: 'static>(
    mut consumer: Consumer,
    f: impl FnOnce(&mut Consumer) -> R + 'static,
) -> thread::JoinHandle<(R, Consumer)> {
    thread::spawn(move || {
        let result = f(&mut consumer);
        (result, consumer)
    })
}

pub(crate) fn sorted(mut numbers: Vec<u32>) -> Vec<u32> {
    numbers.sort_unstable();
    numbers
}

/// Polls a future once.
pub(crate) fn poll_once<F: Future>(f: F, waker: &Waker) -> Poll<F::Output> {
    pin!(f).poll(&mut Context::from_waker(waker))
}
