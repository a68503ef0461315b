//! What the models are made of.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use bookdrop_queue::park::wait;
use bookdrop_queue::{
    Backoff, Cause, Depths, Item, Limits, OnFull, Over, Queue, Reader, Refused, ReplySlot, Sending,
    Standing, Taken, ToWake, Waiting,
};
use loom::thread;

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

/// What stands in the queues: a number, with what a model wants to know of it.
pub(crate) struct Note {
    pub(crate) number: u32,
    pub(crate) key: Option<&'static str>,
    pub(crate) requester: Option<Arc<Requester>>,
    fate: Option<Fate>,
    /// It looks into this queue when it is dropped.
    nosy: Option<Nosy>,
}

/// Where it is written down what the queue let go of. Nothing waits for this lock: it is no part of the model.
pub(crate) type Fate = Arc<Mutex<Vec<(u32, Cause)>>>;

/// Who waits for an answer.
pub(crate) struct Requester {
    pub(crate) slot: ReplySlot<Outcome>,
    /// Written under the queue's lock only.
    standing: Mutex<Standing>,
}

/// How a request ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Replied(u32),
    /// Why, and whether the note came back.
    Failed(Cause, bool),
}

impl Note {
    pub(crate) fn new(number: u32) -> Self {
        Note {
            number,
            key: None,
            requester: None,
            fate: None,
            nosy: None,
        }
    }

    pub(crate) fn with_key(number: u32, key: &'static str) -> Self {
        Note {
            key: Some(key),
            ..Note::new(number)
        }
    }

    pub(crate) fn with_fate(number: u32, fate: &Fate) -> Self {
        Note {
            fate: Some(fate.clone()),
            ..Note::new(number)
        }
    }

    pub(crate) fn request(number: u32) -> (Self, Arc<Requester>) {
        let slot = ReplySlot::new();
        let requester = Arc::new(Requester {
            slot,
            standing: Mutex::new(Standing::Elsewhere),
        });
        (
            Note {
                requester: Some(requester.clone()),
                ..Note::new(number)
            },
            requester,
        )
    }

    pub(crate) fn copy(&self) -> Self {
        let (fate, nosy) = (self.fate.clone(), self.nosy.clone());
        nosy.iter().for_each(Nosy::look);
        Note {
            key: self.key,
            fate,
            nosy,
            ..Note::new(self.number)
        }
    }

    /// One that looks into the queue whenever it can.
    pub(crate) fn nosy(number: u32, queue: &TestQueue) -> Self {
        Note {
            nosy: Some(Nosy::of(queue)),
            ..Note::new(number)
        }
    }
}

impl Item for Note {
    type Requester = Arc<Requester>;

    fn key(&self) -> Option<&str> {
        self.key
    }

    fn priority(&self) -> u8 {
        0
    }

    fn expires_at(&self) -> Option<Instant> {
        None
    }

    fn expires_by_itself(&self) -> bool {
        !self.is_request()
    }

    fn identity(&self) -> Option<&str> {
        None
    }

    fn is_request(&self) -> bool {
        self.requester.is_some()
    }

    fn waits_for_consumer(&self) -> bool {
        false
    }

    fn is_wanted(&self) -> bool {
        self.requester
            .as_ref()
            .is_none_or(|requester| requester.slot.is_awaited())
    }

    fn placed(&self, at: Standing) {
        if let Some(requester) = &self.requester {
            *requester.standing.lock().unwrap() = at;
        }
    }

    fn sever(&mut self) -> Option<Arc<Requester>> {
        self.requester.take()
    }

    fn revive(&mut self, _: Instant) {}

    fn discarded(self, cause: Cause, deliveries: u32) {
        if let Some(requester) = self.requester {
            requester.end(Outcome::Failed(cause, deliveries == 0));
        } else if let Some(fate) = self.fate {
            fate.lock().unwrap().push((self.number, cause));
        }
    }

    fn told(requester: Arc<Requester>, cause: Cause) {
        requester.end(Outcome::Failed(cause, false));
    }
}

/// Code of the user: it calls the queue, which would never come back if it were called under the queue's lock.
#[derive(Clone)]
pub(crate) struct Nosy(Weak<Queue<Note>>);

impl Nosy {
    fn of(queue: &TestQueue) -> Self {
        Nosy(Arc::downgrade(queue))
    }

    fn look(&self) {
        if let Some(queue) = self.0.upgrade() {
            queue.counts();
        }
    }

    /// A waker that looks into the queue when it is called and when it is dropped.
    pub(crate) fn waker(queue: &TestQueue) -> Waker {
        Waker::from(Arc::new(Nosy::of(queue)))
    }
}

