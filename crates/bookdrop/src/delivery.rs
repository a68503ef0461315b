//! The delivery: one event in hand.

mod settle;

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::time::{Duration, Instant};

use bookdrop_backend::{self as backend, Settlement};
use bookdrop_queue::{DEFAULT_GROUP, DeadReason, Loan, Taken};
use serde_json::Value;

use crate::answer::Answer;
use crate::error::{Error, SettleError, SettleErrorKind};
use crate::event::Event;
use crate::failure::Failure;
use crate::memory::Stored;
use crate::operation::Operation;
use crate::reply::{Reply, Unwanted, Watched};
use crate::seat::Seat;
use settle::{Acking, InHand, Undone};

/// One event in hand, to be settled exactly once.
///
/// | settle with | then |
/// |---|---|
/// | [`ack`](Delivery::ack), [`into_event`](Delivery::into_event) | it is done |
/// | [`nack`](Delivery::nack) | it failed and comes back: at once the first time, later after the driver's [back-off](crate::Builder::retry_backoff) |
/// | [`retry_after`](Delivery::retry_after) | it failed and comes back after that time |
/// | [`release`](Delivery::release) | nobody worked on it: it comes back at once, and did not fail |
/// | [`reject`](Delivery::reject) | it failed for good and becomes a dead letter; a requester gets `Failed` |
/// | [`reply`](Delivery::reply), [`fail`](Delivery::fail), [`reply_with`](Delivery::reply_with) | a request is answered, and done |
///
/// `fail` answers a requester, and the event is done; `reject` buries the event.
///
/// A delivery that is dropped unsettled (by a panic, a cancelled task, a forgotten branch) failed and comes back like
/// after `nack`. After `max_attempts` failures an event becomes a dead letter.
///
/// Over a backend a settlement ends when it is as durable as it is going to be. It is begun at the first poll, and goes on if
/// it is dropped later. Where the backend cannot do it, the error gives the delivery back, still to be settled. With
/// [`BackendErrorKind::Unknown`](crate::BackendErrorKind::Unknown) it may be settled: go on, and expect that the event may come
/// back after a crash.
///
/// It derefs to the [`Event`], which it lets you read. Settling takes the delivery, so that settling twice does not
/// compile:
///
/// ```compile_fail,E0382
/// # use bookdrop::{Consumer, Driver};
/// # let library: Driver = Driver::memory(10);
/// # let mut b = Consumer::new(&library);
/// let book = b.receive().wait()?;
/// book.ack().wait()?;
/// book.nack().wait()?;
/// # Ok::<(), bookdrop::Error>(())
/// ```
#[must_use = "a delivery that is dropped unsettled counts as failed and comes back, unless its consumer acks automatically"]
pub struct Delivery<T = (), R = Value> {
    /// `None` once it is settled.
    in_hand: Option<InHand<T, R>>,
}

type Settled<T, R, V = ()> = Result<V, SettleError<T, R>>;

impl<T, R> Delivery<T, R> {
    #[inline(always)]
    pub(crate) fn new(taken: Taken<Stored<T, R>>, seat: Option<Loan<Seat<T, R>>>) -> Self {
        Delivery {
            in_hand: Some(InHand { taken, seat }),
        }
    }

