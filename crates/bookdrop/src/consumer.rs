//! The consumer: receives events.

mod source;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bookdrop_backend::Wait;
use bookdrop_queue::park::Patience;
use bookdrop_queue::{DEFAULT_GROUP, Lender, NotExpress};
use futures_core::Stream;
use serde_json::Value;

use crate::backed::Fetching;
use crate::delivery::Delivery;
use crate::driver::Driver;
use crate::error::{InvalidGroup, ReceiveError, TryReceiveError};
use crate::home::Home;
use crate::memory::{Memory, copy};
use crate::receive::{Receive, ReceiveBatch, TryReceive};
use crate::seat::{Place, Seat};
use crate::turn;
use source::{Distant, Queued, Source, not_received, not_received_now};

/// Receives the events of one group of a driver.
///
/// It counts as a consumer from when it is made until it is dropped. Clones of a consumer compete: each event goes to one
/// of them. Dropping consumers closes nothing; their group stays (see [`Driver::remove_group`]).
///
/// A consumer is also a [`Stream`] of deliveries, each an `Ok`, which ends when the driver is closed and nothing is left.
///
/// ```
/// use bookdrop::{Consumer, Driver, Event, Producer};
///
/// let library: Driver = Driver::memory(100);
/// let mut reader = Consumer::new(&library);
/// let mut audit = Consumer::in_group(&library, "audit")?; // gets every event, too
///
/// Producer::new(&library).send(Event::new("S")).wait()?;
/// assert_eq!(reader.receive().wait()?.name(), "S");
/// assert_eq!(audit.receive().wait()?.name(), "S");
/// # Ok::<(), bookdrop::Error>(())
/// ```
#[doc(alias = "NewConsumer")]
pub struct Consumer<T = (), R = Value> {
    source: Source<T, R>,
    seat: Lender<Seat<T, R>>,
}

impl<T, R> Consumer<T, R> {
    /// A consumer of group "default". Requests go to this group only.
    ///
    /// Where a driver over a backend cannot have it, its receives say why.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver};
    /// let library: Driver = Driver::memory(10);
    /// let b = Consumer::new(&library);
    /// assert_eq!(library.stats().wait()?.consumers, 1);
    /// drop(b); // closes nothing
    /// assert_eq!(library.stats().wait()?.consumers, 0);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    #[doc(alias = "NewConsumer")]
    pub fn new(driver: &Driver<T, R>) -> Self {
        match &driver.home {
            Home::Memory(memory) => {
                let seat = memory.queue.join_default();
                Consumer::seated(memory.clone(), seat, None)
            }
            Home::Backed(backed) => {
                let distant = Distant {
                    backed: backed.clone(),
                    fetching: Fetching::new(backed.backend(), DEFAULT_GROUP),
                    auto_ack: false,
                };
                Consumer::distant(distant, None)
            }
        }
    }

    /// A consumer of a named group. Each group gets every event, hence `T: Clone`.
    ///
    /// A group exists from its first consumer on. The first group of all gets what was sent before it; later ones get
    /// what is sent after they came to be. Each has its own capacity, order, attempts and dead letters, and `send` waits
    /// for the fullest.
    ///
    /// # Errors
    /// [`InvalidGroup`] for a name that is empty or too long.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// let library: Driver = Driver::memory(10);
    /// let mut reader = Consumer::new(&library);
    /// let mut audit = Consumer::in_group(&library, "audit")?;
    /// Producer::new(&library).send(Event::new("S")).wait()?;
    /// reader.receive().wait()?.ack().wait()?;
    /// audit.receive().wait()?.ack().wait()?; // the audit has its own
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    ///
    /// A body that cannot be cloned cannot be for several groups:
    ///
    /// ```compile_fail,E0277
    /// # use bookdrop::{Consumer, Driver};
    /// struct Book; // not `Clone`
    /// let library: Driver<Book> = Driver::memory(10);
    /// let audit = Consumer::in_group(&library, "audit");
    /// ```
    pub fn in_group(driver: &Driver<T, R>, group: &str) -> Result<Self, InvalidGroup>
    where
        T: Clone,
    {
        InvalidGroup::check(group)?;
        Ok(match &driver.home {
            Home::Memory(memory) => {
                let seat = memory.queue.join(group, copy);
                Consumer::seated(memory.clone(), seat, named(group))
            }
            Home::Backed(backed) => {
                let distant = Distant {
                    backed: backed.clone(),
                    fetching: Fetching::new(backed.backend(), group),
                    auto_ack: false,
                };
                Consumer::distant(distant, named(group))
            }
        })
    }

    fn seated(
        memory: Arc<Memory<T, R>>,
        seat: bookdrop_queue::Seat,
        group_name: Option<Arc<str>>,
    ) -> Self {
        let reader = seat.reader();
        let place = Place::Memory {
            memory: memory.clone(),
            reader,
        };
        Consumer {
            source: Source::Memory(Queued::new(memory, reader)),
            seat: seat.lender(Seat { place, group_name }),
        }
    }

