//! Events that failed for good.

use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::time::SystemTime;

use bookdrop_backend::{self as backend, Letters};
use bookdrop_queue::{DEFAULT_GROUP, Dead, DeadReason};
use serde_json::Value;

use crate::backed::{Backed, reason};
use crate::error::{Error, ErrorKind, Handback, InvalidDeadLetterId};
use crate::event::Event;
use crate::home::Home;
use crate::memory::Stored;
use crate::operation::Operation;

/// The dead letters of one group: events that failed for good, kept with the reason.
///
/// Each operation is done at its first poll; dropped before that, it has done nothing. Over a backend it is begun at its first
/// poll, and goes on if it is dropped later.
///
/// ```
/// use bookdrop::{Consumer, Driver, Event, Producer};
///
/// let library: Driver = Driver::memory(10);
/// let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
/// a.send(Event::new("S")).wait()?;
/// b.receive().wait()?.reject("page 7 is torn").wait()?;
///
/// let letters = library.dead_letters();
/// let letter = letters.list().wait()?.remove(0);
/// assert_eq!(letter.name, "S");
/// assert_eq!(letter.reason.to_string(), "rejected: page 7 is torn");
///
/// assert!(letters.replay(letter.id).wait()?);
/// assert_eq!(b.receive().wait()?.attempt(), 1);
/// # Ok::<(), bookdrop::Error>(())
/// ```
pub struct DeadLetters<T = (), R = Value> {
    home: Home<T, R>,
    group: String,
}

/// Names a dead letter within its group.
///
/// ```
/// # use bookdrop::{Consumer, Driver, Event, Producer};
/// # let library: Driver = Driver::memory(10);
/// # Producer::new(&library).send(Event::new("S")).wait()?;
/// # Consumer::new(&library).receive().wait()?.reject("page 7 is torn").wait()?;
/// let id = library.dead_letters().list().wait()?[0].id;
/// println!("dead letter {id}");
/// // Of what was printed it is made again.
/// assert_eq!(id.to_string().parse(), Ok(id));
/// # Ok::<(), bookdrop::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeadLetterId(u64);

impl DeadLetterId {
    /// The one of this id, and no other.
    fn only(self) -> Letters {
        Letters::These(vec![self.0])
    }
}

impl fmt::Display for DeadLetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for DeadLetterId {
    type Err = InvalidDeadLetterId;

    /// The id that is displayed so, and in no other way.
    fn from_str(text: &str) -> Result<Self, InvalidDeadLetterId> {
        let number = text.parse().map_err(|_| InvalidDeadLetterId)?;
        let id = DeadLetterId(number);
        (id.to_string() == text)
            .then_some(id)
            .ok_or(InvalidDeadLetterId)
    }
}

/// What there is to know of a dead letter without taking it out. Its body can be had by [`DeadLetters::take`].
///
/// ```
/// # use bookdrop::{Consumer, Driver, Event, Producer};
/// # let library: Driver = Driver::memory(10);
/// # Producer::new(&library).send(Event::new("S")).wait()?;
/// # Consumer::new(&library).receive().wait()?.reject("page 7 is torn").wait()?;
/// for letter in library.dead_letters().list().wait()? {
///     println!("{} after {} attempts: {}", letter.name, letter.attempts, letter.reason);
/// }
/// # Ok::<(), bookdrop::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// Names it.
    pub id: DeadLetterId,
    /// The event's id.
    pub event_id: String,
    /// The event's name.
    pub name: String,
    /// The event's headers.
    pub headers: Vec<(String, String)>,
    /// The event's values.
    pub values: Vec<(String, Value)>,
    /// How often it was handed over.
    pub attempts: u32,
    /// Why it failed.
    pub reason: DeadReason,
    /// When it failed for good.
    pub at: SystemTime,
}

impl DeadLetter {
    fn in_memory<T, R>(dead: &Dead<Stored<T, R>>) -> Self {
        let (attempts, reason) = (dead.deliveries, dead.reason.clone());
        DeadLetter::of(&dead.item.event, dead.id, attempts, reason, dead.at)
    }

    fn at_backend<T, R>(dead: backend::Dead, backed: &Backed<T, R>) -> Self {
        let event = backed.decode_without_body(dead.record);
        DeadLetter::of(&event, dead.id, dead.attempts, reason(dead.reason), dead.at)
    }

