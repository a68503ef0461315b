//! What the tests put into the machine, and the log of what it lets go of.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use crate::effects::Effects;
use crate::item::{Cause, Item};
use crate::machine::{CallId, Hand, Limits, Machine, Moment, Taken};

/// What the machine let go of, in order: the item's number, why, its hand-overs.
pub(in crate::machine) type Log = Rc<RefCell<Vec<(u32, Cause, u32)>>>;

/// What requesters were told by the machine itself, in order.
pub(super) type Told = Vec<(CallId, Answer)>;

/// What a requester gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::machine) enum Answer {
    /// From whoever worked on it.
    Reply(u32),
    /// The item stays, and its requester is told why.
    Told(Cause),
    /// The item went after so many hand-overs.
    Gone(Cause, u32),
}

/// An item with a number.
pub(in crate::machine) struct Thing {
    pub(in crate::machine) number: u32,
    pub(super) key: Option<&'static str>,
    pub(super) priority: u8,
    pub(super) expires: Option<Instant>,
    pub(super) call: Option<CallId>,
    hand: Hand,
    log: Log,
}

impl Thing {
    pub(in crate::machine) fn new(number: u32, log: &Log) -> Self {
        Thing {
            number,
            key: None,
            priority: 0,
            expires: None,
            call: None,
            hand: Hand::default(),
            log: log.clone(),
        }
    }

    pub(super) fn with_key(mut self, key: &'static str) -> Self {
        self.key = Some(key);
        self
    }

    pub(super) fn with_priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    pub(super) fn expiring(mut self, at: Instant) -> Self {
        self.expires = Some(at);
        self
    }

    pub(super) fn asking(mut self, call: CallId) -> Self {
        self.call = Some(call);
        self
    }
}

impl Item for Thing {
    type Answer = Answer;

    fn hand(&self) -> &Hand {
        &self.hand
    }

    fn hand_mut(&mut self) -> &mut Hand {
        &mut self.hand
    }

    fn is_plain(&self) -> bool {
        self.key.is_none() && self.priority == 0 && self.expires.is_none()
    }

    fn key(&self) -> Option<&str> {
        self.key
    }

    fn priority(&self) -> u8 {
        self.priority
    }

    fn expires_at(&self) -> Option<Instant> {
        self.expires
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

    fn discarded(self, cause: Cause, deliveries: u32, answer: impl FnOnce(Answer)) {
        let gone = (self.number, cause.clone(), deliveries);
        self.log.borrow_mut().push(gone);
        if self.call.is_some() {
            answer(Answer::Gone(cause, deliveries));
        }
    }

    fn told(cause: Cause) -> Answer {
        Answer::Told(cause)
    }
}

/// Who was woken, by number.
pub(super) type Woken = Arc<Mutex<Vec<u32>>>;

struct Requester(u32, Woken);

impl Wake for Requester {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

/// A waker that says who was woken.
pub(super) fn waker(number: u32, woken: &Woken) -> Waker {
    Arc::new(Requester(number, woken.clone())).into()
}

pub(super) fn machine(limits: Limits) -> Machine<Thing> {
    Machine::new(limits, 42)
}

/// Makes one change and lets its effects happen. Requesters are told as a queue tells them.
pub(super) fn change<R>(
    machine: &mut Machine<Thing>,
    told: &mut Told,
    change: impl FnOnce(&mut Machine<Thing>, &mut Effects<Thing>) -> R,
) -> R {
    let mut fx = Effects::none();
    let result = change(machine, &mut fx);
    fx.run(|call, answer| {
        told.push((call, answer.clone()));
        let wakers = machine.calls.answer(call, answer).unwrap_or_default();
        wakers.requester.into_iter().for_each(Waker::wake);
    });
    result
}

pub(super) fn at(instant: Instant) -> Moment {
    Moment::at(instant)
}

pub(super) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The numbers of what was handed over.
pub(super) fn number(taken: &Option<Taken<Thing>>) -> Option<u32> {
    taken.as_ref().map(|taken| taken.item.number)
}
