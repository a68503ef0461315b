//! The consumer: receives events.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bookdrop_queue::park::Patience;
use bookdrop_queue::{DEFAULT_GROUP, Hold, Lender, Lending, NotExpress, Reader, Taken, Waiting};
use futures_core::Stream;
use serde_json::Value;

use crate::delivery::Delivery;
use crate::driver::Driver;
use crate::error::{InvalidGroup, ReceiveError};
use crate::memory::{Memory, Stored, copy};
use crate::receive::{Receive, ReceiveBatch, TryReceive};
use crate::seat::Seat;
use crate::turn;

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
    seat: Lender<Seat<T, R>>,
    reader: Reader,
    hold: Hold<Stored<T, R>>,
    waiting: Waiting,
    /// Whether what it received last was a request.
    serves: bool,
}

impl<T, R> Consumer<T, R> {
    /// A consumer of group "default". Requests go to this group only.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver};
    /// let library: Driver = Driver::memory(10);
    /// let b = Consumer::new(&library);
    /// assert_eq!(library.stats().wait().consumers, 1);
    /// drop(b); // closes nothing
    /// assert_eq!(library.stats().wait().consumers, 0);
    /// ```
    #[doc(alias = "NewConsumer")]
    pub fn new(driver: &Driver<T, R>) -> Self {
        let seat = driver.memory.queue.join_default();
        Consumer::seated(driver.memory.clone(), seat, None)
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
        let seat = driver.memory.queue.join(group, copy);
        let memory = driver.memory.clone();
        Ok(Consumer::seated(memory, seat, named(group)))
    }

    fn seated(
        memory: Arc<Memory<T, R>>,
        seat: bookdrop_queue::Seat,
        group_name: Option<Arc<str>>,
    ) -> Self {
        let reader = seat.reader();
        Consumer {
            seat: seat.lender(Seat {
                memory,
                reader,
                group_name,
            }),
            reader,
            hold: Hold::new(),
            waiting: None,
            serves: false,
        }
    }

    /// One more consumer of the same group.
    fn beside(&self, auto_ack: bool) -> Self {
        let Seat {
            memory, group_name, ..
        } = &*self.seat;
        let seat = memory.queue.join_again(self.reader.group, auto_ack);
        Consumer::seated(memory.clone(), seat, group_name.clone())
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
    /// assert_eq!(library.stats().wait().in_hand, 0);
    /// assert_eq!(book.nack().wait().unwrap_err().kind(), SettleErrorKind::AutoAcked);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn auto_ack(self) -> Self {
        // On another seat: what comes back is an ack to the one, and means nothing to the other.
        self.beside(true)
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
    /// [`Closed`](ReceiveError::Closed) when the driver was closed (or the group removed) and nothing is left. Nothing
    /// else ends a consumer.
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
    /// `Empty` when there is none, `Closed` as for [`receive`](Consumer::receive).
    ///
    /// # Cancel safety
    /// It is ready at its first poll; dropped before that, no event was taken.
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

    pub(crate) fn patience(&self) -> Patience {
        self.seat.memory.patience
    }

    /// Whether it most likely receives a request next: then somebody waits, and each moment counts.
    pub(crate) fn serves(&self) -> bool {
        self.serves
    }

    /// The next event, if there is one and it is as simple as it usually is.
    #[inline(always)]
    pub(crate) fn receive_express(&mut self) -> Result<Delivery<T, R>, NotExpress> {
        if self.waiting.is_some() {
            return Err(NotExpress::Unknown);
        }
        let reader = self.reader;
        let (seat, mut lending) = self.seat.split();
        let taken = seat.memory.queue.receive_express(reader, &mut self.hold)?;
        self.serves = taken.item.ask().is_some();
        let lends = !reader.is_auto_acked() || seat.group_name.is_some();
        let loan = lends.then(|| lending.lend());
        Ok(Delivery::new(taken, loan))
    }

    /// Receives in whatever way; `known` is what was found out about it before.
    pub(crate) fn poll_receive(
        &mut self,
        max: usize,
        cx: &mut Context<'_>,
        known: NotExpress,
        into: &mut impl FnMut(Delivery<T, R>),
    ) -> Poll<Result<(), ReceiveError>> {
        let Consumer {
            seat,
            reader,
            waiting,
            serves,
            ..
        } = self;
        let (seat, mut lending) = seat.split();
        let queue = &seat.memory.queue;
        let mut hand_over = |taken: Taken<Stored<T, R>>| {
            *serves = taken.item.ask().is_some();
            into(delivery(seat, &mut lending, *reader, taken));
        };
        let poll = turn::uncount_if_pending(match known {
            NotExpress::HasToWait | NotExpress::HasToWaitBehindOthers => {
                queue.poll_sleep(*reader, max, waiting, cx, &mut hand_over)
            }
            NotExpress::Unknown => queue.poll_receive(*reader, max, waiting, cx, &mut hand_over),
        });
        poll.map_err(|_| ReceiveError::Closed)
    }

    pub(crate) fn receive_now(&mut self) -> Result<Option<Delivery<T, R>>, ReceiveError> {
        let (seat, mut lending) = self.seat.split();
        let taken = seat.memory.queue.try_receive(self.reader);
        let taken = taken.map_err(|_| ReceiveError::Closed)?;
        self.serves = taken
            .as_ref()
            .is_some_and(|taken| taken.item.ask().is_some());
        Ok(taken.map(|taken| delivery(seat, &mut lending, self.reader, taken)))
    }

    #[inline]
    pub(crate) fn stop_waiting(&mut self) {
        if self.waiting.is_some() {
            let group = self.reader.group;
            let queue = &self.seat.memory.queue;
            queue.stop_receiving(group, &mut self.waiting);
        }
    }
}

/// What was handed over, as the consumer with this seat gives it out.
#[inline]
fn delivery<T, R>(
    seat: &Seat<T, R>,
    lending: &mut Lending<'_, Seat<T, R>>,
    reader: Reader,
    taken: Taken<Stored<T, R>>,
) -> Delivery<T, R> {
    let lends = !reader.is_auto_acked() || seat.group_name.is_some() || taken.item.ask().is_some();
    let loan = lends.then(|| lending.lend());
    Delivery::new(taken, loan)
}

/// The name that a seat keeps of its group.
fn named(group: &str) -> Option<Arc<str>> {
    (group != DEFAULT_GROUP).then(|| group.into())
}

/// One more consumer of the same group: they compete.
impl<T, R> Clone for Consumer<T, R> {
    fn clone(&self) -> Self {
        self.beside(self.reader.is_auto_acked())
    }
}

impl<T, R> Drop for Consumer<T, R> {
    fn drop(&mut self) {
        self.stop_waiting();
        self.seat.memory.queue.leave(self.reader);
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
/// library.close().await;
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
        let reader = this.reader;
        let (seat, mut lending) = this.seat.split();
        let mut found = None;
        let mut hand_over = |taken: Taken<Stored<T, R>>| {
            this.serves = taken.item.ask().is_some();
            found = Some(delivery(seat, &mut lending, reader, taken));
        };
        let queue = &seat.memory.queue;
        let waiting = &mut this.waiting;
        let poll = turn::uncount_if_pending(queue.poll_next(reader, waiting, cx, &mut hand_over));
        poll.map(|_| found.map(Ok))
    }
}

impl<T, R> fmt::Debug for Consumer<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("group", &self.group())
            .field("auto_ack", &self.reader.is_auto_acked())
            .finish_non_exhaustive()
    }
}
