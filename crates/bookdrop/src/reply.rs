//! A reply that is owed to a requester.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bookdrop_queue::{Working, clock};
use serde_json::Value;

use crate::answer::Answer;
use crate::event::Ask;
use crate::failure::Failure;
use crate::memory::{Memory, Outcome, unanswered};
use crate::operation::Operation;

/// A reply that is owed to a requester; made by [`Delivery::into_parts`](crate::Delivery::into_parts).
///
/// Dropped unused, the request fails at once, with the code `bookdrop.unanswered`.
///
/// ```
/// use std::time::Duration;
/// use bookdrop::{Consumer, Driver, Event, Producer};
///
/// # futures_lite::future::block_on(async {
/// let library = Driver::<String, usize>::memory(10);
/// let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
/// let consumer = async {
///     let (event, reply) = b.receive().await?.into_parts().await?;
///     let text: String = event.into_body(); // it is ours
///     reply.send(text.len()).await;
///     Ok::<(), bookdrop::Error>(())
/// };
/// # let request = a.request(Event::new("S").with_body("hello".to_owned()), Duration::from_secs(2));
/// # let (length, served) = futures_lite::future::zip(request, consumer).await;
/// # served.unwrap();
/// assert_eq!(length.unwrap(), 5);
/// # });
/// ```
#[must_use = "a reply that is dropped fails the request"]
pub struct Reply<R = Value> {
    owed_to: Option<Box<dyn Answerable<R> + Send + Sync>>,
}

/// A requester, whatever the body of its event is.
trait Answerable<R> {
    fn answer(&self, answer: Result<R, Failure>) -> Answer;
    fn leave_unanswered(&self);
    fn watched(&self) -> &(dyn Watched + Sync);
}

impl<T: Send, R: Send> Answerable<R> for Watch<Arc<Memory<T, R>>> {
    fn answer(&self, answer: Result<R, Failure>) -> Answer {
        let outcome = answer.map_or_else(Outcome::failed, Outcome::Replied);
        match self.memory.queue.answer_later(self.ask.call, outcome) {
            Ok(()) => Answer::Sent,
            Err(_) => Answer::NotWanted,
        }
    }

    fn leave_unanswered(&self) {
        self.memory.queue.end_call(self.ask.call, unanswered());
    }

    fn watched(&self) -> &(dyn Watched + Sync) {
        self
    }
}

impl<R> Reply<R> {
    pub(crate) fn new<T>(ask: Ask, memory: Arc<Memory<T, R>>) -> Self
    where
        T: Send + 'static,
        R: Send + 'static,
    {
        Reply {
            owed_to: Some(Box::new(Watch { ask, memory })),
        }
    }

    /// Answers.
    ///
    /// # Cancel safety
    /// Done at the first poll. Dropped before that, the reply was dropped unused.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Answer, Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// let mut request = a.request(Event::new("S"), Duration::from_secs(2));
    /// # let _ = request.wait_for(Duration::ZERO);
    /// let (_, reply) = b.receive().wait()?.into_parts().wait()?;
    /// assert_eq!(reply.send("fine".into()).wait(), Answer::Sent);
    /// assert_eq!(request.wait()?, "fine");
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn send(self, reply: R) -> Operation<impl Future<Output = Answer> + use<R>> {
        Operation::new(async move { self.answer(Ok(reply)) })
    }

    /// Answers with a failure, [`Failure::new`] or any error.
    ///
    /// # Cancel safety
    /// Done at the first poll. Dropped before that, the reply was dropped unused.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Answer, Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// let mut request = a.request(Event::new("S"), Duration::from_secs(2));
    /// # let _ = request.wait_for(Duration::ZERO);
    /// let (_, reply) = b.receive().wait()?.into_parts().wait()?;
    /// assert_eq!(reply.fail(std::fmt::Error).wait(), Answer::Sent);
    /// assert!(request.wait().is_err());
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn fail(self, failure: impl Into<Failure>) -> Operation<impl Future<Output = Answer>> {
        let failure = failure.into();
        Operation::new(async move { self.answer(Err(failure)) })
    }

