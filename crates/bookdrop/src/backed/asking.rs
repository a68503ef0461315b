//! A request on its way to a backend and back.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bookdrop_backend::{Asking, Unanswered};
use bytes::Bytes;

use crate::error::{RequestError, RequestErrorKind};
use crate::event::Event;

use super::words::no_answer;
use super::{Backed, Pending};

/// A request that was sent, with its event: nobody but the backend knows whether a consumer ever had it.
pub(crate) struct Asked<T> {
    event: Event<T>,
    answer: Pending<Result<Bytes, Unanswered>>,
}

impl<T> Asked<T> {
    /// Sends a request, or says why it cannot be sent.
    pub(crate) fn new<R>(
        backed: &Backed<T, R>,
        event: Event<T>,
        timeout: Duration,
        waits_for_consumer: bool,
    ) -> Result<Self, RequestError<T>> {
        let asking = Asking {
            timeout,
            waits_for_consumer,
        };
        match backed.encode(&event) {
            Ok(_) if timeout.is_zero() => {
                Err(RequestError::new(RequestErrorKind::Deadline, Some(event)))
            }
            Ok(record) => Ok(Asked {
                event,
                answer: backed.backend().request(record, asking),
            }),
            Err(why) => Err(RequestError::new(why.into(), Some(event))),
        }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, Unanswered>> {
        Pin::new(&mut self.answer).poll(cx)
    }

    /// How it ended, for the requester.
    pub(crate) fn end<R>(
        self,
        backed: &Backed<T, R>,
        ended: Result<Bytes, Unanswered>,
    ) -> Result<R, RequestError<T>> {
        match ended {
            Ok(answer) => backed
                .decode_answer(&answer)
                .map_err(|failure| RequestError::new(RequestErrorKind::Failed(failure), None)),
            Err(Unanswered { why, was_taken }) => {
                let event = (!was_taken).then_some(self.event);
                Err(RequestError::new(no_answer(why), event))
            }
        }
    }
}
