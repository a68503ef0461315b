//! A reply that is owed to a requester.

mod watch;

use std::fmt;
use std::future::Future;

use bookdrop_backend::{Error as BackendError, Settled, Settlement};
use serde_json::Value;

use crate::answer::Answer;
use crate::backed::Pending;
use crate::error::{Error, SettleErrorKind};
use crate::failure::Failure;
use crate::memory::{Outcome, unanswered};
use crate::operation::Operation;
use watch::Requester;
pub(crate) use watch::{Owed, Unwanted, Watched, Watcher};

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
///     reply.send(text.len()).await?;
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
    fn answer(&self, answer: Result<R, Failure>) -> Result<Answering, Error>;
    fn leave_unanswered(&self);
    fn watched(&self) -> &(dyn Watched + Sync);
}

/// An answer under way.
enum Answering {
    Ended(Answer),
    AtBackend(Pending<Result<Settled, BackendError>>),
}

impl<T: Send, R: Send> Answerable<R> for Owed<T, R> {
    fn answer(&self, answer: Result<R, Failure>) -> Result<Answering, Error> {
        match &self.to {
            Requester::Memory { memory, call } => {
                let outcome = answer.map_or_else(Outcome::failed, Outcome::Replied);
                Ok(Answering::Ended(
                    match memory.queue.answer_later(*call, outcome) {
                        Ok(()) => Answer::Sent,
                        Err(_) => Answer::NotWanted,
                    },
                ))
            }
            Requester::Backed { backed, receipt } => {
                let unencodable = |why| SettleErrorKind::Unencodable(why).into_error();
                let answer = backed.encode_answer(&answer).map_err(unencodable)?;
                let call = backed.settle(*receipt, Settlement::Answer(answer));
                Ok(Answering::AtBackend(call))
            }
        }
    }

    fn leave_unanswered(&self) {
        match &self.to {
            Requester::Memory { memory, call } => memory.queue.end_call(*call, unanswered()),
            Requester::Backed { backed, receipt } => {
                backed.begin_to_settle(*receipt, Settlement::Done);
            }
        }
    }

    fn watched(&self) -> &(dyn Watched + Sync) {
        self
    }
}

impl<R> Reply<R> {
    pub(crate) fn new<T>(owed: Owed<T, R>) -> Self
    where
        T: Send + 'static,
        R: Send + 'static,
    {
        Reply {
            owed_to: Some(Box::new(owed)),
        }
    }

    /// Lets go of what is not owed after all.
    pub(crate) fn forget(mut self) {
        self.owed_to = None;
    }

    /// Answers.
    ///
    /// # Errors
    /// None in memory. Over a backend, [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a reply that cannot be encoded,
    /// or [`ErrorKind::Backend`](crate::ErrorKind::Backend). The request then fails as if the reply had been dropped unused.
    ///
    /// # Cancel safety
    /// Done, or over a backend begun, at the first poll. Dropped before that, the reply was dropped unused.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Answer, Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// let mut request = a.request(Event::new("S"), Duration::from_secs(2));
    /// # let _ = request.wait_for(Duration::ZERO);
    /// let (_, reply) = b.receive().wait()?.into_parts().wait()?;
    /// assert_eq!(reply.send("fine".into()).wait()?, Answer::Sent);
    /// assert_eq!(request.wait()?, "fine");
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn send(self, reply: R) -> Operation<impl Future<Output = Result<Answer, Error>> + use<R>> {
        Operation::new(self.answer(Ok(reply)))
    }

    /// Answers with a failure, [`Failure::new`] or any error.
    ///
    /// # Errors
    /// As [`send`](Reply::send).
    ///
    /// # Cancel safety
    /// Done, or over a backend begun, at the first poll. Dropped before that, the reply was dropped unused.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Answer, Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// let mut request = a.request(Event::new("S"), Duration::from_secs(2));
    /// # let _ = request.wait_for(Duration::ZERO);
    /// let (_, reply) = b.receive().wait()?.into_parts().wait()?;
    /// assert_eq!(reply.fail(std::fmt::Error).wait()?, Answer::Sent);
    /// assert!(request.wait().is_err());
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn fail(
        self,
        failure: impl Into<Failure>,
    ) -> Operation<impl Future<Output = Result<Answer, Error>>> {
        let failure = failure.into();
        Operation::new(self.answer(Err(failure)))
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

    async fn answer(mut self, answer: Result<R, Failure>) -> Result<Answer, Error> {
        let call = match self.owed_to().answer(answer)? {
            Answering::Ended(answer) => {
                self.owed_to = None;
                return Ok(answer);
            }
            Answering::AtBackend(call) => call,
        };
        // It goes on if this is dropped, so then nothing is owed any more.
        let owed_to = self.owed_to.take();
        match call.await {
            Ok(settled) => Ok(Answer::of(settled)),
            Err(error) => {
                self.owed_to = owed_to;
                Err(error.into())
            }
        }
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