    fn of<T>(event: &Event<T>, id: u64, attempts: u32, reason: DeadReason, at: SystemTime) -> Self {
        DeadLetter {
            id: DeadLetterId(id),
            event_id: event.id().to_owned(),
            name: event.name().to_owned(),
            headers: event
                .headers()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            values: event
                .values()
                .map(|(name, value)| (name.to_owned(), value.clone()))
                .collect(),
            attempts,
            reason,
            at,
        }
    }
}

impl<T, R> DeadLetters<T, R> {
    pub(crate) fn new(home: Home<T, R>) -> Self {
        DeadLetters {
            home,
            group: DEFAULT_GROUP.to_owned(),
        }
    }

    /// Those of another group. There are none where there is no such group; [`Driver::group_stats`](crate::Driver::group_stats)
    /// tells whether there is.
    ///
    /// ```
    /// # use bookdrop::Driver;
    /// let library: Driver = Driver::memory(10);
    /// assert!(library.dead_letters().of_group("audit").list().wait()?.is_empty());
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn of_group(self, group: impl Into<String>) -> Self {
        DeadLetters {
            group: group.into(),
            ..self
        }
    }

    /// All of them, oldest first.
    ///
    /// # Errors
    /// None in memory. Else [`ErrorKind::Backend`](crate::ErrorKind::Backend).
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # Producer::new(&library).send(Event::new("S")).wait()?;
    /// # Consumer::new(&library).receive().wait()?.reject("page 7 is torn").wait()?;
    /// assert_eq!(library.dead_letters().list().wait()?[0].name, "S");
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn list(
        &self,
    ) -> Operation<impl Future<Output = Result<Vec<DeadLetter>, Error>> + use<T, R>> {
        let (home, group) = self.owned();
        Operation::new(async move {
            let backed = match home {
                Home::Memory(memory) => {
                    return Ok(memory.queue.dead(&group, DeadLetter::in_memory));
                }
                Home::Backed(backed) => backed,
            };
            let dead = backed.backend().dead(group, Letters::All).await?;
            Ok(dead
                .into_iter()
                .map(|dead| DeadLetter::at_backend(dead, &backed))
                .collect())
        })
    }

    /// Puts one back at the end of its queue, as if it had just been sent: its attempts count from one again, its time to
    /// live begins anew, and it never waits for room. A request comes back as a one-way event, since its requester was told
    /// long ago. False when it is not there, or when the driver was closed: then it stays a dead letter.
    ///
    /// # Errors
    /// None in memory. Else [`ErrorKind::Backend`](crate::ErrorKind::Backend).
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # Producer::new(&library).send(Event::new("S")).wait()?;
    /// # Consumer::new(&library).receive().wait()?.reject("page 7 is torn").wait()?;
    /// let letters = library.dead_letters();
    /// let id = letters.list().wait()?[0].id;
    /// assert!(letters.replay(id).wait()?);
    /// assert!(!letters.replay(id).wait()?, "it is not there any more");
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn replay(
        &self,
        id: DeadLetterId,
    ) -> Operation<impl Future<Output = Result<bool, Error>> + use<T, R>> {
        let (home, group) = self.owned();
        Operation::new(async move {
            match home {
                Home::Memory(memory) => Ok(memory.queue.replay(&group, id.0)),
                Home::Backed(backed) => Ok(backed.backend().replay(group, id.only()).await? > 0),
            }
        })
    }

