//! The producer: sends events and requests.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bookdrop_backend::{Error as BackendError, ErrorKind as BackendErrorKind, Outgoing};
use serde_json::Value;

use crate::driver::Driver;
use crate::error::{SendError, SendErrorKind};
use crate::event::Event;
use crate::home::Home;
use crate::request::Request;
use crate::send::{Send, SendBatch, TrySend};

/// Sends events through one driver.
///
/// Producers are cheap to make and to clone. Dropping them closes nothing.
///
/// ```
/// use std::time::Duration;
/// use bookdrop::{Consumer, Driver, Event, Producer};
///
/// let library: Driver = Driver::memory(100);
/// let a = Producer::new(&library);
/// let mut b = Consumer::new(&library);
///
/// // Fire and forget:
/// a.send(Event::new("S")).wait()?;
///
/// // With an answer, within two seconds:
/// std::thread::spawn(move || {
///     for _ in 0..2 {
///         let book = b.receive().wait()?;
///         match book.is_request() {
///             true => drop(book.reply("as good as new".into()).wait()?),
///             false => book.ack().wait()?,
///         }
///     }
///     Ok::<(), bookdrop::Error>(())
/// });
/// let state = a.request(Event::new("S"), Duration::from_secs(2)).wait()?;
/// assert_eq!(state, "as good as new");
/// # Ok::<(), bookdrop::Error>(())
/// ```
#[doc(alias = "NewProduce")]
pub struct Producer<T = (), R = Value> {
    home: Home<T, R>,
}

impl<T, R> Producer<T, R> {
    /// A producer for this driver.
    ///
    /// ```
    /// # use bookdrop::{Driver, Producer};
    /// let library: Driver = Driver::memory(10);
    /// let a = Producer::new(&library);
    /// let another = a.clone();
    /// ```
    #[doc(alias = "NewProduce")]
    pub fn new(driver: &Driver<T, R>) -> Self {
        Producer::attached(driver.home.clone())
    }

    pub(crate) fn attached(home: Home<T, R>) -> Self {
        if let Home::Memory(memory) = &home {
            memory.producers.fetch_add(1, Ordering::Relaxed);
        }
        Producer { home }
    }

