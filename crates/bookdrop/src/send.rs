//! Sends under way.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bookdrop_queue::park::Patience;
use bookdrop_queue::{NotExpress, Refusal, Refused, Ticket};
use serde_json::Value;

use crate::error::{SendBatchError, SendError, SendErrorKind};
use crate::event::Event;
use crate::memory::{Memory, Stored};
use crate::operation::{Wait, waits_on_threads};
use crate::turn;

/// An event on its way into the queue; made by [`Producer::send`](crate::Producer::send).
///
/// Dropped before it is ready, the event is dropped too, unless it was sent already: a send that waits for room may be let
/// in before it is polled again, and then its event stays sent. [`into_event`](Send::into_event) says which, and gives
/// an event back that was not sent.
///
/// ```
/// # use bookdrop::{Driver, Event, Producer};
/// # futures_lite::future::block_on(async {
/// let library: Driver = Driver::memory(10);
/// Producer::new(&library).send(Event::new("S")).await?;
/// # Ok::<(), bookdrop::Error>(()) }).unwrap();
/// ```
#[must_use = "a send does nothing unless it is awaited or waited for"]
pub struct Send<'a, T = (), R = Value> {
    memory: &'a Memory<T, R>,
    stage: Stage<T>,
}

enum Stage<T> {
    New(Event<T>),
    InLine(Ticket),
    Ended,
}

// Nothing in it is pinned: the event is moved into the queue.
impl<T, R> Unpin for Send<'_, T, R> {}

waits_on_threads!(Send);

impl<T, R> Wait for Send<'_, T, R> {
    fn patience(&self) -> Patience {
        self.memory.patience
    }

    #[inline]
    fn attempt(&mut self) -> ControlFlow<Option<Self::Output>> {
        let Some(event) = self.take_plain() else {
            return ControlFlow::Break(None);
        };
        let (stored, why) = match self.memory.queue.try_send_express(Stored::plain(event)) {
            Ok(()) => return ControlFlow::Break(Some(Ok(()))),
            Err(not_sent) => not_sent,
        };
        self.stage = Stage::New(stored.event);
        // One among several stands in line at once, so that each has its turn.
        match why {
            NotExpress::HasToWait if self.memory.has_one_producer() => ControlFlow::Continue(()),
            _ => ControlFlow::Break(None),
        }
    }
}

impl<'a, T, R> Send<'a, T, R> {
    #[inline]
    pub(crate) fn new(memory: &'a Memory<T, R>, event: Event<T>) -> Self {
        Send {
            memory,
            stage: Stage::New(event),
        }
    }

    /// Gives the send up and takes the event back. `None` if it was sent (or given back) already, also where the send has
    /// not been polled since.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(1);
    /// # let a = Producer::new(&library);
    /// # a.send(Event::new("first")).wait()?;
    /// let mut send = a.send(Event::new("second"));
    /// if send.wait_for(Duration::from_millis(1)).is_err() {
    ///     let event = send.into_event().expect("the queue is full");
    ///     assert_eq!(event.name(), "second");
    /// }
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn into_event(mut self) -> Option<Event<T>> {
        self.give_up()
    }

    fn give_up(&mut self) -> Option<Event<T>> {
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::New(event) => Some(event),
            Stage::InLine(ticket) => Some(self.memory.queue.leave_line(ticket)?.event),
            Stage::Ended => None,
        }
    }
}

impl<T, R> Future for Send<'_, T, R> {
    type Output = Result<(), SendError<T>>;

    // Where it is used: see `Receive`.
    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        ready!(turn::poll_go_on(cx, this));
        if let Some(event) = this.take_plain() {
            match this.memory.queue.send_express(Stored::plain(event)) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(stored) => this.stage = Stage::New(stored.event),
            }
        }
        turn::uncount_if_pending(this.poll_any(cx))
    }
}

impl<T, R> Send<'_, T, R> {
    /// The event, if it may take the express and has not been sent yet.
    #[inline(always)]
    fn take_plain(&mut self) -> Option<Event<T>> {
        if let Stage::New(event) = &self.stage
            && event.is_plain()
            && event.validate().is_ok()
            && let Stage::New(event) = std::mem::replace(&mut self.stage, Stage::Ended)
        {
            return Some(event);
        }
        None
    }

    /// Sends what has more to it, or has to wait.
    #[inline(never)]
    fn poll_any(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        let queue = &self.memory.queue;
        let result = match &self.stage {
            Stage::New(_) => {
                // Foreign code: should it panic, the event is still here.
                let waker = cx.waker().clone();
                let Stage::New(event) = std::mem::replace(&mut self.stage, Stage::Ended) else {
                    unreachable!("it was looked at just now");
                };
                if let Err(invalid) = event.validate() {
                    let kind = SendErrorKind::Invalid(invalid);
                    return Poll::Ready(Err(SendError::new(kind, event)));
                }
                let (stored, due) = Stored::one_way(event);
                match queue.send(stored, due, waker) {
                    Ok(None) => Ok(()),
                    Ok(Some(ticket)) => {
                        self.stage = Stage::InLine(ticket);
                        return Poll::Pending;
                    }
                    Err(refused) => Err(refused),
                }
            }
            Stage::InLine(ticket) => {
                let result = ready!(queue.poll_line(*ticket, cx));
                self.stage = Stage::Ended;
                result
            }
            Stage::Ended => panic!("`Send` was polled after it had ended"),
        };
        Poll::Ready(result.map_err(refused))
    }
}

impl<T, R> Drop for Send<'_, T, R> {
    #[inline]
    fn drop(&mut self) {
        if !matches!(self.stage, Stage::Ended) {
            drop(self.give_up());
        }
    }
}