    /// Replays all of them, oldest first, and says how many.
    ///
    /// # Errors
    /// None in memory. Else [`ErrorKind::Backend`](crate::ErrorKind::Backend).
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # Producer::new(&library).send(Event::new("S")).wait()?;
    /// # Consumer::new(&library).receive().wait()?.reject("page 7 is torn").wait()?;
    /// assert_eq!(library.dead_letters().replay_all().wait()?, 1);
    /// assert_eq!(library.stats().wait()?.queued, 1);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn replay_all(&self) -> Operation<impl Future<Output = Result<usize, Error>> + use<T, R>> {
        let (home, group) = self.owned();
        Operation::new(async move {
            match home {
                Home::Memory(memory) => {
                    let all = memory.queue.dead(&group, |dead| dead.id).into_iter();
                    Ok(all.filter(|id| memory.queue.replay(&group, *id)).count())
                }
                Home::Backed(backed) => Ok(backed.backend().replay(group, Letters::All).await?),
            }
        })
    }

    /// Drops one. False when it is not there.
    ///
    /// # Errors
    /// None in memory. Else [`ErrorKind::Backend`](crate::ErrorKind::Backend).
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # Producer::new(&library).send(Event::new("S")).wait()?;
    /// # Consumer::new(&library).receive().wait()?.reject("page 7 is torn").wait()?;
    /// let letters = library.dead_letters();
    /// assert!(letters.discard(letters.list().wait()?[0].id).wait()?);
    /// assert_eq!(library.stats().wait()?.dead, 0);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn discard(
        &self,
        id: DeadLetterId,
    ) -> Operation<impl Future<Output = Result<bool, Error>> + use<T, R>> {
        let (home, group) = self.owned();
        Operation::new(async move {
            match home {
                Home::Memory(memory) => Ok(memory.queue.take_dead(&group, id.0).is_some()),
                Home::Backed(backed) => Ok(backed.backend().discard(group, id.only()).await? > 0),
            }
        })
    }

    /// Drops all of them, and says how many.
    ///
    /// # Errors
    /// None in memory. Else [`ErrorKind::Backend`](crate::ErrorKind::Backend).
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # Producer::new(&library).send(Event::new("S")).wait()?;
    /// # Consumer::new(&library).receive().wait()?.reject("page 7 is torn").wait()?;
    /// assert_eq!(library.dead_letters().discard_all().wait()?, 1);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn discard_all(&self) -> Operation<impl Future<Output = Result<usize, Error>> + use<T, R>> {
        let (home, group) = self.owned();
        Operation::new(async move {
            match home {
                Home::Memory(memory) => Ok(memory.queue.take_all_dead(&group).len()),
                Home::Backed(backed) => Ok(backed.backend().discard(group, Letters::All).await?),
            }
        })
    }

    /// Takes one out, with its body. `None` when it is not there.
    ///
    /// It keeps an id that was [given](Event::with_id): sent again within the window, it is a duplicate, dropped with
    /// `Ok`. Give it a new id by `with_id` before you send it again; [`replay`](DeadLetters::replay) does not compare ids.
    ///
    /// Where a backend cannot say whether it is gone for good, as on a full disk, it is given all the same: it may be there again
    /// when the driver is opened the next time.
    ///
    /// # Errors
    /// None in memory. Else [`ErrorKind::Backend`](crate::ErrorKind::Backend), or [`ErrorKind::Invalid`](crate::ErrorKind::Invalid)
    /// for one that [cannot be decoded](DeadReason::Undecodable): it stays where it is, so that nothing is lost. A program whose
    /// types can read it takes it out, or replays it.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # Producer::new(&library).send(Event::new("S")).wait()?;
    /// # Consumer::new(&library).receive().wait()?.reject("page 7 is torn").wait()?;
    /// let letters = library.dead_letters();
    /// let event = letters.take(letters.list().wait()?[0].id).wait()?.expect("it is there");
    /// assert_eq!(event.name(), "S");
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn take(
        &self,
        id: DeadLetterId,
    ) -> Operation<impl Future<Output = Result<Option<Event<T>>, Error>> + use<T, R>> {
        let (home, group) = self.owned();
        Operation::new(async move {
            match home {
                Home::Memory(memory) => {
                    let dead = memory.queue.take_dead(&group, id.0);
                    Ok(dead.map(|dead| dead.item.event))
                }
                Home::Backed(backed) => take(&backed, group, id).await,
            }
        })
    }

    fn owned(&self) -> (Home<T, R>, String) {
        (self.home.clone(), self.group.clone())
    }
}

/// Takes one out of a backend, if it can be read.
async fn take<T, R>(
    backed: &Backed<T, R>,
    group: String,
    id: DeadLetterId,
) -> Result<Option<Event<T>>, Error> {
    let found = backed.backend().dead(group.clone(), id.only()).await?;
    let Some(dead) = found.into_iter().find(|dead| dead.id == id.0) else {
        return Ok(None);
    };
    // It is looked at first: what cannot be read would be lost otherwise.
    let event = backed.decode(dead.record).map_err(|why| {
        let message = format!("the dead letter {id} cannot be decoded, and stays: {why}");
        Error::new(ErrorKind::Invalid, message)
    })?;
    let event = Handback::new(event);
    match backed.backend().discard(group, id.only()).await {
        Ok(discarded) => Ok((discarded > 0).then(|| event.take())),
        // It may be there no more, and then nobody else gets it.
        Err(error) if error.kind() == backend::ErrorKind::Unknown => Ok(Some(event.take())),
        Err(error) => Err(error.into()),
    }
}

impl<T, R> fmt::Debug for DeadLetters<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters")
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}