    /// Whether the requester gave up.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// let mut request = a.request(Event::new("S"), Duration::from_secs(2));
    /// # let _ = request.wait_for(Duration::ZERO);
    /// let (_, reply) = b.receive().wait()?.into_parts().wait()?;
    /// drop(request);
    /// assert!(reply.is_cancelled());
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.owed_to().watched().is_unwanted()
    }

    /// Waits until the requester gives up.
    ///
    /// # Cancel safety
    /// Dropped, it waits no more, and the reply is still owed.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// let mut request = a.request(Event::new("S"), Duration::from_secs(2));
    /// # let _ = request.wait_for(Duration::ZERO);
    /// let (_, reply) = b.receive().wait()?.into_parts().wait()?;
    /// drop(request);
    /// reply.cancelled().wait();
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn cancelled(&self) -> Operation<impl Future<Output = ()>> {
        Operation::new(Unwanted::new(Some(self.owed_to().watched())))
    }

    fn answer(mut self, answer: Result<R, Failure>) -> Answer {
        self.owed_to
            .take()
            .map_or(Answer::NotWanted, |owed_to| owed_to.answer(answer))
    }

    fn owed_to(&self) -> &(dyn Answerable<R> + Send + Sync) {
        &**self
            .owed_to
            .as_ref()
            .expect("a reply that was sent is gone")
    }
}

impl<R> Drop for Reply<R> {
    fn drop(&mut self) {
        if let Some(owed_to) = self.owed_to.take() {
            owed_to.leave_unanswered();
        }
    }
}

impl<R> fmt::Debug for Reply<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}

/// What can be asked whether its answer is still wanted.
pub(crate) trait Watched {
    fn is_unwanted(&self) -> bool;
    fn poll_unwanted(&self, working: &mut Working, cx: &mut Context<'_>) -> Poll<()>;
    fn stop_working(&self, working: &mut Working);
}

/// A requester, seen by one who works for it.
pub(crate) struct Watch<M> {
    pub(crate) ask: Ask,
    pub(crate) memory: M,
}

impl<T, R, M: Deref<Target = Memory<T, R>>> Watched for Watch<M> {
    fn is_unwanted(&self) -> bool {
        clock::now() >= self.ask.deadline || !self.memory.queue.is_awaited(self.ask.call)
    }

    fn poll_unwanted(&self, working: &mut Working, cx: &mut Context<'_>) -> Poll<()> {
        self.memory.queue.poll_unwanted(self.ask.call, working, cx)
    }

    fn stop_working(&self, working: &mut Working) {
        self.memory.queue.stop_working(self.ask.call, working);
    }
}

impl<W: Watched + ?Sized> Watched for &W {
    fn is_unwanted(&self) -> bool {
        (**self).is_unwanted()
    }

    fn poll_unwanted(&self, working: &mut Working, cx: &mut Context<'_>) -> Poll<()> {
        (**self).poll_unwanted(working, cx)
    }

    fn stop_working(&self, working: &mut Working) {
        (**self).stop_working(working);
    }
}

/// Waits until an answer is unwanted; for ever where nobody asked for one.
pub(crate) struct Unwanted<W: Watched> {
    watched: Option<W>,
    working: Working,
}

impl<W: Watched> Unwanted<W> {
    pub(crate) fn new(watched: Option<W>) -> Self {
        Unwanted {
            watched,
            working: None,
        }
    }
}

// Nothing in it is pinned.
impl<W: Watched> Unpin for Unwanted<W> {}

impl<W: Watched> Future for Unwanted<W> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let watched = this.watched.as_ref();
        watched.map_or(Poll::Pending, |watched| {
            watched.poll_unwanted(&mut this.working, cx)
        })
    }
}

impl<W: Watched> Drop for Unwanted<W> {
    fn drop(&mut self) {
        if let Some(watched) = &self.watched {
            watched.stop_working(&mut self.working);
        }
    }
}
