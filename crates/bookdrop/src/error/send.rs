//! An event that was not sent.

use std::fmt;

use bookdrop_backend::{Error as BackendError, ErrorKind as BackendErrorKind};

use crate::event::{Event, InvalidEvent};

use super::{Error, ErrorKind, Handback, untold_cause};

pub(super) const FULL: &str = "there is no room: the fullest group (see `group_stats`) holds as many as \
                               `capacity` allows, or as many are delayed as `max_delayed` does, or on disk and in NATS all \
                               events, dead letters among them, take as many bytes as `max_bytes` does; `send` waits, unless the driver \
                               was opened or built with another `OnFull`";

/// The event was not sent; here it is.
///
/// ```
/// # use bookdrop::{Driver, Event, Producer, SendErrorKind};
/// # let library: Driver = Driver::memory(10);
/// library.close().wait()?;
/// let error = Producer::new(&library).send(Event::new("S")).wait().unwrap_err();
/// println!("{error}");
/// let event = error.into_event(); // nothing is lost
/// # Ok::<(), bookdrop::Error>(())
/// ```
pub struct SendError<T = ()>(Box<(SendErrorKind, Handback<Event<T>>)>);

/// Why an event was not sent.
///
/// ```
/// # use bookdrop::{Driver, Event, Producer, SendErrorKind};
/// # let library: Driver = Driver::memory(10);
/// library.close().wait()?;
/// let error = Producer::new(&library).send(Event::new("S")).wait().unwrap_err();
/// assert_eq!(error.kind(), &SendErrorKind::Closed);
/// # Ok::<(), bookdrop::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendErrorKind {
    /// The queue is full, and the call was one that does not wait: [`try_send`](crate::Producer::try_send), or any with another
    /// [`OnFull`](crate::OnFull). Full is what has as many events as `capacity` or `max_delayed` allows; on disk and in NATS
    /// also what takes as many bytes as `max_bytes` does, where dead letters count.
    Full,
    /// The driver was closed.
    Closed,
    /// The event breaks a rule.
    Invalid(InvalidEvent),
    /// The driver keeps its events as bytes, and this one cannot be written down; this says why.
    Unencodable(String),
    /// The backend could not do it, or does not know whether it was done. What to do its [kind](BackendError::kind) says:
    /// `TooLarge` will not fit later either. After `Broken`, open the driver again. What is `Unknown` may have been sent: send it
    /// again only with an id that you gave. What is [retryable](BackendError::is_retryable) otherwise, as `NoSpace`, may be sent
    /// again later. For anything else, as `Denied` or `NotFound` where no file can be made, somebody has to mend the cause first;
    /// then it goes on.
    Backend(BackendError),
}

impl SendErrorKind {
    fn kind(&self) -> ErrorKind {
        match self {
            SendErrorKind::Full => ErrorKind::Full,
            SendErrorKind::Closed => ErrorKind::Closed,
            SendErrorKind::Invalid(_) | SendErrorKind::Unencodable(_) => ErrorKind::Invalid,
            SendErrorKind::Backend(_) => ErrorKind::Backend,
        }
    }

    /// Whether it may have been sent.
    fn is_unknown(&self) -> bool {
        matches!(self, SendErrorKind::Backend(error) if error.kind() == BackendErrorKind::Unknown)
    }

    fn into_error(self) -> Error {
        let error = Error::new(self.kind(), &self);
        match self {
            SendErrorKind::Backend(backend) => error.with_backend(backend),
            _ => error,
        }
    }
}

impl fmt::Display for SendErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendErrorKind::Full => f.write_str(FULL),
            SendErrorKind::Closed => f.write_str("the driver was closed"),
            SendErrorKind::Invalid(invalid) => invalid.fmt(f),
            SendErrorKind::Unencodable(why) => write!(f, "it cannot be encoded: {why}"),
            SendErrorKind::Backend(error) => error.fmt(f),
        }
    }
}

impl<T> SendError<T> {
    pub(crate) fn new(kind: SendErrorKind, event: Event<T>) -> Self {
        SendError(Box::new((kind, Handback::new(event))))
    }