impl Wake for Nosy {
    fn wake(self: Arc<Self>) {
        self.look();
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        // A run that has failed is not looked into any further.
        if !std::thread::panicking() {
            self.look();
        }
    }
}

impl Requester {
    /// Tells how the request ended; false when nobody wants to know.
    pub(crate) fn end(&self, outcome: Outcome) -> bool {
        self.slot.answer(outcome).map(ToWake::wake).is_ok()
    }

    pub(crate) fn outcome(&self) -> Outcome {
        wait(poll_fn(|cx| self.slot.poll(cx)))
    }

    /// Gives up: what came in the meantime, or else the note if it was queued.
    pub(crate) fn give_up(&self, queue: &TestQueue) -> (Option<Outcome>, Option<u32>) {
        let (mut outcome, mut to_wake) = (None, None);
        let queued = queue.give_up(|| match self.slot.give_up() {
            Err(there) => {
                outcome = Some(there);
                None
            }
            Ok(workers) => {
                to_wake = Some(workers);
                Some(*self.standing.lock().unwrap())
            }
        });
        to_wake.into_iter().for_each(ToWake::wake);
        (outcome, queued.map(|(note, _)| note.number))
    }
}

/// Answers a request in hand; false when nobody wants the answer.
pub(crate) fn answer(queue: &TestQueue, taken: Taken<Note>, with: u32) -> bool {
    let requester = taken.item.requester.clone().expect("it is a request");
    let mut result = None;
    queue.answer(taken, || {
        result
            .insert(requester.slot.answer(Outcome::Replied(with)))
            .is_ok()
    });
    result.unwrap().map(ToWake::wake).is_ok()
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
pub(crate) fn queue(capacity: usize) -> (TestQueue, Reader) {
    queue_that(capacity, OnFull::Wait)
}

pub(crate) fn queue_that(capacity: usize, on_full: OnFull) -> (TestQueue, Reader) {
    let queue = Queue::new(limits(capacity), on_full, 7);
    let group = queue.join_default();
    (
        queue,
        Reader {
            group,
            auto_ack: false,
        },
    )
}

/// Receives one on this thread, which waits for it.
pub(crate) fn receive(queue: &TestQueue, reader: Reader) -> Result<Taken<Note>, Over> {
    let (mut found, mut waiting) = (None, None);
    let result = wait(poll_fn(|cx| {
        queue.poll_receive(reader, 1, &mut waiting, cx, &mut |taken| {
            found = Some(taken)
        })
    }));
    assert!(waiting.is_none(), "who found something waits no more");
    result.map(|()| found.expect("ready means that there is one"))
}

/// Receives one, and is done with it.
pub(crate) fn receive_and_ack(queue: &TestQueue, reader: Reader) -> Result<u32, Over> {
    receive(queue, reader).map(|taken| queue.ack(taken).number)
}

/// A look by one who waits: the notes found, or `None` while there are none.
pub(crate) fn look(
    queue: &TestQueue,
    reader: Reader,
    waiting: &mut Waiting,
    waker: &Waker,
) -> Option<Vec<Taken<Note>>> {
    let mut found = Vec::new();
    let cx = &mut Context::from_waker(waker);
    match queue.poll_receive(reader, 1, waiting, cx, &mut |taken| found.push(taken)) {
        Poll::Ready(Ok(())) => Some(found),
        _ => None,
    }
}

/// Sends on this thread, which waits for room.
pub(crate) fn send(queue: &TestQueue, note: Note) -> Result<(), Refused<Note>> {
    let mut sending = Sending::new(note, None);
    wait(poll_fn(|cx| queue.poll_send(&mut sending, cx)))
}

/// Takes out what is left, without waiting.
pub(crate) fn rest(queue: &TestQueue, reader: Reader) -> Vec<u32> {
    let next = || queue.try_receive(reader).ok().flatten();
    std::iter::from_fn(next)
        .map(|taken| queue.ack(taken).number)
        .collect()
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
    let (_, depths) = queue.counts();
    assert_eq!(
        Depths {
            consumers: 0,
            ..depths
        },
        Depths::default()
    );
    assert_eq!(queue.waiting_senders(), 0);
}

/// A thread with the queue.
pub(crate) fn spawn<R: 'static>(
    queue: &TestQueue,
    f: impl FnOnce(&TestQueue) -> R + 'static,
) -> thread::JoinHandle<R> {
    let queue = queue.clone();
    thread::spawn(move || f(&queue))
}

pub(crate) fn sorted(mut numbers: Vec<u32>) -> Vec<u32> {
    numbers.sort_unstable();
    numbers
}

/// Polls a future once.
pub(crate) fn poll_once<F: Future>(f: F, waker: &Waker) -> Poll<F::Output> {
    pin!(f).poll(&mut Context::from_waker(waker))
}
