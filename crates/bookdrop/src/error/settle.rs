//! A delivery that cannot be settled like that.

use std::fmt;

use bookdrop_backend::{Error as BackendError, ErrorKind as BackendErrorKind};
use serde_json::Value;

use crate::delivery::Delivery;

use super::{Error, ErrorKind, Handback, untold_cause};

/// The delivery was not settled, as far as is known; here it is. Dropped with the error, it comes back to its queue, unless it
/// was settled after all: then that does nothing.
///
/// ```
/// # use bookdrop::{Consumer, Driver, Event, Producer, SettleErrorKind};
/// # let library: Driver = Driver::memory(10);
/// # let mut b = Consumer::new(&library);
/// # Producer::new(&library).send(Event::new("S")).wait()?;
/// let error = b.receive().wait()?.reply("to whom?".into()).wait().unwrap_err();
/// println!("{error}");
/// error.into_delivery().ack().wait()?;
/// # Ok::<(), bookdrop::Error>(())
/// ```
pub struct SettleError<T = (), R = Value>(Box<(SettleErrorKind, Handback<Delivery<T, R>>)>);

/// Why a delivery was not settled.
///
/// ```
/// # use bookdrop::{Consumer, Driver, Event, Producer, SettleErrorKind};
/// # let library: Driver = Driver::memory(10);
/// # let mut b = Consumer::new(&library);
/// # Producer::new(&library).send(Event::new("S")).wait()?;
/// let error = b.receive().wait()?.reply("to whom?".into()).wait().unwrap_err();
/// assert_eq!(error.kind(), &SettleErrorKind::NotARequest);
/// # Ok::<(), bookdrop::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettleErrorKind {
    /// An answer to an event whose producer asked for none.
    NotARequest,
    /// It was settled when it was handed over: the consumer asked for automatic ack.
    AutoAcked,
    /// The driver keeps its events as bytes, and the answer cannot be written down; this says why.
    Unencodable(String),
    /// The event is in other hands by now, since the lease had ended; see [`Delivery::extend`]. There is nothing left to
    /// settle.
    LeaseEnded,
    /// It was settled before: by a call that failed with [`BackendErrorKind::Unknown`], most likely, and was tried again. There
    /// is nothing left to settle.
    AlreadySettled,
    /// The backend could not do it, or does not know whether it was done: see [`BackendError::kind`]. It can be tried again.
    /// Where it was done, that says so: [`AlreadySettled`](SettleErrorKind::AlreadySettled).
    Backend(BackendError),
}

impl SettleErrorKind {
    pub(crate) fn into_error(self) -> Error {
        let message = self.to_string();
        match self {
            SettleErrorKind::Unencodable(_) => Error::new(ErrorKind::Invalid, message),
            SettleErrorKind::Backend(source) => {
                Error::new(ErrorKind::Backend, message).with_backend(source)
            }
            _ => Error::new(ErrorKind::Settle, message),
        }
    }
}

impl fmt::Display for SettleErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = match self {
            SettleErrorKind::NotARequest => {
                "nobody waits for an answer to a one-way event; settle it with `ack`, `into_event`, `nack` or `reject`"
            }
            SettleErrorKind::AutoAcked => {
                "with automatic ack the event was settled at hand-over and cannot go back; receive without `auto_ack` to \
                 give events back"
            }
            SettleErrorKind::LeaseEnded => {
                "its lease had ended, and somebody else has it by now; make `lease` longer in the address, or, over a backend that \
                 does not prolong it by itself, `extend` it while you work"
            }
            SettleErrorKind::AlreadySettled => {
                "it was settled before, though whoever did so may have been told that this was not known; let go of it"
            }
            SettleErrorKind::Unencodable(why) => {
                return write!(f, "the answer cannot be encoded: {why}");
            }
            SettleErrorKind::Backend(error) => return error.fmt(f),
        };
        f.write_str(said)
    }
}

impl<T, R> SettleError<T, R> {
    pub(crate) fn new(kind: SettleErrorKind, delivery: Delivery<T, R>) -> Self {
        SettleError(Box::new((kind, Handback::new(delivery))))
    }

    /// Why it was not settled.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer, SettleErrorKind};
    /// # let library: Driver = Driver::memory(10);
    /// # let mut b = Consumer::new(&library);
    /// # Producer::new(&library).send(Event::new("S")).wait()?;
    /// let error = b.receive().wait()?.reply("to whom?".into()).wait().unwrap_err();
    /// assert_eq!(error.kind(), &SettleErrorKind::NotARequest);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn kind(&self) -> &SettleErrorKind {
        &self.0.0
    }

    /// The delivery, still to be settled.
    ///
    /// ```
    /// # use bookdrop::{Consumer, Driver, Event, Producer, SettleErrorKind};
    /// # let library: Driver = Driver::memory(10);
    /// # let mut b = Consumer::new(&library);
    /// # Producer::new(&library).send(Event::new("S")).wait()?;
    /// let error = b.receive().wait()?.reply("to whom?".into()).wait().unwrap_err();
    /// error.into_delivery().ack().wait()?;
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn into_delivery(self) -> Delivery<T, R> {
        self.0.1.take()
    }
}

impl<T, R> fmt::Debug for SettleError<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SettleError").field(self.kind()).finish()
    }
}

impl<T, R> fmt::Display for SettleError<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = match self.kind() {
            SettleErrorKind::Backend(error) if error.kind() == BackendErrorKind::Unknown => {
                return write!(
                    f,
                    "it is not known whether the delivery was settled for good: {error}; go on: where it was not, the event comes back"
                );
            }
            SettleErrorKind::AlreadySettled => "the delivery cannot be settled",
            _ => "the delivery was not settled",
        };
        write!(f, "{known}: {}", self.kind())
    }
}

impl<T, R> std::error::Error for SettleError<T, R> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.kind() {
            SettleErrorKind::Backend(error) => untold_cause(error),
            _ => None,
        }
    }
}

impl<T, R> From<SettleError<T, R>> for Error {
    fn from(error: SettleError<T, R>) -> Self {
        let message = error.to_string();
        error.0.0.into_error().with_message(message)
    }
}