    /// Sends an event, and waits only while the queue is full (see [`OnFull`](crate::OnFull) for other answers to that).
    ///
    /// `Ok` means that the event is in the queue of every group. An event that was sent before with the same
    /// [id](Event::with_id), within the window, is `Ok` too, and dropped.
    ///
    /// After 128 sends and receives of one thread that were ready at once it is pending for a poll or some, and wakes itself, so
    /// that the other tasks of the executor run. So one poll of it alone, as `now_or_never` does, may not send although there is
    /// room: [`try_send`](Producer::try_send) is the call for that.
    ///
    /// # Errors
    /// `Closed`, `Invalid` (see [`limits`](crate::limits)) or, where the driver is told not to wait, `Full`; over a backend also
    /// `Unencodable` and `Backend`. The error gives the event back.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the event is dropped too, unless it was sent already: a send that waits for room may be
    /// let in before it is polled again, and then its event stays sent. Over a backend, as on disk, an event that the backend has
    /// taken in may have been sent or not. [`Send::into_event`] gives an event back that was not sent, and says what it means when
    /// there is none. Waiting senders are let in in the order in which they came.
    ///
    /// ```
    /// # use bookdrop::{Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(100);
    /// # futures_lite::future::block_on(async {
    /// let a = Producer::new(&library);
    /// a.send(Event::new("S").with_header("title", "hello world")).await?;
    /// # Ok::<(), bookdrop::Error>(()) }).unwrap();
    /// ```
    ///
    /// What was sent is not the producer's any more:
    ///
    /// ```compile_fail,E0382
    /// # use bookdrop::{Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(100);
    /// let book = Event::new("S");
    /// Producer::new(&library).send(book).wait()?;
    /// println!("{}", book.name());
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    #[doc(alias = "Call")]
    #[inline]
    pub fn send(&self, event: Event<T>) -> Send<'_, T, R> {
        Send::new(&self.home, event)
    }

    /// Sends an event if there is room now. It never lets other tasks run: a loop of it has to do so itself.
    ///
    /// # Errors
    /// `Full` in place of waiting; else as [`send`](Producer::send).
    ///
    /// # Cancel safety
    /// In memory it is ready at its first poll; dropped before that, the event was not sent. Over a backend, dropped while it is
    /// pending, the event may have been sent.
    ///
    /// ```
    /// # use bookdrop::{Driver, Event, Producer, SendErrorKind};
    /// let library: Driver = Driver::memory(1);
    /// let a = Producer::new(&library);
    /// a.try_send(Event::new("first")).wait()?;
    /// let error = a.try_send(Event::new("second")).wait().unwrap_err();
    /// assert_eq!(error.kind(), &SendErrorKind::Full);
    /// assert_eq!(error.into_event().name(), "second");
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn try_send(&self, event: Event<T>) -> TrySend<'_, T, R> {
        TrySend::new(&self.home, event)
    }

    /// Sends events one after the other, and says how many: not all or nothing. A driver over a backend is given them all at
    /// once, so that they are flushed or confirmed together. It lets other tasks run like [`send`](Producer::send).
    ///
    /// # Errors
    /// As [`send`](Producer::send), at the first event that fails; the error gives back that one and all behind it.
    ///
    /// # Cancel safety
    /// Dropped before it is ready, the first ones were sent and the rest is dropped; [`SendBatch::into_rest`] gives the
    /// rest back instead. The one that waits for room may be let in before it is polled again; then it belongs to
    /// those that were sent. Over a backend those that it has taken in may have been sent or not.
    ///
    /// ```
    /// # use bookdrop::{Driver, Event, Producer};
    /// let library: Driver = Driver::memory(100);
    /// let a = Producer::new(&library);
    /// assert_eq!(a.send_batch((0..10).map(|n| Event::new("page").with_value("n", n))).wait()?, 10);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn send_batch(&self, events: impl IntoIterator<Item = Event<T>>) -> SendBatch<'_, T, R> {
        SendBatch::new(&self.home, events.into_iter().collect())
    }

    /// Writes an event down so that a transaction of yours sends it: it is sent if and when that commits, and is as if it had never been
    /// when that is rolled back. So it goes together with what the transaction writes, and neither is there without the other.
    ///
    /// What this gives is a statement and its parameter, for the client of your choice: tokio-postgres as below,
    /// `sqlx::query(outgoing.statement()).bind(outgoing.parameter())`,
    /// `diesel::sql_query(outgoing.statement()).bind::<Text, _>(outgoing.parameter())`. The transaction has to be one in the database of
    /// this driver; it may be on any connection. Nothing is asked of the server here, so what is wrong there (no such queue, an outbox
    /// that has as many events as `max_outbox` allows) is an error of the statement, and the transaction fails with it.
    ///
    /// A driver of the queue, of any process, puts the event into the queue once the transaction is committed, as soon as there is
    /// room. Its delay and its time to live begin when the statement is executed. Events of one transaction keep their order. Where
    /// a transaction is repeated, the same value may be executed again. An event with a [given id](Event::with_id) that is
    /// sent twice is one event, within the window.
    ///
    /// # Errors
    /// `Closed`, `Invalid` or `Unencodable`, as for [`send`](Producer::send). `Backend` with `TooLarge` or `Invalid`; and with
    /// `Unsupported` where the driver has no [outbox](crate::Capabilities::outbox), as in memory and on disk. The error gives the
    /// event back.
    ///
    /// ```no_run
    /// use bookdrop::{Event, Producer};
    ///
    /// async fn lend(
    ///     client: &mut tokio_postgres::Client,
    ///     a: &Producer,
    ///     book: &str,
    /// ) -> Result<(), Box<dyn std::error::Error>> {
    ///     let transaction = client.transaction().await?;
    ///     transaction.execute("INSERT INTO loan (book) VALUES ($1)", &[&book]).await?;
    ///     let outgoing = a.outgoing(Event::new("lent").with_header("book", book.to_owned()))?;
    ///     transaction.execute(outgoing.statement(), &[&outgoing.parameter()]).await?;
    ///     // Both, or neither:
    ///     Ok(transaction.commit().await?)
    /// }
    /// ```
    pub fn outgoing(&self, event: Event<T>) -> Result<Outgoing, SendError<T>> {
        let written = match &self.home {
            Home::Memory(_) => Err(SendErrorKind::Backend(no_outbox())),
            Home::Backed(backed) => backed.outgoing(&event),
        };
        written.map_err(|kind| SendError::new(kind, event))
    }

    /// Sends an event to group "default" and waits for the reply, all in all at most so long.
    ///
    /// The time begins with the first poll and covers everything: waiting for room, standing in the queue, the work, the
    /// reply. Overlong times mean about a hundred years.
    ///
    /// # Errors
    /// Each way to end without a reply is told apart, see [`RequestErrorKind`](crate::RequestErrorKind): the work
    /// `Failed`; the `Deadline` passed (a timeout of zero is never sent); there is `NoConsumer` of the default group, or
    /// the last one left before the request was taken (see [`Request::wait_for_consumer`]); the driver was `Closed` before
    /// it was taken; the queue was `Full` and is told not to wait; the event is `Invalid`, or `Unencodable`; the `Backend` could
    /// not do it. The error gives the event back unless a consumer had it.
    ///
    /// # Cancel safety
    /// Dropping it gives the request up: if it is still queued it leaves the queue at once and its work is never begun;
    /// if somebody works on it, they [can see](crate::Delivery::cancelled) that nobody wants the answer any more.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # futures_lite::future::block_on(async {
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// let two_hours = Duration::from_secs(2 * 60 * 60);
    /// let asking = a.request(Event::new("S"), two_hours);
    /// let answering = async { b.receive().await?.reply("as good as new".into()).await.map_err(bookdrop::Error::from) };
    /// let (state, answered) = futures_lite::future::zip(asking, answering).await;
    /// answered?;
    /// assert_eq!(state?, "as good as new");
    /// # Ok::<(), bookdrop::Error>(()) }).unwrap();
    /// ```
    #[doc(alias = "InitWaitEvent")]
    #[doc(alias = "StartWaitEvent")]
    #[inline]
    pub fn request(&self, event: Event<T>, timeout: Duration) -> Request<'_, T, R> {
        Request::new(&self.home, event, timeout)
    }
}

fn no_outbox() -> BackendError {
    let message =
        "there are no transactions in memory: events are sent within one in PostgreSQL alone";
    BackendError::new(BackendErrorKind::Unsupported, message)
}

/// One more producer for the same driver.
impl<T, R> Clone for Producer<T, R> {
    fn clone(&self) -> Self {
        Producer::attached(self.home.clone())
    }
}

impl<T, R> Drop for Producer<T, R> {
    fn drop(&mut self) {
        if let Home::Memory(memory) = &self.home {
            memory.producers.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl<T, R> fmt::Debug for Producer<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").finish_non_exhaustive()
    }
}
