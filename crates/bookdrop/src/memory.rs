//! The driver within one process: a [`Queue`] of events as they are.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

use bookdrop_queue::timer::Alarm;
use bookdrop_queue::{
    Cause, DeadReason, Item, Limits, OnFull, Queue, ReplySlot, Standing, Taken, clock,
};

use crate::event::Event;
use crate::failure::Failure;
use crate::reply::Answer;

/// What all handles of one driver share.
pub(crate) struct Memory<T, R> {
    pub(crate) queue: Arc<Queue<Stored<T, R>>>,
    /// Requesters that wait for an outcome.
    waiting_requests: AtomicUsize,
    /// Makes an alarm of a requester. Chosen where `T` and `R` are known to be good for that, so that no other method
    /// has to ask it of them.
    alarm: fn(&Arc<Requester<T, R>>) -> Weak<dyn Alarm>,
}

impl<T, R> Memory<T, R> {
    pub(crate) fn new(limits: Limits, on_full: OnFull) -> Arc<Self>
    where
        T: Send + 'static,
        R: Send + 'static,
    {
        let seed = uuid::Uuid::now_v7().as_u64_pair().1;
        Arc::new(Memory {
            queue: Queue::new(limits, on_full, seed),
            waiting_requests: AtomicUsize::new(0),
            alarm: |requester| -> Weak<dyn Alarm> { Arc::<Requester<T, R>>::downgrade(requester) },
        })
    }

    /// What rings when the requester's deadline has come.
    pub(crate) fn alarm(&self, requester: &Arc<Requester<T, R>>) -> Weak<dyn Alarm> {
        (self.alarm)(requester)
    }

    pub(crate) fn waiting_requests(&self) -> usize {
        self.waiting_requests.load(Ordering::Relaxed)
    }

