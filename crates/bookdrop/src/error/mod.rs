//! What can go wrong: for each operation an error that gives back what it was given, and one [`Error`] for all of them.

mod cause;
mod dead_letter;
mod handback;
#[cfg(feature = "open")]
mod open;
mod receive;
mod request;
mod send;
mod settle;

use std::fmt;

use bookdrop_backend::Error as BackendError;

use crate::failure::Failure;
use cause::untold_cause;
pub use dead_letter::InvalidDeadLetterId;
pub(crate) use handback::Handback;
#[cfg(feature = "open")]
pub use open::{OpenError, OpenErrorKind};
pub use receive::{InvalidGroup, ReceiveError, TryReceiveError};
pub use request::{RequestError, RequestErrorKind};
pub use send::{SendBatchError, SendError, SendErrorKind};
pub use settle::{SettleError, SettleErrorKind};

/// Any error of bookdrop, for functions that use `?` throughout.
///
/// Every error of this crate turns into it; an event or a delivery that the former one held is let go of by that (a
/// delivery comes back to its queue). Keep the exact error where you want the event.
///
/// What an error of this crate says has in it what the backend said. So its `source` is what that came of, and who prints an
/// error and its sources reads nothing twice.
///
/// ```
/// use bookdrop::{Driver, ErrorKind, Event, Producer};
///
/// fn lend(library: &Driver) -> Result<(), bookdrop::Error> {
///     Producer::new(library).send(Event::new("S")).wait()?;
///     Ok(())
/// }
///
/// let library: Driver = Driver::memory(10);
/// library.close().wait()?;
/// let error = lend(&library).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Closed);
/// assert!(!error.is_retryable());
/// # Ok::<(), bookdrop::Error>(())
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    backend: Option<BackendError>,
    failure: Option<Failure>,
}

/// What kind of thing went wrong.
///
/// ```
/// # use bookdrop::{Driver, Error, ErrorKind, Event, Producer};
/// # let library: Driver = Driver::memory(1);
/// # let a = Producer::new(&library);
/// # a.send(Event::new("first")).wait()?;
/// let error = Error::from(a.try_send(Event::new("second")).wait().unwrap_err());
/// match error.kind() {
///     ErrorKind::Full => println!("later, then"),
///     kind => println!("{kind:?}: {error}"),
/// }
/// # Ok::<(), bookdrop::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The event, or a name, breaks a rule; change it.
    Invalid,
    /// The queue is full; try again later. On disk dead letters may fill it, too: see [`SendErrorKind::Full`].
    Full,
    /// There was nothing to receive.
    Empty,
    /// The driver was closed.
    Closed,
    /// The deadline of a request passed.
    Deadline,
    /// Nobody is there to answer a request.
    NoConsumer,
    /// The work on a request failed.
    Failed,
    /// A delivery cannot be settled like that.
    Settle,
    /// A wait with a limit reached its limit.
    TimedOut,
    /// What keeps the driver's events could not do it: see [`Error::backend`].
    Backend,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl fmt::Display) -> Self {
        Error(Box::new(Inner {
            kind,
            message: message.to_string(),
            backend: None,
            failure: None,
        }))
    }

    pub(crate) fn with_backend(mut self, error: BackendError) -> Self {
        self.0.backend = Some(error);
        self
    }

    pub(crate) fn with_message(mut self, message: String) -> Self {
        self.0.message = message;
        self
    }

    pub(crate) fn with_failure(mut self, failure: Failure) -> Self {
        self.0.failure = Some(failure);
        self
    }

    /// What the consumer said, where the work on a request failed.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Consumer, Driver, Event, Failure, Producer};
    /// # use futures_lite::future::{block_on, zip};
    /// # let library: Driver = Driver::memory(10);
    /// # let (a, mut b) = (Producer::new(&library), Consumer::new(&library));
    /// # let (asked, _) = block_on(zip(a.request(Event::new("S"), Duration::from_secs(2)), async {
    /// #     b.receive().await.unwrap().fail(Failure::new("page 7 is torn").with_code("torn")).await.unwrap()
    /// # }));
    /// let error: bookdrop::Error = asked.unwrap_err().into();
    /// assert_eq!(error.failure().and_then(|failure| failure.code()), Some("torn"));
    /// ```
    pub fn failure(&self) -> Option<&Failure> {
        self.0.failure.as_ref()
    }

    /// What the backend said, where it could not do what it was asked to.
    ///
    /// ```
    /// use bookdrop::{BackendError, BackendErrorKind, Error, ErrorKind, ReceiveError};
    ///
    /// let broken = BackendError::new(BackendErrorKind::Broken, "the disk has gone");
    /// let error = Error::from(ReceiveError::Backend(broken));
    /// assert_eq!(error.kind(), ErrorKind::Backend);
    /// assert_eq!(error.backend().unwrap().kind(), BackendErrorKind::Broken);
    /// ```
    pub fn backend(&self) -> Option<&BackendError> {
        self.0.backend.as_ref()
    }

    /// What kind of thing went wrong.
    ///
    /// ```
    /// # use bookdrop::{Error, ErrorKind, ReceiveError};
    /// assert_eq!(Error::from(ReceiveError::Closed).kind(), ErrorKind::Closed);
    /// ```
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call may succeed later.
    ///
    /// ```
    /// # use bookdrop::{Error, ReceiveError, TryReceiveError};
    /// assert!(Error::from(TryReceiveError::Empty).is_retryable());
    /// assert!(!Error::from(ReceiveError::Closed).is_retryable());
    /// ```
    pub fn is_retryable(&self) -> bool {
        use ErrorKind::*;
        match self.kind() {
            Full | Empty | Deadline | NoConsumer | TimedOut => true,
            Backend => self.backend().is_some_and(BackendError::is_retryable),
            _ => false,
        }
    }
}

impl From<BackendError> for Error {
    fn from(error: BackendError) -> Self {
        Error::new(ErrorKind::Backend, &error).with_backend(error)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        untold_cause(self.backend()?)
    }
}

/// A wait with a limit reached its limit.
///
/// A send, a receive or a request is still there afterwards: wait on, or take it apart, or drop it. Another
/// [`Operation`](crate::Operation) was dropped.
///
/// ```
/// use std::time::Duration;
/// use bookdrop::{Driver, Event, Producer};
///
/// let library: Driver = Driver::memory(1);
/// let a = Producer::new(&library);
/// a.send(Event::new("first")).wait()?;
///
/// let mut send = a.send(Event::new("second"));
/// assert!(send.wait_for(Duration::from_millis(1)).is_err(), "the library is full");
/// let second = send.into_event().expect("it was not sent");
/// assert_eq!(second.name(), "second");
/// # Ok::<(), bookdrop::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut;

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the wait reached its limit")
    }
}

impl std::error::Error for TimedOut {}

impl From<TimedOut> for Error {
    fn from(timed_out: TimedOut) -> Self {
        Error::new(ErrorKind::TimedOut, timed_out)
    }
}