    fn distant(distant: Distant<T, R>, group_name: Option<Arc<str>>) -> Self {
        let place = Place::Backed {
            backed: distant.backed.clone(),
            auto_ack: distant.auto_ack,
        };
        Consumer {
            source: Source::Backed(Box::new(distant)),
            seat: Lender::alone(Seat { place, group_name }),
        }
    }

    /// One more consumer of the same group.
    fn beside(&self, auto_ack: bool) -> Self {
        let group_name = self.seat.group_name.clone();
        match &self.source {
            Source::Memory(queued) => {
                let memory = queued.memory.clone();
                let seat = memory.queue.join_again(queued.reader.group, auto_ack);
                Consumer::seated(memory, seat, group_name)
            }
            Source::Backed(distant) => {
                let distant = Distant {
                    backed: distant.backed.clone(),
                    fetching: distant.fetching.beside(self.group()),
                    auto_ack,
                };
                Consumer::distant(distant, group_name)
            }
        }
    }

    /// The same consumer with automatic ack: what it receives is settled by the hand-over.
    ///
    /// This is at most once: a delivery that is dropped is gone, and cannot be given back by `nack`, `retry_after` or
    /// `reject`, which are refused. Requests can still be answered; one that is dropped without an answer fails at once.
    ///
    /// ```
    /// use bookdrop::{Consumer, Driver, Event, Producer, SettleErrorKind};
    ///
    /// let library: Driver = Driver::memory(10);
    /// let mut b = Consumer::new(&library).auto_ack();
    /// Producer::new(&library).send(Event::new("S")).wait()?;
    ///
    /// let book = b.receive().wait()?;
    /// assert_eq!(library.stats().wait()?.in_hand, 0);
    /// assert_eq!(book.nack().wait().unwrap_err().kind(), &SettleErrorKind::AutoAcked);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn auto_ack(self) -> Self {
        match self.source {
            // On another seat: what comes back is an ack to the one, and means nothing to the other.
            Source::Memory(_) => self.beside(true),
            Source::Backed(mut distant) => {
                distant.auto_ack = true;
                let group_name = self.seat.group_name.clone();
                Consumer::distant(*distant, group_name)
            }
        }
    }

    /// The name of its group.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver};
    /// let library: Driver = Driver::memory(10);
    /// assert_eq!(Consumer::new(&library).group(), "default");
    /// ```
    pub fn group(&self) -> &str {
        self.seat.group()
    }

    /// Receives the next event, and waits while there is none.
    ///
    /// After 128 sends and receives of one thread that were ready at once it is pending for a poll or some, and wakes itself, so
    /// that the other tasks of the executor run. So one poll of it alone, as `now_or_never` does, may find nothing although there is an
    /// event: [`try_receive`](Consumer::try_receive) is the call for that.
    ///
    /// # Errors
    /// [`Closed`](ReceiveError::Closed) when the driver was closed (or the group removed) and nothing is left, and
    /// [`Backend`](ReceiveError::Backend) when a driver over a backend can never hand anything over any more. Nothing else
    /// ends a consumer: what cannot be decoded becomes a [dead letter](crate::DeadReason::Undecodable), and is passed over.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, no event was taken.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(100);
    /// # futures_lite::future::block_on(async {
    /// # Producer::new(&library).send(Event::new("S")).await?;
    /// let mut b = Consumer::new(&library);
    /// let book = b.receive().await?;
    /// book.ack().await?;
    /// # Ok::<(), bookdrop::Error>(()) }).unwrap();
    /// ```
    #[doc(alias = "Receive")]
    #[inline]
    pub fn receive(&mut self) -> Receive<'_, T, R> {
        Receive::new(self)
    }

    /// Receives an event if there is one now. It never lets other tasks run: a loop of it has to do so itself.
    ///
    /// # Errors
    /// `Empty` when there is none, `Closed` and `Backend` as for [`receive`](Consumer::receive).
    ///
    /// # Cancel safety
    /// In memory it is ready at its first poll. Dropped before it is ready, no event was taken.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, TryReceiveError};
    /// let library: Driver = Driver::memory(10);
    /// let mut b = Consumer::new(&library);
    /// assert_eq!(b.try_receive().wait().unwrap_err(), TryReceiveError::Empty);
    /// ```
    pub fn try_receive(&mut self) -> TryReceive<'_, T, R> {
        TryReceive::new(self)
    }

    /// Receives what is there, at least one event and at most `max` (at least 1); waits while there is none. It lets other tasks
    /// run like [`receive`](Consumer::receive).
    ///
    /// # Errors
    /// As [`receive`](Consumer::receive).
    ///
    /// # Cancel safety
    /// Dropped before it is ready, no event was taken.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(100);
    /// # let mut b = Consumer::new(&library);
    /// Producer::new(&library).send_batch((0..5).map(|_| Event::new("page"))).wait()?;
    /// let pages = b.receive_batch(3).wait()?;
    /// assert_eq!(pages.len(), 3);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn receive_batch(&mut self, max: usize) -> ReceiveBatch<'_, T, R> {
        ReceiveBatch::new(self, max)
    }

    /// Where its events are kept.
    #[cfg(feature = "worker")]
    pub(crate) fn home(&self) -> Home<T, R> {
        match &self.source {
            Source::Memory(queued) => Home::Memory(queued.memory.clone()),
            Source::Backed(distant) => Home::Backed(distant.backed.clone()),
        }
    }

    pub(crate) fn patience(&self) -> Patience {
        match &self.source {
            Source::Memory(queued) => queued.memory.patience,
            Source::Backed(_) => Patience::default(),
        }
    }

    /// Whether it most likely receives a request next: then somebody waits, and each moment counts.
    pub(crate) fn serves(&self) -> bool {
        self.source.serves()
    }

    /// The next event, if there is one and it is as simple as it usually is.
    #[inline(always)]
    pub(crate) fn receive_express(&mut self) -> Result<Delivery<T, R>, NotExpress> {
        match &mut self.source {
            Source::Memory(queued) => queued.receive_express(&mut self.seat),
            Source::Backed(_) => Err(NotExpress::Unknown),
        }
    }

    /// Receives in whatever way; `known` is what was found out about it before.
    pub(crate) fn poll_receive(
        &mut self,
        max: usize,
        cx: &mut Context<'_>,
        known: NotExpress,
        into: &mut impl FnMut(Delivery<T, R>),
    ) -> Poll<Result<(), ReceiveError>> {
        let seat = &mut self.seat;
        match &mut self.source {
            Source::Memory(queued) => queued.poll_receive(seat, max, cx, known, into),
            Source::Backed(distant) => {
                let poll = distant.poll_receive(seat, max, Wait::Yes, cx, into);
                poll.map_err(not_received)
            }
        }
    }

    pub(crate) fn poll_try_receive(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Delivery<T, R>, TryReceiveError>> {
        let seat = &mut self.seat;
        match &mut self.source {
            Source::Memory(queued) => Poll::Ready(queued.try_receive(seat)),
            Source::Backed(distant) => {
                let mut found = None;
                let mut into = |delivery| found = Some(delivery);
                let result = ready!(distant.poll_receive(seat, 1, Wait::No, cx, &mut into));
                result.map_err(not_received_now)?;
                Poll::Ready(found.ok_or(TryReceiveError::Empty))
            }
        }
    }

    #[inline(always)]
    pub(crate) fn stop_waiting(&mut self) {
        self.source.stop_waiting();
    }
}

