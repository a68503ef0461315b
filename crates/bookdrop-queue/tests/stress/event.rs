//! What is sent, and who waits for an answer to it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bookdrop_queue::{Cause, Item, ReplySlot, Standing, ToWake};

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
    pub(crate) requester: Option<Arc<Requester>>,
    pub(crate) ledger: Arc<Ledger>,
}

pub(crate) struct Requester {
    pub(crate) slot: ReplySlot<Outcome>,
    pub(crate) deadline: Instant,
    waits_for_consumer: bool,
    standing: Mutex<Standing>,
    /// Outcomes that the slot has taken.
    pub(crate) outcomes: AtomicU32,
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
            requester: None,
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

    pub(crate) fn make_request(
        &mut self,
        deadline: Instant,
        waits_for_consumer: bool,
    ) -> Arc<Requester> {
        let requester = Arc::new(Requester {
            slot: ReplySlot::new(),
            deadline,
            waits_for_consumer,
            standing: Mutex::new(Standing::Elsewhere),
            outcomes: AtomicU32::new(0),
        });
        self.expires_at = Some(deadline);
        self.requester = Some(requester.clone());
        requester
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        self.ledger.gone();
    }
}

impl Requester {
    pub(crate) fn standing(&self) -> Standing {
        *self.standing.lock().unwrap()
    }

    /// Leaves an outcome; nothing is woken yet.
    pub(crate) fn leave(&self, outcome: Outcome) -> Option<ToWake> {
        let left = self.slot.answer(outcome).ok();
        self.outcomes
            .fetch_add(u32::from(left.is_some()), Ordering::Relaxed);
        left
    }

    pub(crate) fn end(&self, outcome: Outcome) {
        self.leave(outcome).into_iter().for_each(ToWake::wake);
    }
}

impl Item for Event {
    type Requester = Arc<Requester>;

    fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    fn priority(&self) -> u8 {
        self.priority
    }

    fn expires_at(&self) -> Option<Instant> {
        self.expires_at
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
        self.requester
            .as_ref()
            .is_some_and(|requester| requester.waits_for_consumer)
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
        let requester = self.requester.take()?;
        self.expires_at = None;
        Some(requester)
    }

    fn revive(&mut self, _: Instant) {}

    fn discarded(mut self, cause: Cause, deliveries: u32) {
        if deliveries == 0 && self.is_request() {
            self.ledger.was_never_handed_over(self.number);
        }
        self.ledger.end(self.number, End::LetGo(cause));
        if let Some(requester) = self.requester.take() {
            requester.end(Outcome::Failed);
        }
    }

    fn told(requester: Arc<Requester>, _: Cause) {
        requester.end(Outcome::Failed);
    }
}
