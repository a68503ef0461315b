//! What stands in the queues of the models.

use std::sync::{Arc, Mutex, Weak};
use std::task::{Wake, Waker};
use std::time::Instant;

use bookdrop_queue::{CallId, Cause, Hand, Item, Queue};

use crate::tools::TestQueue;

/// A number, with what a model wants to know of it. One without a key is plain.
pub(crate) struct Note {
    pub(crate) number: u32,
    hand: Hand,
    key: Option<&'static str>,
    call: Option<CallId>,
    fate: Option<Fate>,
    /// It looks into this queue when it is dropped.
    nosy: Option<Nosy>,
}

/// Where it is written down what the queue let go of. Nothing waits for this lock: it is no part of the model.
pub(crate) type Fate = Arc<Mutex<Vec<(u32, Cause)>>>;

/// How a request ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Replied(u32),
    /// Why, and whether the note came back.
    Failed(Cause, bool),
    /// Its consumer was done with it, and left no answer.
    Unanswered,
}

impl Note {
    pub(crate) fn new(number: u32) -> Self {
        Note {
            number,
            hand: Hand::default(),
            key: None,
            call: None,
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

    /// One that looks into the queue whenever it can.
    pub(crate) fn nosy(number: u32, queue: &TestQueue) -> Self {
        Note {
            nosy: Some(Nosy::of(queue)),
            ..Note::new(number)
        }
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
}

impl Item for Note {
    type Answer = Outcome;

    fn hand(&self) -> &Hand {
        &self.hand
    }

    fn hand_mut(&mut self) -> &mut Hand {
        &mut self.hand
    }

    fn is_plain(&self) -> bool {
        self.key.is_none()
    }

    fn key(&self) -> Option<&str> {
        self.key
    }

    fn call(&self) -> Option<CallId> {
        self.call
    }

    fn ask_for(&mut self, call: CallId, _: Instant) {
        self.call = Some(call);
    }

    fn sever(&mut self) -> Option<CallId> {
        self.call.take()
    }

    fn discarded(self, cause: Cause, deliveries: u32, answer: impl FnOnce(Outcome)) {
        if self.call.is_some() {
            answer(Outcome::Failed(cause, deliveries == 0));
        } else if let Some(fate) = &self.fate {
            fate.lock().unwrap().push((self.number, cause));
        }
    }

    fn told(cause: Cause) -> Outcome {
        Outcome::Failed(cause, false)
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