fn refused<T, R>(refused: Refused<Stored<T, R>>) -> SendError<T> {
    let kind = match refused.why {
        Refusal::Full => SendErrorKind::Full,
        Refusal::Closed | Refusal::NoConsumer => SendErrorKind::Closed,
    };
    SendError::new(kind, refused.item.event)
}

impl<T, R> fmt::Debug for Send<'_, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Send").finish_non_exhaustive()
    }
}

/// An event that is sent now or not at all; made by [`Producer::try_send`](crate::Producer::try_send).
///
/// It is ready at its first poll. Dropped before that, the event was not sent and is dropped too.
///
/// ```
/// # use bookdrop::{Driver, Event, Producer};
/// # futures_lite::future::block_on(async {
/// let library: Driver = Driver::memory(10);
/// Producer::new(&library).try_send(Event::new("S")).await?;
/// # Ok::<(), bookdrop::Error>(()) }).unwrap();
/// ```
#[must_use = "a send does nothing unless it is awaited or waited for"]
pub struct TrySend<'a, T = (), R = Value> {
    memory: &'a Memory<T, R>,
    event: Option<Event<T>>,
}

impl<T, R> Unpin for TrySend<'_, T, R> {}

waits_on_threads!(TrySend);

impl<T, R> Wait for TrySend<'_, T, R> {
    fn patience(&self) -> Patience {
        self.memory.patience
    }
}

impl<'a, T, R> TrySend<'a, T, R> {
    pub(crate) fn new(memory: &'a Memory<T, R>, event: Event<T>) -> Self {
        TrySend {
            memory,
            event: Some(event),
        }
    }
}

impl<T, R> Future for TrySend<'_, T, R> {
    type Output = Result<(), SendError<T>>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        let event = self
            .event
            .take()
            .expect("`TrySend` was polled after it had ended");
        if let Err(invalid) = event.validate() {
            return Poll::Ready(Err(SendError::new(SendErrorKind::Invalid(invalid), event)));
        }
        let queue = &self.memory.queue;
        let result = match queue.send_express(Stored::plain(event)) {
            Ok(()) => Ok(()),
            Err(stored) => {
                let (stored, due) = Stored::one_way(stored.event);
                queue.try_send(stored, due)
            }
        };
        Poll::Ready(result.map_err(refused))
    }
}

impl<T, R> fmt::Debug for TrySend<'_, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrySend").finish_non_exhaustive()
    }
}

/// Events on their way into the queue; made by [`Producer::send_batch`](crate::Producer::send_batch).
///
/// Dropped before it is ready, the first ones were sent and the rest is dropped; [`into_rest`](SendBatch::into_rest)
/// gives the rest back instead. The one that waits for room may be let in before it is polled again; then it belongs to
/// those that were sent.
///
/// ```
/// # use bookdrop::{Driver, Event, Producer};
/// # futures_lite::future::block_on(async {
/// let library: Driver = Driver::memory(10);
/// let sent = Producer::new(&library).send_batch([Event::new("S"), Event::new("T")]).await?;
/// assert_eq!(sent, 2);
/// # Ok::<(), bookdrop::Error>(()) }).unwrap();
/// ```
#[must_use = "a send does nothing unless it is awaited or waited for"]
pub struct SendBatch<'a, T = (), R = Value> {
    memory: &'a Memory<T, R>,
    first: Option<Send<'a, T, R>>,
    rest: VecDeque<Event<T>>,
    sent: usize,
}

impl<T, R> Unpin for SendBatch<'_, T, R> {}

waits_on_threads!(SendBatch);

impl<T, R> Wait for SendBatch<'_, T, R> {
    fn patience(&self) -> Patience {
        self.memory.patience
    }
}

impl<'a, T, R> SendBatch<'a, T, R> {
    pub(crate) fn new(memory: &'a Memory<T, R>, events: VecDeque<Event<T>>) -> Self {
        SendBatch {
            memory,
            first: None,
            rest: events,
            sent: 0,
        }
    }

    /// Gives the rest up and takes it back, in order.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Driver, Event, Producer};
    /// let library: Driver = Driver::memory(1);
    /// let a = Producer::new(&library);
    /// let mut batch = a.send_batch([Event::new("S"), Event::new("T"), Event::new("U")]);
    /// assert!(batch.wait_for(Duration::from_millis(1)).is_err(), "there is room for one");
    /// assert_eq!(batch.into_rest().len(), 2);
    /// ```
    pub fn into_rest(mut self) -> Vec<Event<T>> {
        let first = self.first.take().and_then(Send::into_event);
        first
            .into_iter()
            .chain(std::mem::take(&mut self.rest))
            .collect()
    }
}

impl<T, R> Future for SendBatch<'_, T, R> {
    type Output = Result<usize, SendBatchError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            if self.first.is_none() {
                let memory = self.memory;
                self.first = self.rest.pop_front().map(|event| Send::new(memory, event));
            }
            let Some(first) = &mut self.first else {
                return Poll::Ready(Ok(self.sent));
            };
            let result = ready!(Pin::new(first).poll(cx));
            self.first = None;
            match result {
                Ok(()) => self.sent += 1,
                Err(error) => {
                    let (kind, event) = error.into_parts();
                    let rest = std::iter::once(event)
                        .chain(std::mem::take(&mut self.rest))
                        .collect();
                    return Poll::Ready(Err(SendBatchError::new(kind, self.sent, rest)));
                }
            }
        }
    }
}

impl<T, R> fmt::Debug for SendBatch<'_, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendBatch")
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}
