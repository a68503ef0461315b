//! The one who waits for the outcome of a request.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bookdrop_queue::timer::Alarm;
use bookdrop_queue::{Cause, DeadReason, ReplySlot, Standing, Taken, clock};

use crate::answer::Answer;
use crate::error::RequestErrorKind;
use crate::event::Event;
use crate::failure::Failure;

use super::{Memory, Stored};

/// Where the outcome of a request goes.
pub(crate) struct Requester<T, R> {
    pub(crate) slot: ReplySlot<Outcome<T, R>>,
    pub(crate) deadline: Instant,
    pub(super) waits_for_consumer: bool,
    pub(super) standing: Mutex<Standing>,
}

/// How a request ended.
pub(crate) enum Outcome<T, R> {
    Replied(R),
    /// Without a reply; with the event, if no consumer ever had it.
    Ended(RequestErrorKind, Option<Event<T>>),
}

impl<T, R> Outcome<T, R> {
    pub(crate) fn failed(failure: Failure) -> Self {
        Outcome::Ended(RequestErrorKind::Failed(failure), None)
    }
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

    /// Whether nobody wants the answer any more: the requester gave up, or will as soon as it looks.
    pub(crate) fn has_left(&self) -> bool {
        !self.slot.is_awaited() || clock::now() >= self.deadline
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

/// What a requester is told when the queue let go of its request.
pub(super) fn outcome<T, R>(cause: Cause, event: Option<Event<T>>) -> Outcome<T, R> {
    let kind = match cause {
        Cause::Expired => RequestErrorKind::Deadline,
        Cause::NoConsumer | Cause::GroupRemoved => RequestErrorKind::NoConsumer,
        Cause::Closed => RequestErrorKind::Closed,
        Cause::Displaced => RequestErrorKind::Full,
        Cause::RetryTooLate => failed("retry_too_late", "the next try would come too late"),
        Cause::Purged => failed("purged", "the queue was purged"),
        Cause::Buried(DeadReason::MaxAttempts) => failed("max_attempts", DeadReason::MaxAttempts),
        Cause::Buried(DeadReason::MaxDeliveries) => {
            failed("max_deliveries", DeadReason::MaxDeliveries)
        }
        Cause::Buried(reason) => failed("rejected", reason),
        // Nobody is there to be told in the remaining cases.
        Cause::Duplicate | Cause::DeadLetterDropped | Cause::GivenUp => {
            failed("dropped", "the request was dropped")
        }
    };
    Outcome::Ended(kind, event)
}

/// What a requester is told when its request was settled, or its reply dropped, without an answer.
pub(crate) fn unanswered<T, R>() -> Outcome<T, R> {
    let what = "the consumer settled the request without an answer";
    Outcome::Ended(failed("unanswered", what), None)
}

fn failed(code: &str, message: impl ToString) -> RequestErrorKind {
    let failure = Failure::new(message.to_string()).with_code(format!("bookdrop.{code}"));
    RequestErrorKind::Failed(failure)
}
