//! The options of a driver in memory.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use bookdrop_queue::park::Patience;
use bookdrop_queue::{Limits, OnFull};
use serde_json::Value;

use crate::driver::Driver;
use crate::memory::Memory;

/// Makes a [`Driver`] in memory with other bounds than the default ones.
///
/// ```
/// use std::time::Duration;
/// use bookdrop::{Driver, OnFull};
///
/// let library: Driver = Driver::builder(100)
///     .max_attempts(3)
///     .retry_backoff(Duration::from_millis(10), Duration::from_secs(1))
///     .on_full(OnFull::Reject)
///     .build();
/// assert_eq!(library.capacity(), 100);
/// ```
#[must_use = "a builder makes nothing until `build` is called"]
pub struct Builder<T = (), R = Value> {
    limits: Limits,
    on_full: OnFull,
    patience: Patience,
    makes: PhantomData<fn() -> (T, R)>,
}

impl<T: Send + 'static, R: Send + 'static> Builder<T, R> {
    pub(crate) fn new(capacity: usize) -> Self {
        let limits = Limits {
            capacity: capacity.max(1),
            ..Limits::default()
        };
        Builder::of(limits, OnFull::default())
    }

    pub(crate) fn of(limits: Limits, on_full: OnFull) -> Self {
        Builder {
            limits,
            on_full,
            patience: Patience::default(),
            makes: PhantomData,
        }
    }

    /// How many events may wait for their time, per group: those sent with a delay and those that failed and wait to be
    /// tried again. When there are so many, further ones with a delay wait to be sent; what failed never waits to come
    /// back. 10,000 by default, at least 1.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Driver, Event, Producer, SendErrorKind};
    /// let library: Driver = Driver::builder(10).max_delayed(1).build();
    /// let a = Producer::new(&library);
    /// let later = || Event::new("S").with_delay(Duration::from_secs(60));
    /// a.send(later()).wait()?;
    /// assert_eq!(a.try_send(later()).wait().unwrap_err().kind(), &SendErrorKind::Full);
    /// a.try_send(Event::new("now")).wait()?; // others are not held up
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn max_delayed(mut self, max_delayed: usize) -> Self {
        self.limits.max_delayed = max_delayed.max(1);
        self
    }