    /// How often the event was handed over, this time included: 1 at first.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// a.send(Event::new("S")).wait()?;
    /// b.receive().wait()?.nack().wait()?;
    /// assert_eq!(b.receive().wait()?.attempt(), 2);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn attempt(&self) -> u32 {
        self.in_hand().taken.attempt()
    }

    /// How often it failed before: [`nack`](Delivery::nack), [`retry_after`](Delivery::retry_after), or a delivery that was dropped.
    /// What came back otherwise ([released](Delivery::release), or from a process that is gone) counts as an
    /// [attempt](Delivery::attempt) alone.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// a.send(Event::new("S")).wait()?;
    /// b.receive().wait()?.nack().wait()?;
    /// b.receive().wait()?.release().wait()?;
    /// let book = b.receive().wait()?;
    /// assert_eq!((book.attempt(), book.failures()), (3, 1));
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn failures(&self) -> u32 {
        self.in_hand().taken.failures()
    }

    /// The group it was handed over to.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// a.send(Event::new("S")).wait()?;
    /// assert_eq!(b.receive().wait()?.group(), "default");
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn group(&self) -> &str {
        let seat = self.in_hand().seat.as_ref();
        seat.map_or(DEFAULT_GROUP, |seat| seat.group())
    }

    /// Whether somebody asked for an answer.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// a.send(Event::new("S")).wait()?;
    /// assert!(!b.receive().wait()?.is_request());
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn is_request(&self) -> bool {
        self.ask().is_some()
    }

    /// The instant after which nobody wants the answer; `None` for a one-way event.
    ///
    /// ```
    /// # use std::time::{Duration, Instant};
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// let mut request = a.request(Event::new("S"), Duration::from_secs(2));
    /// # let _ = request.wait_for(Duration::ZERO);
    /// let book = b.receive().wait()?;
    /// assert!(book.deadline().unwrap() <= Instant::now() + Duration::from_secs(2));
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn deadline(&self) -> Option<Instant> {
        self.ask().map(|ask| ask.deadline)
    }

    /// Whether the requester gave up, or its deadline has passed: the work is for nobody now. Never for a one-way event.
    ///
    /// A requester gives up when its future is dropped, or when it notices that its deadline has passed.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// let mut request = a.request(Event::new("S"), Duration::from_secs(2));
    /// # let _ = request.wait_for(Duration::ZERO);
    /// let book = b.receive().wait()?;
    /// assert!(!book.is_cancelled());
    /// drop(request);
    /// assert!(book.is_cancelled());
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.watcher().is_some_and(|watcher| watcher.is_unwanted())
    }

    /// Waits until the requester gives up; for ever with a one-way event.
    ///
    /// # Cancel safety
    /// Dropped, it waits no more, and the delivery is as before. So race your work against it:
    ///
    /// ```
    /// # use std::{future, time::Duration};
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # use futures_lite::future::{block_on, or};
    /// # async fn long_work() -> bool { future::pending().await }
    /// # block_on(async {
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// # let mut request = a.request(Event::new("S"), Duration::from_secs(2));
    /// # let _ = request.wait_for(Duration::ZERO);
    /// let book = b.receive().await?;
    /// # drop(request);
    /// let finished = or(long_work(), async { book.cancelled().await; false }).await;
    /// # assert!(!finished);
    /// # Ok::<(), bookdrop::Error>(()) }).unwrap();
    /// ```
    pub fn cancelled(&self) -> Operation<impl Future<Output = ()>> {
        Operation::new(Unwanted::new(self.watcher()))
    }

    /// Keeps the event in hand for longer. In one process there is no lease to run out: the delivery is the ownership, and this
    /// does nothing, successfully. Nor does it in PostgreSQL and in NATS, where the driver prolongs its lease by itself; there it
    /// does not ask the server, and so says only what the driver knows.
    ///
    /// # Errors
    /// None in memory. Else [`ErrorKind::Backend`](crate::ErrorKind::Backend), or
    /// [`ErrorKind::Settle`](crate::ErrorKind::Settle) when the lease had ended,
    /// or it was settled before.
    ///
    /// # Cancel safety
    /// Begun at the first poll; dropped before that, nothing happened.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// a.send(Event::new("S")).wait()?;
    /// let mut book = b.receive().wait()?;
    /// book.extend().wait()?;
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn extend(&mut self) -> Operation<impl Future<Output = Result<(), Error>> + use<T, R>> {
        let call = self.call(Settlement::Extend);
        let too_late = self.in_hand().too_late();
        Operation::new(async move {
            let Some(call) = call else { return Ok(()) };
            match call.await {
                Ok(backend::Settled::TooLate) => Err(too_late.into_error()),
                Ok(_) => Ok(()),
                Err(error) => Err(error.into()),
            }
        })
    }

    /// The event is done.
    ///
    /// A request that is acked without an answer fails at once at its requester, with the code `bookdrop.unanswered`.
    ///
    /// # Errors
    /// None in memory; over a backend, as said [above](Delivery).
    ///
    /// # Cancel safety
    /// Done, or over a backend begun, at the first poll. Dropped before that, the delivery is unsettled and the event comes back.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// a.send(Event::new("S")).wait()?;
    /// b.receive().wait()?.ack().wait()?;
    /// assert_eq!(library.stats().wait()?.acked, 1);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    #[inline(always)]
    pub fn ack(self) -> Operation<impl Future<Output = Settled<T, R>> + use<T, R>> {
        Operation::new(Acking::new(self))
    }

    /// The work failed: the event comes back, at once and in front the first time, later after the driver's back-off; or,
    /// after `max_attempts` failures, becomes a dead letter.
    ///
    /// # Errors
    /// `AutoAcked` with automatic ack; over a backend also `Backend`, as said [above](Delivery). The delivery is given back.
    ///
    /// # Cancel safety
    /// Done, or over a backend begun, at the first poll. Dropped before that, the delivery is unsettled and the event comes back all the same.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// a.send(Event::new("S")).wait()?;
    /// b.receive().wait()?.nack().wait()?;
    /// assert_eq!(b.receive().wait()?.attempt(), 2);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn nack(self) -> Operation<impl Future<Output = Settled<T, R>> + use<T, R>> {
        Operation::new(self.give_back(Undone::Failed))
    }

    /// The work failed: the event comes back after this time, in place of the driver's back-off. It counts toward `max_attempts`,
    /// also where nothing went wrong and it was only to wait.
    ///
    /// A request that would come back only after its deadline ends at once, as `Failed`.
    ///
    /// # Errors
    /// `AutoAcked` with automatic ack; over a backend also `Backend`, as said [above](Delivery). The delivery is given back.
    ///
    /// # Cancel safety
    /// Done, or over a backend begun, at the first poll. Dropped before that, the delivery is unsettled and the event comes back as after `nack`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// a.send(Event::new("S")).wait()?;
    /// b.receive().wait()?.retry_after(Duration::from_secs(60)).wait()?;
    /// assert_eq!(library.stats().wait()?.delayed, 1);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn retry_after(
        self,
        delay: Duration,
    ) -> Operation<impl Future<Output = Settled<T, R>> + use<T, R>> {
        Operation::new(self.give_back(Undone::RetryAfter(delay)))
    }

    /// The event was not worked on to the end, and did not fail: it comes back at once, for whoever asks next, also where that is this
    /// consumer. So does a service with what it has in hand when it has to stop.
    ///
    /// It was handed over, and counts toward `max_deliveries` alone.
    ///
    /// # Errors
    /// `AutoAcked` with automatic ack; over a backend also `Backend`, as said [above](Delivery). The delivery is given back.
    ///
    /// # Cancel safety
    /// Done, or over a backend begun, at the first poll. Dropped before that, the delivery is unsettled and the event comes back as after `nack`.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// a.send(Event::new("S")).wait()?;
    /// b.receive().wait()?.release().wait()?;
    /// assert_eq!(b.receive().wait()?.failures(), 0);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    #[doc(alias = "abandon")]
    pub fn release(self) -> Operation<impl Future<Output = Settled<T, R>> + use<T, R>> {
        Operation::new(self.give_back(Undone::Released))
    }

    /// The event failed for good: it becomes a [dead letter](crate::DeadLetters) with this reason, and a requester is told
    /// that the request failed.
    ///
    /// # Errors
    /// `AutoAcked` with automatic ack; over a backend also `Backend`, as said [above](Delivery). The delivery is given back.
    ///
    /// # Cancel safety
    /// Done, or over a backend begun, at the first poll. Dropped before that, the delivery is unsettled and the event comes back.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// a.send(Event::new("S")).wait()?;
    /// b.receive().wait()?.reject("page 7 is torn").wait()?;
    /// assert_eq!(library.stats().wait()?.dead, 1);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn reject(self, why: impl Into<String>) -> Operation<impl Future<Output = Settled<T, R>>> {
        let why = DeadReason::Rejected(why.into());
        Operation::new(self.give_back(Undone::Bury(why)))
    }

    /// Answers a request, which is then done.
    ///
    /// [`Answer::NotWanted`] means that the requester gave up before; that is no error, and the event is done all the
    /// same.
    ///
    /// # Errors
    /// `NotARequest` for a one-way event; over a backend also `Unencodable` and `Backend`. The delivery is given back.
    ///
    /// # Cancel safety
    /// Done, or over a backend begun, at the first poll. Dropped before that, the delivery is unsettled and the event comes back.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Answer, Consumer, Driver, Event, Producer};
    /// # futures_lite::future::block_on(async {
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// let consumer = async {
    ///     let book = b.receive().await?;
    ///     assert_eq!(book.reply("as good as new".into()).await?, Answer::Sent);
    ///     Ok::<(), bookdrop::Error>(())
    /// };
    /// # futures_lite::future::zip(a.request(Event::new("S"), Duration::from_secs(2)), consumer).await.1.unwrap();
    /// # });
    /// ```
    ///
    /// The reply has the type that the driver says:
    ///
    /// ```compile_fail,E0308
    /// # use bookdrop::{Consumer, Driver};
    /// let library = Driver::<(), u32>::memory(10);
    /// let book = Consumer::new(&library).receive().wait()?;
    /// book.reply("as good as new").wait()?; // not a number
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn reply(
        self,
        reply: R,
    ) -> Operation<impl Future<Output = Settled<T, R, Answer>> + use<T, R>> {
        Operation::new(self.answer(Ok(reply)))
    }

    /// Answers a request with a failure, [`Failure::new`] or any error; it is then done (see
    /// [`reject`](Delivery::reject) to bury it). A text alone is no failure: `fail(Failure::new("page 7 is torn"))`.
    ///
    /// # Errors
    /// `NotARequest` for a one-way event; over a backend also `Unencodable` and `Backend`. The delivery is given back.
    ///
    /// # Cancel safety
    /// Done, or over a backend begun, at the first poll. Dropped before that, the delivery is unsettled and the event comes back.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Failure, RequestErrorKind};
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// let mut request = a.request(Event::new("S"), Duration::from_secs(2));
    /// # let _ = request.wait_for(Duration::ZERO);
    /// let torn = Failure::new("page 7 is torn").with_code("torn");
    /// b.receive().wait()?.fail(torn.clone()).wait()?;
    /// assert_eq!(request.wait().unwrap_err().kind(), &RequestErrorKind::Failed(torn));
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    #[doc(alias = "SetResultErr")]
    pub fn fail(
        self,
        failure: impl Into<Failure>,
    ) -> Operation<impl Future<Output = Settled<T, R, Answer>>> {
        let failure = failure.into();
        Operation::new(self.answer(Err(failure)))
    }

    /// Does the work that a request asks for, and answers with what it returns: a reply, or a failure.
    ///
    /// The work is not begun at all when the requester gave up before ([`Answer::NotWanted`]). Neither that nor a failed
    /// work is an error, so a loop of `reply_with` and `?` serves until the driver ends. Where one-way events may come too,
    /// ask [`is_request`](Delivery::is_request) first.
    ///
    /// The future is [`Send`] only where `T` is [`Sync`], since it holds `&Event<T>` while the work goes on. With another
    /// body, take the event by [`into_parts`](Delivery::into_parts) and send the reply when the work is done; the request
    /// is settled by that, and fails when the work is dropped.
    ///
    /// # Errors
    /// `NotARequest` for a one-way event, before any work; the delivery is given back.
    ///
    /// # Cancel safety
    /// Dropped at any point before it is ready, or left by a panic in the work, the delivery is unsettled and the event
    /// comes back, as long as the requester still waits.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # futures_lite::future::block_on(async {
    /// # let library = Driver::<(), u32>::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// let consumer = async {
    ///     let book = b.receive().await?;
    ///     book.reply_with(async |book| Ok(book.header("pages").unwrap_or("none").parse()?)).await?;
    ///     Ok::<(), bookdrop::Error>(())
    /// };
    /// # let request = a.request(Event::new("S").with_header("pages", "120"), Duration::from_secs(2));
    /// # let (pages, served) = futures_lite::future::zip(request, consumer).await;
    /// # served.unwrap();
    /// assert_eq!(pages.unwrap(), 120);
    /// # });
    /// ```
    #[doc(alias = "ExecWorkAndSendResult")]
    #[doc(alias = "EventAwaitFunc")]
    pub fn reply_with<F>(self, work: F) -> Operation<impl Future<Output = Settled<T, R, Answer>>>
    where
        F: AsyncFnOnce(&Event<T>) -> Result<R, Failure>,
    {
        Operation::new(async move {
            if !self.is_request() {
                return Err(SettleError::new(SettleErrorKind::NotARequest, self));
            }
            if self.is_cancelled() {
                // The requester knows, or is about to see, that its deadline has passed.
                return self.leave().await;
            }
            let answer = work(&self).await;
            self.answer(answer).await
        })
    }

    /// The event is done, and yours, with its body. A request that is taken like this fails at its requester, as after
    /// [`ack`](Delivery::ack); take it by [`into_parts`](Delivery::into_parts).
    ///
    /// It keeps an id that was [given](Event::with_id): sent again within the window, it is a duplicate, dropped with
    /// `Ok`. Give it a new id by `with_id` before you send it again.
    ///
    /// # Errors
    /// None in memory; over a backend, as said [above](Delivery).
    ///
    /// # Cancel safety
    /// Done, or over a backend begun, at the first poll. Dropped before that, the delivery is unsettled and the event comes back.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// let works = Driver::<Box<dyn FnOnce() -> u32 + Send>>::memory(10);
    /// Producer::new(&works).send(Event::new("sum").with_body(Box::new(|| 6 * 7))).wait()?;
    /// let work = Consumer::new(&works).receive().wait()?.into_event().wait()?.into_body();
    /// assert_eq!(work(), 42);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn into_event(
        self,
    ) -> Operation<impl Future<Output = Settled<T, R, Event<T>>> + use<T, R>> {
        Operation::new(self.finish())
    }

    /// A request is done as far as the queue goes; the event is yours, and so is the [`Reply`], which you now owe the
    /// requester: dropped unused, the request fails at once.
    ///
    /// # Errors
    /// `NotARequest` for a one-way event; over a backend also `Backend`. The delivery is given back.
    ///
    /// # Cancel safety
    /// Done, or over a backend begun, at the first poll. Dropped before that, the delivery is unsettled and the event comes back.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// let mut request = a.request(Event::new("S"), Duration::from_secs(2));
    /// # let _ = request.wait_for(Duration::ZERO);
    /// let (event, reply) = b.receive().wait()?.into_parts().wait()?;
    /// reply.send(event.name().into()).wait()?;
    /// assert_eq!(request.wait()?, "S");
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn into_parts(
        self,
    ) -> Operation<impl Future<Output = Settled<T, R, (Event<T>, Reply<R>)>> + use<T, R>>
    where
        T: Send + 'static,
        R: Send + 'static,
    {
        Operation::new(self.owe())
    }
}

impl<T, R> Deref for Delivery<T, R> {
    type Target = Event<T>;

    #[inline]
    fn deref(&self) -> &Event<T> {
        &self.in_hand().taken.item.event
    }
}

/// Unsettled: it failed, and comes back.
impl<T, R> Drop for Delivery<T, R> {
    #[inline]
    fn drop(&mut self) {
        if self
            .in_hand
            .as_ref()
            .is_some_and(|in_hand| in_hand.seat.is_some())
        {
            self.in_hand.take().into_iter().for_each(InHand::fail);
        }
    }
}

impl<T, R> fmt::Debug for Delivery<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("event", &**self)
            .field("attempt", &self.attempt())
            .field("is_request", &self.is_request())
            .finish_non_exhaustive()
    }
}
