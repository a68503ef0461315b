//! A request that got no reply.

use std::fmt;

use bookdrop_backend::Error as BackendError;
use bookdrop_queue::DeadReason;

use crate::event::{Event, InvalidEvent};
use crate::failure::Failure;

use super::send::FULL;
use super::{Error, ErrorKind, Handback, SendErrorKind, untold_cause};

/// A request got no reply. It holds the event where no consumer ever had it.
///
/// ```
/// # use std::time::Duration;
/// # use bookdrop::{Driver, Event, Producer, RequestErrorKind};
/// # let library: Driver = Driver::memory(10);
/// # let a = Producer::new(&library);
/// let error = a.request(Event::new("S"), Duration::from_secs(2)).wait().unwrap_err();
/// println!("{error}");
/// let event = error.into_event().expect("nobody had it");
/// ```
pub struct RequestError<T = ()>(Box<(RequestErrorKind, Option<Handback<Event<T>>>)>);

/// Why a request got no reply.
///
/// ```
/// # use std::time::Duration;
/// # use bookdrop::{Driver, Event, Producer, RequestErrorKind};
/// # let library: Driver = Driver::memory(10);
/// # let a = Producer::new(&library);
/// let error = a.request(Event::new("S"), Duration::from_secs(2)).wait().unwrap_err();
/// match error.kind() {
///     RequestErrorKind::Failed(failure) => println!("the work failed: {failure}"),
///     RequestErrorKind::Deadline => println!("no answer in time"),
///     RequestErrorKind::NoConsumer => println!("nobody is there to answer"),
///     other => println!("{other}"),
/// }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum RequestErrorKind {
    /// The work failed, or was given up: here is why. Where it was not the consumer who said so, the code is one of
    /// - `bookdrop.unanswered`: a consumer settled the request, or dropped its reply, without an answer;
    /// - `bookdrop.rejected`: a consumer rejected it, so it is a dead letter now;
    /// - `bookdrop.max_attempts`, `bookdrop.max_deliveries`: it failed too often, so it is a dead letter now;
    /// - `bookdrop.retry_too_late`: it failed, and would have been tried again only after the deadline;
    /// - `bookdrop.purged`: somebody emptied the queue;
    /// - `bookdrop.undecodable`: a consumer could not decode the request, so it is a dead letter now, or its answer cannot be
    ///   decoded.
    Failed(Failure),
    /// The deadline passed.
    Deadline,
    /// There is no consumer of the default group, or the last one left.
    NoConsumer,
    /// The driver was closed before a consumer took the request.
    Closed,
    /// The queue is full, and full means [`Reject`](crate::OnFull::Reject) or, for a request that was displaced by a
    /// newer event, [`DropOldest`](crate::OnFull::DropOldest).
    Full,
    /// The event breaks a rule.
    Invalid(InvalidEvent),
    /// The driver keeps its events as bytes, and this one cannot be written down; this says why.
    Unencodable(String),
    /// The backend could not do it.
    Backend(BackendError),
}

/// Failures that nobody but the library says.
impl RequestErrorKind {
    pub(crate) fn failed(code: &str, message: impl ToString) -> Self {
        let failure = Failure::new(message.to_string()).with_code(format!("bookdrop.{code}"));
        RequestErrorKind::Failed(failure)
    }

    pub(crate) fn unanswered() -> Self {
        let what = "the consumer settled the request without an answer";
        Self::failed("unanswered", what)
    }

    pub(crate) fn retry_too_late() -> Self {
        Self::failed("retry_too_late", "the next try would come too late")
    }

    pub(crate) fn purged() -> Self {
        Self::failed("purged", "the queue was purged")
    }

    pub(crate) fn buried(reason: &DeadReason) -> Self {
        let code = match reason {
            DeadReason::MaxAttempts => "max_attempts",
            DeadReason::MaxDeliveries => "max_deliveries",
            DeadReason::Undecodable(_) => "undecodable",
            _ => "rejected",
        };
        Self::failed(code, reason)
    }
}

impl From<SendErrorKind> for RequestErrorKind {
    fn from(kind: SendErrorKind) -> Self {
        match kind {
            SendErrorKind::Full => RequestErrorKind::Full,
            SendErrorKind::Closed => RequestErrorKind::Closed,
            SendErrorKind::Invalid(invalid) => RequestErrorKind::Invalid(invalid),
            SendErrorKind::Unencodable(why) => RequestErrorKind::Unencodable(why),
            SendErrorKind::Backend(error) => RequestErrorKind::Backend(error),
        }
    }
}

impl fmt::Display for RequestErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => write!(f, "the work failed: {failure}"),
            Self::Deadline => f.write_str("the deadline passed"),
            Self::NoConsumer => f.write_str(
                "there is no consumer of the default group; start one, or use `wait_for_consumer`",
            ),
            Self::Closed => f.write_str("the driver was closed"),
            Self::Full => f.write_str(FULL),
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::Unencodable(why) => write!(f, "the event cannot be encoded: {why}"),
            Self::Backend(error) => error.fmt(f),
        }
    }
}

impl<T> RequestError<T> {
    pub(crate) fn new(kind: RequestErrorKind, event: Option<Event<T>>) -> Self {
        RequestError(Box::new((kind, event.map(Handback::new))))
    }

    /// Why there is no reply.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Driver, Event, Producer, RequestErrorKind};
    /// # let library: Driver = Driver::memory(10);
    /// # let a = Producer::new(&library);
    /// let error = a.request(Event::new("S"), Duration::from_secs(2)).wait().unwrap_err();
    /// assert_eq!(error.kind(), &RequestErrorKind::NoConsumer);
    /// ```
    pub fn kind(&self) -> &RequestErrorKind {
        &self.0.0
    }

    /// The event, as it was; `None` when a consumer had it in hand.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Driver, Event, Producer, RequestErrorKind};
    /// # let library: Driver = Driver::memory(10);
    /// # let a = Producer::new(&library);
    /// let error = a.request(Event::new("S"), Duration::from_secs(2)).wait().unwrap_err();
    /// assert_eq!(error.into_event().unwrap().name(), "S");
    /// ```
    pub fn into_event(self) -> Option<Event<T>> {
        self.0.1.map(Handback::take)
    }
}

impl<T> fmt::Debug for RequestError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestError").field(self.kind()).finish()
    }
}

impl<T> fmt::Display for RequestError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the request got no reply: {}", self.kind())
    }
}

impl<T> std::error::Error for RequestError<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.kind() {
            RequestErrorKind::Backend(error) => untold_cause(error),
            _ => None,
        }
    }
}

impl<T> From<RequestError<T>> for Error {
    fn from(error: RequestError<T>) -> Self {
        let message = error.to_string();
        match error.0.0 {
            RequestErrorKind::Failed(failure) => {
                Error::new(ErrorKind::Failed, message).with_failure(failure)
            }
            RequestErrorKind::Deadline => Error::new(ErrorKind::Deadline, message),
            RequestErrorKind::NoConsumer => Error::new(ErrorKind::NoConsumer, message),
            RequestErrorKind::Closed => Error::new(ErrorKind::Closed, message),
            RequestErrorKind::Full => Error::new(ErrorKind::Full, message),
            RequestErrorKind::Invalid(_) | RequestErrorKind::Unencodable(_) => {
                Error::new(ErrorKind::Invalid, message)
            }
            RequestErrorKind::Backend(source) => {
                Error::new(ErrorKind::Backend, message).with_backend(source)
            }
        }
    }
}
