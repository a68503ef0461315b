//! Nothing was received.

use std::fmt;

use bookdrop_backend::Error as BackendError;

use crate::limits::MAX_GROUP_BYTES;

use super::{Error, ErrorKind, untold_cause};

/// Nothing more can be received.
///
/// ```
/// # use bookdrop::{Consumer, Driver, ReceiveError};
/// let library: Driver = Driver::memory(10);
/// library.close().wait()?;
/// assert_eq!(Consumer::new(&library).receive().wait().unwrap_err(), ReceiveError::Closed);
/// # Ok::<(), bookdrop::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceiveError {
    /// The driver was closed (or the consumer's group removed), and nothing is left to hand out.
    Closed,
    /// The backend can never hand anything out any more, or never took this consumer in.
    Backend(BackendError),
}

/// Nothing was received.
///
/// ```
/// # use bookdrop::{Consumer, Driver, TryReceiveError};
/// let library: Driver = Driver::memory(10);
/// match Consumer::new(&library).try_receive().wait() {
///     Ok(book) => println!("{}", book.name()),
///     Err(TryReceiveError::Empty) => println!("nothing now"),
///     Err(error) => println!("{error}"),
/// }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TryReceiveError {
    /// There is nothing to hand out now.
    Empty,
    /// The driver was closed (or the consumer's group removed), and nothing is left to hand out.
    Closed,
    /// The backend can never hand anything out any more, or never took this consumer in.
    Backend(BackendError),
}

const CLOSED: &str = "the driver was closed, or the group removed, and nothing is left to receive";

impl fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReceiveError::Closed => f.write_str(CLOSED),
            ReceiveError::Backend(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for TryReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryReceiveError::Empty => {
                f.write_str("there is nothing to receive now; wait with `receive`")
            }
            TryReceiveError::Closed => f.write_str(CLOSED),
            TryReceiveError::Backend(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReceiveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ReceiveError::Backend(error) => untold_cause(error),
            _ => None,
        }
    }
}

impl std::error::Error for TryReceiveError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            TryReceiveError::Backend(error) => untold_cause(error),
            _ => None,
        }
    }
}

impl From<ReceiveError> for TryReceiveError {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::Closed => TryReceiveError::Closed,
            ReceiveError::Backend(error) => TryReceiveError::Backend(error),
        }
    }
}

impl From<ReceiveError> for Error {
    fn from(error: ReceiveError) -> Self {
        TryReceiveError::from(error).into()
    }
}

impl From<TryReceiveError> for Error {
    fn from(error: TryReceiveError) -> Self {
        match error {
            TryReceiveError::Empty => Error::new(ErrorKind::Empty, error),
            TryReceiveError::Closed => Error::new(ErrorKind::Closed, error),
            TryReceiveError::Backend(source) => source.into(),
        }
    }
}

/// A group cannot have this name.
///
/// ```
/// use bookdrop::{Consumer, Driver, InvalidGroup};
///
/// let library: Driver = Driver::memory(10);
/// assert_eq!(Consumer::in_group(&library, "").unwrap_err(), InvalidGroup::Empty);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidGroup {
    /// It is empty.
    Empty,
    /// It is longer than [`MAX_GROUP_BYTES`].
    TooLong {
        /// Its length.
        bytes: usize,
    },
}

impl InvalidGroup {
    pub(crate) fn check(name: &str) -> Result<(), InvalidGroup> {
        match name.len() {
            0 => Err(InvalidGroup::Empty),
            bytes if bytes > MAX_GROUP_BYTES => Err(InvalidGroup::TooLong { bytes }),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for InvalidGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidGroup::Empty => f.write_str("the group's name is empty; give it one"),
            InvalidGroup::TooLong { bytes } => {
                write!(
                    f,
                    "the group's name has {bytes} bytes; make it {MAX_GROUP_BYTES} at most"
                )
            }
        }
    }
}

impl std::error::Error for InvalidGroup {}

impl From<InvalidGroup> for Error {
    fn from(error: InvalidGroup) -> Self {
        Error::new(ErrorKind::Invalid, error)
    }
}