    /// After how many failures (nack, retry, panic, drop) an event becomes a dead letter. 5 by default, at least 1.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// let library: Driver = Driver::builder(10).max_attempts(1).build();
    /// Producer::new(&library).send(Event::new("S")).wait()?;
    /// Consumer::new(&library).receive().wait()?.nack().wait()?;
    /// assert_eq!(library.stats().wait()?.dead, 1);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.limits.max_attempts = max_attempts.max(1);
        self
    }

    /// After how many hand-overs of any kind an event that fails becomes a dead letter. 20 by default, at least 1.
    ///
    /// ```
    /// # use bookdrop::{Consumer, DeadReason, Driver, Event, Producer};
    /// let library: Driver = Driver::builder(10).max_deliveries(1).build();
    /// Producer::new(&library).send(Event::new("S")).wait()?;
    /// Consumer::new(&library).receive().wait()?.nack().wait()?;
    /// let letters = library.dead_letters().list().wait()?;
    /// assert_eq!(letters[0].reason, DeadReason::MaxDeliveries);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn max_deliveries(mut self, max_deliveries: u32) -> Self {
        self.limits.max_deliveries = max_deliveries.max(1);
        self
    }

    /// How many dead letters are kept, per group; the oldest is dropped (and counted) to make room. 1,000 by default;
    /// with 0 none is kept.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// let library: Driver = Driver::builder(10).max_dead(0).build();
    /// Producer::new(&library).send(Event::new("S")).wait()?;
    /// Consumer::new(&library).receive().wait()?.reject("torn").wait()?;
    /// let stats = library.stats().wait()?;
    /// assert_eq!((stats.dead, stats.dead_dropped), (0, 1));
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn max_dead(mut self, max_dead: usize) -> Self {
        self.limits.max_dead = max_dead;
        self
    }

    /// How long an event that failed waits before it is handed over again: not at all after the first failure, then
    /// `first`, doubling up to `max`, each with up to a quarter more at random. 100 ms and 30 s by default.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::Driver;
    /// let library: Driver = Driver::builder(10)
    ///     .retry_backoff(Duration::from_secs(1), Duration::from_secs(60))
    ///     .build();
    /// ```
    pub fn retry_backoff(mut self, first: Duration, max: Duration) -> Self {
        self.limits.backoff = bookdrop_queue::Backoff { first, max };
        self
    }

    /// How long an id given by [`Event::with_id`](crate::Event::with_id) is remembered, to know an event that is sent
    /// again. Two minutes by default; zero turns that off.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Driver, Event, Producer};
    /// let library: Driver = Driver::builder(10).duplicate_window(Duration::ZERO).build();
    /// let a = Producer::new(&library);
    /// a.send(Event::new("order").with_id("4711")).wait()?;
    /// a.send(Event::new("order").with_id("4711")).wait()?;
    /// assert_eq!(library.stats().wait()?.queued, 2);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn duplicate_window(mut self, window: Duration) -> Self {
        self.limits.duplicate_window = window;
        self
    }

    /// How many ids are remembered at most; the oldest is forgotten first. 100,000 by default.
    ///
    /// ```
    /// # use bookdrop::{Driver, Event, Producer};
    /// let library: Driver = Driver::builder(10).max_remembered_ids(1).build();
    /// let a = Producer::new(&library);
    /// for id in ["1", "2", "1"] {
    ///     a.send(Event::new("order").with_id(id)).wait()?;
    /// }
    /// assert_eq!(library.stats().wait()?.queued, 3); // "1" was forgotten
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn max_remembered_ids(mut self, max: usize) -> Self {
        self.limits.max_remembered_ids = max;
        self
    }

    /// What a sender meets when the queue is full: by default it waits.
    ///
    /// ```
    /// # use bookdrop::{Driver, Event, OnFull, Producer};
    /// let library: Driver = Driver::builder(1).on_full(OnFull::DropOldest).build();
    /// let a = Producer::new(&library);
    /// a.send(Event::new("old")).wait()?;
    /// a.send(Event::new("new")).wait()?;
    /// let stats = library.stats().wait()?;
    /// assert_eq!((stats.queued, stats.dropped_when_full), (1, 1));
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn on_full(mut self, on_full: OnFull) -> Self {
        self.on_full = on_full;
        self
    }

    /// How long a plain thread in `wait`, `wait_for` or `wait_until` looks whether its send, receive or request has ended
    /// before the thread is parked. 50 microseconds by default; zero parks at once.
    ///
    /// To be parked and woken takes a thread tens of microseconds, and whoever wakes it a system call. One that still looks
    /// goes on at once, and takes processor time meanwhile: a microsecond for itself, then it yields the processor between two
    /// looks. While the machine is busy with something else, threads are parked whatever is set here. Unless this is zero, a
    /// receive, or a send of the only producer, is tried again for some ten microseconds before it counts as waiting (not a
    /// batch). Tasks that await are not concerned, nor are the operations of the driver and of deliveries, which are ready at
    /// once or wait for long.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// // Threads that mostly wait, on a machine whose processor time is dear.
    /// let library: Driver = Driver::builder(10).spin(Duration::ZERO).build();
    /// let mut b = Consumer::new(&library);
    /// let reading = std::thread::spawn(move || b.receive().wait().map(|book| book.name().to_owned()));
    /// Producer::new(&library).send(Event::new("S")).wait()?;
    /// assert_eq!(reading.join().unwrap()?, "S");
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn spin(mut self, length: Duration) -> Self {
        self.patience = Patience(length);
        self
    }

    /// Makes the driver.
    ///
    /// ```
    /// # use bookdrop::Driver;
    /// let library: Driver = Driver::builder(10).build();
    /// assert_eq!(library.capacity(), 10);
    /// ```
    pub fn build(self) -> Driver<T, R> {
        Driver::from_memory(Memory::new(self.limits, self.on_full, self.patience))
    }
}

impl<T, R> fmt::Debug for Builder<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("limits", &self.limits)
            .field("on_full", &self.on_full)
            .field("spin", &self.patience.0)
            .finish()
    }
}