    /// Why it was not sent.
    ///
    /// ```
    /// # use bookdrop::{Driver, Event, Producer, SendErrorKind};
    /// # let library: Driver = Driver::memory(10);
    /// library.close().wait()?;
    /// let error = Producer::new(&library).send(Event::new("S")).wait().unwrap_err();
    /// assert_eq!(error.kind(), &SendErrorKind::Closed);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn kind(&self) -> &SendErrorKind {
        &self.0.0
    }

    /// The event, as it was.
    ///
    /// ```
    /// # use bookdrop::{Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// library.close().wait()?;
    /// let error = Producer::new(&library).send(Event::new("S")).wait().unwrap_err();
    /// assert_eq!(error.into_event().name(), "S");
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn into_event(self) -> Event<T> {
        self.0.1.take()
    }

    pub(crate) fn into_parts(self) -> (SendErrorKind, Event<T>) {
        let (kind, event) = *self.0;
        (kind, event.take())
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SendError").field(self.kind()).finish()
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind().is_unknown() {
            true => write!(
                f,
                "it is not known whether the event was sent: {}; sent again with an id that you gave it is one event",
                self.kind()
            ),
            false => write!(f, "the event was not sent: {}", self.kind()),
        }
    }
}

impl<T> std::error::Error for SendError<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.kind() {
            SendErrorKind::Backend(error) => untold_cause(error),
            _ => None,
        }
    }
}

impl<T> From<SendError<T>> for Error {
    fn from(error: SendError<T>) -> Self {
        let message = error.to_string();
        error.0.0.into_error().with_message(message)
    }
}

/// A batch was sent in part; here is the rest.
///
/// ```
/// # use bookdrop::{Driver, Event, Producer, SendErrorKind};
/// # let library: Driver = Driver::memory(10);
/// let batch = [Event::new("S"), Event::new(""), Event::new("T")];
/// let error = Producer::new(&library).send_batch(batch).wait().unwrap_err();
/// assert_eq!(error.sent(), 1);
/// assert_eq!(error.into_rest().len(), 2);
/// ```
pub struct SendBatchError<T = ()>(Box<(SendErrorKind, usize, Handback<Vec<Event<T>>>)>);

impl<T> SendBatchError<T> {
    pub(crate) fn new(kind: SendErrorKind, sent: usize, rest: Vec<Event<T>>) -> Self {
        SendBatchError(Box::new((kind, sent, Handback::new(rest))))
    }

    /// Why the first event of the rest was not sent.
    ///
    /// ```
    /// # use bookdrop::{Driver, Event, Producer, SendErrorKind};
    /// # let library: Driver = Driver::memory(10);
    /// let batch = [Event::new("S"), Event::new(""), Event::new("T")];
    /// let error = Producer::new(&library).send_batch(batch).wait().unwrap_err();
    /// assert!(matches!(error.kind(), SendErrorKind::Invalid(_)));
    /// ```
    pub fn kind(&self) -> &SendErrorKind {
        &self.0.0
    }

    /// How many were sent.
    ///
    /// ```
    /// # use bookdrop::{Driver, Event, Producer, SendErrorKind};
    /// # let library: Driver = Driver::memory(10);
    /// let batch = [Event::new("S"), Event::new(""), Event::new("T")];
    /// let error = Producer::new(&library).send_batch(batch).wait().unwrap_err();
    /// assert_eq!(error.sent(), 1);
    /// ```
    pub fn sent(&self) -> usize {
        self.0.1
    }

    /// What was not sent, or may not have been, in order; the first one is the one that failed.
    ///
    /// ```
    /// # use bookdrop::{Driver, Event, Producer, SendErrorKind};
    /// # let library: Driver = Driver::memory(10);
    /// let batch = [Event::new("S"), Event::new(""), Event::new("T")];
    /// let error = Producer::new(&library).send_batch(batch).wait().unwrap_err();
    /// let rest = error.into_rest();
    /// assert_eq!((rest[0].name(), rest[1].name()), ("", "T"));
    /// ```
    pub fn into_rest(self) -> Vec<Event<T>> {
        self.0.2.take()
    }
}

impl<T> fmt::Debug for SendBatchError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendBatchError")
            .field("kind", self.kind())
            .field("sent", &self.sent())
            .finish()
    }
}

impl<T> fmt::Display for SendBatchError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sent, kind) = (self.sent(), self.kind());
        match kind.is_unknown() {
            true => write!(
                f,
                "{sent} events of the batch were sent, and of the others this is not known: {kind}"
            ),
            false => write!(
                f,
                "{sent} events of the batch were sent, then one was not: {kind}"
            ),
        }
    }
}

impl<T> std::error::Error for SendBatchError<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.kind() {
            SendErrorKind::Backend(error) => untold_cause(error),
            _ => None,
        }
    }
}

impl<T> From<SendBatchError<T>> for Error {
    fn from(error: SendBatchError<T>) -> Self {
        let message = error.to_string();
        error.0.0.into_error().with_message(message)
    }
}
