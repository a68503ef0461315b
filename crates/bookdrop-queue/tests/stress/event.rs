//! What is sent, and what a request is answered with.

use std::sync::Arc;
use std::time::Instant;

use bookdrop_queue::{CallId, Cause, Hand, Item};

use crate::ledger::{End, Ledger};

/// splitmix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// An event with a number, which its copies share.
pub(crate) struct Event {
    pub(crate) number: u64,
    pub(crate) key: Option<String>,
    pub(crate) priority: u8,
    pub(crate) expires_at: Option<Instant>,
    /// Of a request.
    pub(crate) deadline: Option<Instant>,
    call: Option<CallId>,
    hand: Hand,
    ledger: Arc<Ledger>,
}

#[derive(Debug)]
pub(crate) enum Outcome {
    Replied(u64),
    Failed,
}

impl Event {
    pub(crate) fn new(number: u64, ledger: &Arc<Ledger>) -> Self {
        ledger.born();
        let ledger = ledger.clone();
        Event {
            number,
            key: None,
            priority: 0,
            expires_at: None,
            deadline: None,
            call: None,
            hand: Hand::default(),
            ledger,
        }
    }

    pub(crate) fn copy(&self) -> Self {
        let mut copy = Event::new(self.number, &self.ledger);
        copy.key = self.key.clone();
        copy.priority = self.priority;
        copy.expires_at = self.expires_at;
        copy
    }

    /// Whether those of its key have to be done in the order in which they were sent.
    pub(crate) fn is_ordered(&self) -> bool {
        self.key
            .as_ref()
            .is_some_and(|key| key.starts_with("in order"))
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        self.ledger.gone();
    }
}

impl Item for Event {
    type Answer = Outcome;

    fn hand(&self) -> &Hand {
        &self.hand
    }

    fn hand_mut(&mut self) -> &mut Hand {
        &mut self.hand
    }

    fn is_plain(&self) -> bool {
        self.key.is_none() && self.priority == 0 && self.expires_at.is_none()
    }

    fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    fn priority(&self) -> u8 {
        self.priority
    }

    fn expires_at(&self) -> Option<Instant> {
        self.expires_at
    }

    fn call(&self) -> Option<CallId> {
        self.call
    }

    fn ask_for(&mut self, call: CallId, deadline: Instant) {
        (self.call, self.deadline) = (Some(call), Some(deadline));
    }

    fn sever(&mut self) -> Option<CallId> {
        self.expires_at = None;
        self.call.take()
    }

    fn discarded(self, cause: Cause, deliveries: u32, answer: impl FnOnce(Outcome)) {
        if deliveries == 0 && self.call.is_some() {
            self.ledger.was_never_handed_over(self.number);
        }
        self.ledger.end(self.number, End::LetGo(cause));
        if self.call.is_some() {
            answer(Outcome::Failed);
        }
    }

    fn told(_: Cause) -> Outcome {
        Outcome::Failed
    }
}