    pub(crate) fn begin_request(&self) {
        self.waiting_requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn end_request(&self) {
        self.waiting_requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An event in the queue, with the one who waits for an answer to it.
pub(crate) struct Stored<T, R> {
    pub(crate) event: Event<T>,
    expires_at: Option<Instant>,
    requester: Option<Arc<Requester<T, R>>>,
    /// It was sent as a request, whatever became of its requester.
    is_request: bool,
}

/// Where the outcome of a request goes.
pub(crate) struct Requester<T, R> {
    pub(crate) slot: ReplySlot<Outcome<T, R>>,
    pub(crate) deadline: Instant,
    waits_for_consumer: bool,
    standing: Mutex<Standing>,
}

/// How a request ended.
pub(crate) enum Outcome<T, R> {
    Replied(R),
    Failed(Failure),
    Deadline(Option<Event<T>>),
    NoConsumer(Option<Event<T>>),
    Closed(Option<Event<T>>),
    Displaced(Option<Event<T>>),
}

impl<T, R> Requester<T, R> {
    pub(crate) fn new(deadline: Instant, waits_for_consumer: bool) -> Arc<Self> {
        let standing = Mutex::new(Standing::Elsewhere);
        Arc::new(Requester {
            slot: ReplySlot::new(),
            deadline,
            waits_for_consumer,
            standing,
        })
    }

    pub(crate) fn standing(&self) -> Standing {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the requester how it ended, if it still wants to know.
    pub(crate) fn end(&self, outcome: Outcome<T, R>) {
        if let Ok(to_wake) = self.slot.answer(outcome) {
            to_wake.wake();
        }
    }

    /// A consumer answers, and settles with that what it has in hand.
    pub(crate) fn answer(
        &self,
        memory: &Memory<T, R>,
        in_hand: Option<Taken<Stored<T, R>>>,
        outcome: Outcome<T, R>,
    ) -> Answer {
        let mut result = None;
        let reached = || result.insert(self.slot.answer(outcome)).is_ok();
        let settled = match in_hand {
            Some(taken) => Some(memory.queue.answer(taken, reached)),
            None => {
                memory.queue.answer_later(reached);
                None
            }
        };
        let answer = match result {
            Some(Ok(to_wake)) => {
                to_wake.wake();
                Answer::Sent
            }
            _ => Answer::NotWanted,
        };
        drop(settled);
        answer
    }
}

/// The deadline has come: the requester looks.
impl<T: Send, R: Send> Alarm for Requester<T, R> {
    fn ring(&self) {
        self.slot.ring();
    }
}

impl<T, R> Stored<T, R> {
    /// A one-way event, with the instant at which it is to be handed over, if it has a delay.
    pub(crate) fn one_way(event: Event<T>) -> (Self, Option<Instant>) {
        let now = (event.delay().is_some() || event.time_to_live().is_some()).then(clock::now);
        let due = now
            .zip(event.delay())
            .map(|(now, delay)| clock::after(now, delay));
        let expires_at = now
            .zip(event.time_to_live())
            .map(|(now, ttl)| clock::after(now, ttl));
        (
            Stored {
                event,
                expires_at,
                requester: None,
                is_request: false,
            },
            due,
        )
    }

    pub(crate) fn request(
        event: Event<T>,
        requester: Arc<Requester<T, R>>,
        now: Instant,
    ) -> (Self, Option<Instant>) {
        let due = event.delay().map(|delay| clock::after(now, delay));
        let expires_at = Some(requester.deadline);
        (
            Stored {
                event,
                expires_at,
                requester: Some(requester),
                is_request: true,
            },
            due,
        )
    }

    pub(crate) fn requester(&self) -> Option<&Arc<Requester<T, R>>> {
        self.requester.as_ref()
    }

    pub(crate) fn into_parts(self) -> (Event<T>, Option<Arc<Requester<T, R>>>) {
        (self.event, self.requester)
    }
}

/// One for a further group.
pub(crate) fn copy<T: Clone, R>(stored: &Stored<T, R>) -> Stored<T, R> {
    let event = stored.event.clone();
    Stored {
        event,
        expires_at: stored.expires_at,
        requester: None,
        is_request: false,
    }
}

impl<T, R> Item for Stored<T, R> {
    type Requester = Arc<Requester<T, R>>;

    fn key(&self) -> Option<&str> {
        self.event.key()
    }

    fn priority(&self) -> u8 {
        self.event.priority()
    }

    fn expires_at(&self) -> Option<Instant> {
        self.expires_at
    }

    fn identity(&self) -> Option<&str> {
        self.event.given_id()
    }

    fn is_request(&self) -> bool {
        self.is_request
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
            *requester
                .standing
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = at;
        }
    }

    fn sever(&mut self) -> Option<Self::Requester> {
        self.is_request = false;
        self.expires_at = None;
        self.requester.take()
    }

    fn discarded(self, cause: Cause, deliveries: u32) {
        let Some(requester) = self.requester else {
            return;
        };
        let event = Some(self.event).filter(|_| deliveries == 0);
        requester.end(outcome(cause, event));
    }

    fn told(requester: Self::Requester, cause: Cause) {
        requester.end(outcome(cause, None));
    }
}

/// What a requester is told when the queue let go of its request.
fn outcome<T, R>(cause: Cause, event: Option<Event<T>>) -> Outcome<T, R> {
    let failed = |code: &str, message: String| {
        Outcome::Failed(Failure::new(message).with_code(format!("bookdrop.{code}")))
    };
    match cause {
        Cause::Expired => Outcome::Deadline(event),
        Cause::NoConsumer | Cause::GroupRemoved => Outcome::NoConsumer(event),
        Cause::Closed => Outcome::Closed(event),
        Cause::Displaced => Outcome::Displaced(event),
        Cause::RetryTooLate => failed(
            "retry_too_late",
            "the next try would come after the deadline".into(),
        ),
        Cause::Buried(reason) => {
            let code = match reason {
                DeadReason::MaxAttempts => "max_attempts",
                DeadReason::MaxDeliveries => "max_deliveries",
                _ => "rejected",
            };
            failed(code, reason.to_string())
        }
        Cause::Purged => failed("purged", "the queue was purged".into()),
        // Nobody is there to be told in the remaining cases.
        Cause::Duplicate | Cause::DeadLetterDropped | Cause::GivenUp => {
            failed("dropped", "the request was dropped".into())
        }
    }
}

/// What a requester is told when its request was settled, or its reply dropped, without an answer.
pub(crate) fn unanswered<T, R>() -> Outcome<T, R> {
    Outcome::Failed(
        Failure::new("the consumer settled the request without an answer")
            .with_code("bookdrop.unanswered"),
    )
}
