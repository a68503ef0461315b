//! Requests under way.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bookdrop_queue::park::Patience;
use bookdrop_queue::{Asking, CallId, Refusal, Waited, clock, park};
use serde_json::Value;

use crate::backed::{Apart, Asked, Backed};
use crate::error::{RequestError, RequestErrorKind};
use crate::event::Event;
use crate::home::Home;
use crate::memory::{Memory, Outcome, Stored};
use crate::operation::{Wait, waits_on_threads};

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
    home: &'a Home<T, R>,
    timeout: Duration,
    waits_for_consumer: bool,
    stage: Stage<T>,
}

enum Stage<T> {
    New(Event<T>),
    Waiting(Waiting),
    /// Sent to a backend.
    Asked(Apart<Asked<T>>),
    Ended,
}

/// It was sent.
struct Waiting {
    call: CallId,
    deadline: Instant,
    /// Whether the thread that waits looks at the clock by itself, so that nobody has to wake it at the deadline.
    by_the_clock: bool,
}

// Nothing in it is pinned: the event is moved into the queue.
impl<T, R> Unpin for Request<'_, T, R> {}

waits_on_threads!(Request);

impl<T, R> Wait for Request<'_, T, R> {
    fn patience(&self) -> Patience {
        self.home.patience()
    }
}

impl<'a, T, R> Request<'a, T, R> {
    pub(crate) fn new(home: &'a Home<T, R>, event: Event<T>, timeout: Duration) -> Self {
        Request {
            home,
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
    fn begin(&mut self, memory: &Memory<T, R>, cx: &Context<'_>) -> Result<(), RequestError<T>> {
        // Foreign code: should it panic, the event is still here.
        let waker = cx.waker().clone();
        let Stage::New(event) = std::mem::replace(&mut self.stage, Stage::Ended) else {
            panic!("{ENDED}");
        };
        if let Err(invalid) = event.validate() {
            let kind = RequestErrorKind::Invalid(invalid);
            return Err(RequestError::new(kind, Some(event)));
        }
        if self.timeout.is_zero() {
            return Err(RequestError::new(RequestErrorKind::Deadline, Some(event)));
        }
        let now = clock::now();
        let deadline = clock::after(now, self.timeout);
        let by_the_clock = park::park_limit(&waker, deadline);
        let (stored, due) = Stored::request(event, now, deadline);
        let asking = Asking {
            deadline,
            waits_for_consumer: self.waits_for_consumer,
            waker,
            wakes_at_deadline: !by_the_clock,
        };
        match memory.queue.send_request(stored, due, asking) {
            Ok(call) => {
                self.stage = Stage::Waiting(Waiting {
                    call,
                    deadline,
                    by_the_clock,
                });
                Ok(())
            }
            Err(refused) => {
                let kind = match refused.why {
                    Refusal::Full | Refusal::NotYet => RequestErrorKind::Full,
                    Refusal::Closed => RequestErrorKind::Closed,
                    Refusal::NoConsumer => RequestErrorKind::NoConsumer,
                };
                Err(RequestError::new(kind, Some(refused.item.event)))
            }
        }
    }

    /// Wants no answer any more. Returns what there is: the outcome, if one came in the meantime, or the event, if no
    /// consumer ever had it.
    #[cold]
    fn give_up(&mut self) -> (Option<Outcome<T, R>>, Option<Event<T>>) {
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::Waiting(waiting) => {
                let Home::Memory(memory) = self.home else {
                    return (None, None);
                };
                let (outcome, queued) = memory.queue.give_up(waiting.call);
                let unread = queued.filter(|(_, deliveries)| *deliveries == 0);
                (outcome, unread.map(|(stored, _)| stored.event))
            }
            Stage::New(event) => (None, Some(event)),
            // It is given up by that it is dropped.
            Stage::Asked(_) | Stage::Ended => (None, None),
        }
    }
}

impl<T, R> Future for Request<'_, T, R> {
    type Output = Result<R, RequestError<T>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let memory = match this.home {
            Home::Memory(memory) => memory,
            Home::Backed(backed) => return this.poll_asked(backed, cx),
        };
        let Stage::Waiting(waiting) = &mut this.stage else {
            return match this.begin(memory, cx) {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            };
        };
        match memory.queue.poll_answer(waiting.call, cx) {
            Poll::Ready(Waited::Answered(outcome)) => {
                this.stage = Stage::Ended;
                Poll::Ready(result(outcome))
            }
            Poll::Ready(Waited::Overdue) => Poll::Ready(match this.give_up() {
                (Some(outcome), _) => result(outcome),
                (None, event) => Err(RequestError::new(RequestErrorKind::Deadline, event)),
            }),
            Poll::Pending => {
                waiting.see_to_the_deadline(cx, memory);
                Poll::Pending
            }
        }
    }
}

impl<T, R> Request<'_, T, R> {
    #[cold]
    fn poll_asked(
        &mut self,
        backed: &Backed<T, R>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<R, RequestError<T>>> {
        let mut asked = match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::New(event) => {
                match Asked::new(backed, event, self.timeout, self.waits_for_consumer) {
                    Ok(asked) => Apart::new(asked),
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            Stage::Asked(asked) => asked,
            Stage::Waiting(_) | Stage::Ended => panic!("{ENDED}"),
        };
        let Poll::Ready(ended) = asked.get_mut().poll(cx) else {
            self.stage = Stage::Asked(asked);
            return Poll::Pending;
        };
        Poll::Ready(asked.into_inner().end(backed, ended))
    }
}

const ENDED: &str = "`Request` was polled after it had ended";

impl Waiting {
    /// It was looked at and has no answer: somebody has to wake it at the deadline, unless that is arranged already.
    fn see_to_the_deadline<T, R>(&mut self, cx: &Context<'_>, memory: &Memory<T, R>) {
        if self.by_the_clock && !park::park_limit(cx.waker(), self.deadline) {
            memory.queue.wake_at_deadline(self.call);
            self.by_the_clock = false;
        }
    }
}

impl<T, R> Drop for Request<'_, T, R> {
    #[inline]
    fn drop(&mut self) {
        if !matches!(self.stage, Stage::Ended) {
            drop(self.give_up());
        }
    }
}

fn result<T, R>(outcome: Outcome<T, R>) -> Result<R, RequestError<T>> {
    match outcome {
        Outcome::Replied(reply) => Ok(reply),
        Outcome::Ended(error) => Err(error),
    }
}

impl<T, R> fmt::Debug for Request<'_, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