/// The name that a seat keeps of its group.
fn named(group: &str) -> Option<Arc<str>> {
    (group != DEFAULT_GROUP).then(|| group.into())
}

/// One more consumer of the same group: they compete.
impl<T, R> Clone for Consumer<T, R> {
    fn clone(&self) -> Self {
        self.beside(self.source.is_auto_acked())
    }
}

/// The deliveries, one after the other, until the driver is closed and nothing is left. It lets other tasks run like
/// [`receive`](Consumer::receive).
///
/// ```
/// use bookdrop::{Consumer, Driver, Event, Producer};
/// use futures_lite::StreamExt;
///
/// # futures_lite::future::block_on(async {
/// let library: Driver = Driver::memory(100);
/// let mut b = Consumer::new(&library);
/// Producer::new(&library).send_batch([Event::new("S"), Event::new("T")]).await?;
/// library.close().await?;
///
/// let mut names = Vec::new();
/// while let Some(book) = b.try_next().await? {
///     names.push(book.name().to_owned());
///     book.ack().await?;
/// }
/// assert_eq!(names, ["S", "T"]);
/// # Ok::<(), bookdrop::Error>(()) }).unwrap();
/// ```
impl<T, R> Stream for Consumer<T, R> {
    type Item = Result<Delivery<T, R>, ReceiveError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        ready!(turn::poll_go_on(cx, this));
        if let Ok(delivery) = this.receive_express() {
            return Poll::Ready(Some(Ok(delivery)));
        }
        match &mut this.source {
            Source::Memory(queued) => queued
                .poll_next(&mut this.seat, cx)
                .map(|found| found.map(Ok)),
            Source::Backed(distant) => distant.poll_next(&mut this.seat, cx),
        }
    }
}

impl<T, R> fmt::Debug for Consumer<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("group", &self.group())
            .field("auto_ack", &self.source.is_auto_acked())
            .finish_non_exhaustive()
    }
}
