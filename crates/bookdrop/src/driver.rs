//! The driver: the user's handle on one queue.

mod drain;
#[cfg(feature = "open")]
pub(crate) mod open;
mod over;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bookdrop_backend::{Capabilities, Stats};
use serde_json::Value;

use crate::builder::Builder;
use crate::dead_letters::DeadLetters;
use crate::error::Error;
use crate::home::Home;
use crate::memory::{self, Memory};
use crate::operation::Operation;
pub use drain::{DrainReport, Left};

/// Connects producers and consumers: it holds one bounded queue of events `Event<T>`, whose requests are answered by
/// `R`.
///
/// A driver is a queue, not a channel: it is open until it is closed. Dropping producers or consumers closes nothing, and
/// what was sent before any consumer existed is kept for the first one. Cloning a driver gives one more handle on the same
/// queue; the queue goes, with what is in it, when the last driver, producer, consumer and delivery is gone. One
/// [on disk](Driver::open) stays in its folder, which can be opened again then, and one in PostgreSQL at its server, where other
/// processes may have it open as well: what is said of one driver, such as that it is closed, holds there for its process alone.
///
/// ```
/// use bookdrop::{Consumer, Driver, Event, Producer};
///
/// let library: Driver = Driver::memory(100);
/// let a = Producer::new(&library);
/// let mut b = Consumer::new(&library);
///
/// a.send(Event::new("S").with_header("title", "hello world")).wait()?;
/// let book = b.receive().wait()?;
/// assert_eq!(book.header("title"), Some("hello world"));
/// book.ack().wait()?;
/// # Ok::<(), bookdrop::Error>(())
/// ```
#[doc(alias = "NewDriver")]
pub struct Driver<T = (), R = Value> {
    pub(crate) home: Home<T, R>,
}

impl<T: Send + 'static, R: Send + 'static> Driver<T, R> {
    /// A driver within this process, with room for so many queued events in each group; other bounds are at their
    /// [defaults](Builder). A capacity of 0 means 1.
    ///
    /// Events are moved, never serialized, so `T` and `R` may be anything that can be sent to another thread. The compiler
    /// has to be told them: `let library: Driver = Driver::memory(100)` for events without a body and JSON-like replies,
    /// `Driver::<Book, Condition>::memory(100)` for types of yours.
    ///
    /// ```
    /// use bookdrop::Driver;
    ///
    /// struct Book { pages: u32 }
    /// enum Condition { Fine, Torn }
    /// let library = Driver::<Book, Condition>::memory(100);
    /// ```
    ///
    /// What cannot go to another thread cannot be sent:
    ///
    /// ```compile_fail,E0599
    /// # use bookdrop::Driver;
    /// let library = Driver::<std::rc::Rc<u32>>::memory(100);
    /// ```
    #[doc(alias = "NewDriver")]
    pub fn memory(capacity: usize) -> Self {
        Driver::builder(capacity).build()
    }

    /// A driver within this process, with other bounds than the default ones.
    ///
    /// ```
    /// # use bookdrop::{Driver, OnFull};
    /// let library: Driver = Driver::builder(100).on_full(OnFull::Reject).build();
    /// ```
    pub fn builder(capacity: usize) -> Builder<T, R> {
        Builder::new(capacity)
    }
}

impl<T, R> Driver<T, R> {
    pub(crate) fn from_memory(memory: Arc<Memory<T, R>>) -> Self {
        Driver {
            home: Home::Memory(memory),
        }
    }

    /// How many queued events a group holds before senders meet a full queue.
    ///
    /// ```
    /// # use bookdrop::Driver;
    /// let library: Driver = Driver::memory(0); // means 1
    /// assert_eq!(library.capacity(), 1);
    /// ```
    pub fn capacity(&self) -> usize {
        match &self.home {
            Home::Memory(memory) => memory.queue.capacity(),
            Home::Backed(backed) => backed.known().capacity(),
        }
    }

    /// What this driver can do.
    ///
    /// ```
    /// # use bookdrop::Driver;
    /// let library: Driver = Driver::memory(10);
    /// assert!(library.capabilities().keys);
    /// assert!(!library.capabilities().cross_process);
    /// ```
    pub fn capabilities(&self) -> Capabilities {
        match &self.home {
            Home::Memory(_) => memory::capabilities(),
            Home::Backed(backed) => {
                let mut can = backed.known().capabilities();
                can.moves_events = false;
                can
            }
        }
    }

