//! How requests end.

use bookdrop_queue::Cause;

use crate::error::{RequestError, RequestErrorKind};
use crate::event::Event;
use crate::failure::Failure;

/// How a request ended.
pub(crate) enum Outcome<T, R> {
    Replied(R),
    /// Without a reply; with the event, if no consumer ever had it.
    Ended(RequestError<T>),
}

impl<T, R> Outcome<T, R> {
    pub(crate) fn failed(failure: Failure) -> Self {
        Outcome::Ended(RequestError::new(RequestErrorKind::Failed(failure), None))
    }
}

/// What a requester is told when the queue let go of its request.
pub(super) fn outcome<T, R>(cause: Cause, event: Option<Event<T>>) -> Outcome<T, R> {
    let kind = match cause {
        Cause::Expired => RequestErrorKind::Deadline,
        Cause::NoConsumer | Cause::GroupRemoved => RequestErrorKind::NoConsumer,
        Cause::Closed => RequestErrorKind::Closed,
        Cause::Displaced => RequestErrorKind::Full,
        Cause::RetryTooLate => RequestErrorKind::retry_too_late(),
        Cause::Purged => RequestErrorKind::purged(),
        Cause::Buried(reason) => RequestErrorKind::buried(&reason),
        // Nobody is there to be told in the remaining cases.
        Cause::Duplicate | Cause::DeadLetterDropped | Cause::GivenUp | Cause::Broken => {
            RequestErrorKind::failed("dropped", "the request was dropped")
        }
    };
    Outcome::Ended(RequestError::new(kind, event))
}

/// What a requester is told when its request was settled, or its reply dropped, without an answer.
pub(crate) fn unanswered<T, R>() -> Outcome<T, R> {
    Outcome::Ended(RequestError::new(RequestErrorKind::unanswered(), None))
}
