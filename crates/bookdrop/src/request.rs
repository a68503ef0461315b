//! Requests under way.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bookdrop_queue::{Refusal, clock};
use serde_json::Value;

use crate::deadline::Deadline;
use crate::error::{RequestError, RequestErrorKind};
use crate::event::Event;
use crate::memory::{Memory, Outcome, Requester, Stored};
use crate::operation::waits_on_threads;

/// A request and the wait for its reply; made by [`Producer::request`](crate::Producer::request).
///
/// It is sent at its first poll. Dropped later, the request is given up: it leaves the queue, or whoever works on it
/// can see that nobody waits any more.
///
/// ```
/// # use std::time::Duration;
/// # use bookdrop::{Consumer, Driver, Event, Producer};
/// # let library: Driver = Driver::memory(10);
/// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
/// let mut request = a.request(Event::new("S"), Duration::from_secs(2));
/// assert!(request.wait_for(Duration::ZERO).is_err(), "it is sent, and has no answer yet");
/// b.receive().wait()?.reply("fine".into()).wait()?;
/// assert_eq!(request.wait()?, "fine");
/// # Ok::<(), bookdrop::Error>(())
/// ```
#[must_use = "a request does nothing unless it is awaited or waited for"]
pub struct Request<'a, T = (), R = Value> {
    memory: &'a Memory<T, R>,
    timeout: Duration,
    waits_for_consumer: bool,
    stage: Stage<T, R>,
}

enum Stage<T, R> {
    New(Event<T>),
    Waiting(Arc<Requester<T, R>>, Deadline),
    Ended,
}

// Nothing in it is pinned: the event is moved into the queue.
impl<T, R> Unpin for Request<'_, T, R> {}

waits_on_threads!(Request);

impl<'a, T, R> Request<'a, T, R> {
    pub(crate) fn new(memory: &'a Memory<T, R>, event: Event<T>, timeout: Duration) -> Self {
        Request {
            memory,
            timeout,
            waits_for_consumer: false,
            stage: Stage::New(event),
        }
    }

    /// Where there is no consumer, waits for one until the deadline, in place of failing at once.
    ///
    /// ```
    /// use std::time::Duration;
    /// use bookdrop::{Driver, Event, Producer, RequestErrorKind};
    ///
    /// let library: Driver = Driver::memory(10);
    /// let a = Producer::new(&library);
    /// let error = a.request(Event::new("S"), Duration::from_secs(5)).wait().unwrap_err();
    /// assert_eq!(error.kind(), &RequestErrorKind::NoConsumer);
    ///
    /// let event = error.into_event().expect("nobody took it");
    /// let patient = a.request(event, Duration::from_millis(5)).wait_for_consumer();
    /// assert_eq!(patient.wait().unwrap_err().kind(), &RequestErrorKind::Deadline);
    /// ```
    pub fn wait_for_consumer(mut self) -> Self {
        self.waits_for_consumer = true;
        self
    }
}

impl<T, R> Request<'_, T, R> {
    /// Sends the request; the deadline begins to run.
    fn begin(&mut self, event: Event<T>) -> Result<(), RequestError<T>> {
        if let Err(invalid) = event.validate() {
            return Err(RequestError::new(
                RequestErrorKind::Invalid(invalid),
                Some(event),
            ));
        }
        if self.timeout.is_zero() {
            return Err(RequestError::new(RequestErrorKind::Deadline, Some(event)));
        }
        let now = clock::now();
        let deadline = clock::after(now, self.timeout);
        let requester = Requester::new(deadline, self.waits_for_consumer);
        let (stored, due) = Stored::request(event, requester.clone(), now);
        // First, so that a panic in somebody's waker leaves a request that its drop gives up.
        self.stage = Stage::Waiting(requester, Deadline::new(deadline));
        self.memory.begin_request();
        if let Err(refused) = self.memory.queue.send_request(stored, due) {
            self.memory.end_request();
            self.stage = Stage::Ended;
            let kind = match refused.why {
                Refusal::Full => RequestErrorKind::Full,
                Refusal::Closed => RequestErrorKind::Closed,
                Refusal::NoConsumer => RequestErrorKind::NoConsumer,
            };
            return Err(RequestError::new(kind, Some(refused.item.event)));
        }
        Ok(())
    }

    /// Wants no answer any more. Returns what there is: the outcome, if one came in the meantime, or the event, if no
    /// consumer ever had it.
    fn give_up(&mut self) -> (Option<Outcome<T, R>>, Option<Event<T>>) {
        let requester = match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Waiting(requester, _) => requester,
            Stage::New(event) => return (None, Some(event)),
            Stage::Ended => return (None, None),
        };
        self.memory.end_request();
        let (mut outcome, mut to_wake) = (None, None);
        let queued = self
            .memory
            .queue
            .give_up(|| match requester.slot.give_up() {
                Err(there) => {
                    outcome = Some(there);
                    None
                }
                Ok(workers) => {
                    to_wake = Some(workers);
                    Some(requester.standing())
                }
            });
        if let Some(to_wake) = to_wake {
            to_wake.wake();
        }
        let event = queued
            .filter(|(_, deliveries)| *deliveries == 0)
            .map(|(stored, _)| stored.event);
        (outcome, event)
    }
}

impl<T, R> Future for Request<'_, T, R> {
    type Output = Result<R, RequestError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if matches!(this.stage, Stage::New(_))
            && let Stage::New(event) = std::mem::replace(&mut this.stage, Stage::Ended)
        {
            this.begin(event)?;
        }
        let Stage::Waiting(requester, deadline) = &mut this.stage else {
            panic!("`Request` was polled after it had ended");
        };
        if let Poll::Ready(outcome) = requester.slot.poll(cx) {
            this.memory.end_request();
            this.stage = Stage::Ended;
            return Poll::Ready(result(outcome));
        }
        let memory = this.memory;
        if !deadline.has_passed(cx, || memory.alarm(requester)) {
            return Poll::Pending;
        }
        Poll::Ready(match this.give_up() {
            (Some(outcome), _) => result(outcome),
            (None, event) => Err(RequestError::new(RequestErrorKind::Deadline, event)),
        })
    }
}

impl<T, R> Drop for Request<'_, T, R> {
    fn drop(&mut self) {
        drop(self.give_up());
    }
}

fn result<T, R>(outcome: Outcome<T, R>) -> Result<R, RequestError<T>> {
    match outcome {
        Outcome::Replied(reply) => Ok(reply),
        Outcome::Ended(kind, event) => Err(RequestError::new(kind, event)),
    }
}

impl<T, R> fmt::Debug for Request<'_, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