    /// How the driver stands, all groups together. Dropping the operation changes nothing.
    ///
    /// # Errors
    /// None in memory. Else [`ErrorKind::Backend`](crate::ErrorKind::Backend).
    ///
    /// ```
    /// # use bookdrop::{Driver, Event, Producer};
    /// let library: Driver = Driver::memory(10);
    /// Producer::new(&library).send(Event::new("S")).wait()?;
    /// assert_eq!(library.stats().wait()?.queued, 1);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    #[doc(alias = "GetLength")]
    pub fn stats(&self) -> Operation<impl Future<Output = Result<Stats, Error>> + use<T, R>> {
        let home = self.home.clone();
        Operation::new(async move {
            let memory = match home {
                Home::Memory(memory) => memory,
                Home::Backed(backed) => {
                    return Ok(backed.backend().stats(None).await?.unwrap_or_default());
                }
            };
            let (counters, depths) = memory.queue.counts();
            let mut stats = memory::stats(counters, depths);
            stats.waiting_senders = memory.queue.waiting_senders();
            stats.waiting_requests = memory.queue.waiting_requests();
            Ok(stats)
        })
    }

    /// What stands where in one group; the counters are those of the whole driver and left at zero here. `None` when
    /// there is no such group. Dropping the operation changes nothing.
    ///
    /// # Errors
    /// None in memory. Else [`ErrorKind::Backend`](crate::ErrorKind::Backend).
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// let library: Driver = Driver::memory(10);
    /// let audit = Consumer::in_group(&library, "audit")?;
    /// Producer::new(&library).send(Event::new("S")).wait()?;
    /// assert_eq!(library.group_stats("audit").wait()?.unwrap().queued, 1);
    /// assert_eq!(library.group_stats("nobody").wait()?, None);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn group_stats(
        &self,
        group: &str,
    ) -> Operation<impl Future<Output = Result<Option<Stats>, Error>> + use<T, R>> {
        let (home, group) = (self.home.clone(), group.to_owned());
        Operation::new(async move {
            match home {
                Home::Memory(memory) => {
                    let depths = memory.queue.depths(&group);
                    Ok(depths.map(|depths| memory::stats(Default::default(), depths)))
                }
                Home::Backed(backed) => Ok(backed.backend().stats(Some(group)).await?),
            }
        })
    }

    /// The names of the groups, oldest first. Dropping the operation changes nothing.
    ///
    /// # Errors
    /// None in memory. Else [`ErrorKind::Backend`](crate::ErrorKind::Backend).
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver};
    /// let library: Driver = Driver::memory(10);
    /// let reader = Consumer::new(&library);
    /// let audit = Consumer::in_group(&library, "audit")?;
    /// assert_eq!(library.groups().wait()?, ["default", "audit"]);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn groups(
        &self,
    ) -> Operation<impl Future<Output = Result<Vec<String>, Error>> + use<T, R>> {
        let home = self.home.clone();
        Operation::new(async move {
            match home {
                Home::Memory(memory) => Ok(memory.queue.groups()),
                Home::Backed(backed) => Ok(backed.backend().groups().await?),
            }
        })
    }

    /// Removes a group with its events and dead letters; its consumers find their end. False when there is no such
    /// group. Dropped before it is first polled, the operation has done nothing.
    ///
    /// A group exists from its first consumer until it is removed: as long as it exists it gets every event, and a
    /// full one makes senders wait, whether or not it still has consumers.
    ///
    /// # Errors
    /// None in memory. Else [`ErrorKind::Backend`](crate::ErrorKind::Backend).
    ///
    /// ```
    /// use bookdrop::{Consumer, Driver, Event, Producer};
    ///
    /// let library: Driver = Driver::memory(10);
    /// let reader = Consumer::new(&library);
    /// let audit = Consumer::in_group(&library, "audit")?;
    /// drop(audit);
    /// assert_eq!(library.groups().wait()?, ["default", "audit"]);
    /// assert!(library.remove_group("audit").wait()?);
    /// assert_eq!(library.groups().wait()?, ["default"]);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn remove_group(
        &self,
        group: &str,
    ) -> Operation<impl Future<Output = Result<bool, Error>> + use<T, R>> {
        let (home, group) = (self.home.clone(), group.to_owned());
        Operation::new(async move {
            match home {
                Home::Memory(memory) => Ok(memory.queue.remove_group(&group)),
                Home::Backed(backed) => Ok(backed.backend().remove_group(group).await?),
            }
        })
    }

    /// Drops everything that is queued or delayed, in all groups, and says how much that was. Requesters are told that
    /// their request failed (`bookdrop.purged`), and have their event back. What is in hand, dead letters and senders that wait for
    /// room stay. Ids that were [given](crate::Event::with_id) stay remembered: sent again within the window, an event with such
    /// an id is a duplicate, dropped with `Ok`. Dropped before it is first polled, the operation has done nothing.
    ///
    /// # Errors
    /// None in memory. Else [`ErrorKind::Backend`](crate::ErrorKind::Backend).
    ///
    /// ```
    /// # use bookdrop::{Driver, Event, Producer};
    /// let library: Driver = Driver::memory(10);
    /// Producer::new(&library).send_batch([Event::new("S"), Event::new("T")]).wait()?;
    /// assert_eq!(library.purge().wait()?, 2);
    /// assert_eq!(library.stats().wait()?.queued, 0);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn purge(&self) -> Operation<impl Future<Output = Result<usize, Error>> + use<T, R>> {
        let home = self.home.clone();
        Operation::new(async move {
            match home {
                Home::Memory(memory) => Ok(memory.queue.purge()),
                Home::Backed(backed) => Ok(backed.backend().purge().await?),
            }
        })
    }

    /// The events of group "default" that failed for good; [`of_group`](DeadLetters::of_group) has those of another one.
    ///
    /// ```
    /// # use bookdrop::Driver;
    /// let library: Driver = Driver::memory(10);
    /// assert!(library.dead_letters().list().wait()?.is_empty());
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn dead_letters(&self) -> DeadLetters<T, R> {
        DeadLetters::new(self.home.clone())
    }

    /// Whether the driver was closed.
    ///
    /// ```
    /// # use bookdrop::Driver;
    /// let library: Driver = Driver::memory(10);
    /// assert!(!library.is_closed());
    /// library.close().wait()?;
    /// assert!(library.is_closed());
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn is_closed(&self) -> bool {
        match &self.home {
            Home::Memory(memory) => memory.queue.is_closed(),
            Home::Backed(backed) => backed.known().is_closed(),
        }
    }

    /// Closes the driver: from now on sends and requests are refused, those that wait for room are told `Closed` and have
    /// their event back, and so have requests that no consumer has taken. Consumers get what is queued, then `Closed`.
    /// What is in hand can still be settled and answered.
    ///
    /// The driver's own back-off is waived from then on: what waits it out comes back now, and what fails later comes back
    /// at once, so that every event that consumers go on to ask for ends: acked, dead or expired. Events with a delay, or given
    /// back by [`retry_after`](crate::Delivery::retry_after), that are not due yet stay where they are;
    /// [`drain`](Driver::drain) gives them back.
    ///
    /// Closing again does nothing. It never waits for anybody. Dropped before it is first polled, the operation has done
    /// nothing.
    ///
    /// # Errors
    /// None in memory. Else [`ErrorKind::Backend`](crate::ErrorKind::Backend).
    ///
    /// ```
    /// use bookdrop::{Consumer, Driver, Event, Producer, ReceiveError};
    ///
    /// let library: Driver = Driver::memory(10);
    /// let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// a.send(Event::new("S")).wait()?;
    /// library.close().wait()?;
    ///
    /// assert!(a.send(Event::new("T")).wait().is_err());
    /// b.receive().wait()?.ack().wait()?;
    /// assert_eq!(b.receive().wait().unwrap_err(), ReceiveError::Closed);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn close(&self) -> Operation<impl Future<Output = Result<(), Error>> + use<T, R>> {
        let home = self.home.clone();
        Operation::new(async move {
            match home {
                Home::Memory(memory) => memory.queue.close(),
                Home::Backed(backed) => backed.backend().close().await?,
            }
            Ok(())
        })
    }

    /// Closes the driver and hands nothing more out; waits until what is in hand is settled, at most for the grace time;
    /// then gives back what is left. Over a backend what is left stays there, and nothing is given back.
    ///
    /// Called again, it gives back what came back since. Dropped while it waits, the driver stays closed, nothing is
    /// handed out any more, and nothing is taken out: drain again to get it.
    ///
    /// # Errors
    /// None in memory. Else [`ErrorKind::Backend`](crate::ErrorKind::Backend).
    ///
    /// ```
    /// use std::time::Duration;
    /// use bookdrop::{Driver, Event, Producer};
    ///
    /// let library: Driver = Driver::memory(10);
    /// Producer::new(&library).send(Event::new("S")).wait()?;
    /// let report = library.drain(Duration::from_secs(5)).wait()?;
    /// assert_eq!(report.unfinished, 0);
    /// assert_eq!(report.left[0].event.name(), "S");
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn drain(
        &self,
        grace: Duration,
    ) -> Operation<impl Future<Output = Result<DrainReport<T>, Error>> + use<T, R>> {
        let home = self.home.clone();
        Operation::new(async move {
            match home {
                Home::Memory(memory) => Ok(drain::memory(&memory, grace).await),
                Home::Backed(backed) => Ok(drain::backed(&*backed, grace).await?),
            }
        })
    }
}

/// One more handle on the same queue.
impl<T, R> Clone for Driver<T, R> {
    fn clone(&self) -> Self {
        Driver {
            home: self.home.clone(),
        }
    }
}

impl<T, R> fmt::Debug for Driver<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}
