//! What names no dead letter.

use std::fmt;

use super::{Error, ErrorKind};

/// This is the id of no dead letter: it is not as one is displayed.
///
/// ```
/// use bookdrop::{DeadLetterId, InvalidDeadLetterId};
///
/// assert_eq!("page 7".parse::<DeadLetterId>(), Err(InvalidDeadLetterId));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidDeadLetterId;

impl fmt::Display for InvalidDeadLetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is no id of a dead letter; write it as it is listed, like `7`")
    }
}

impl std::error::Error for InvalidDeadLetterId {}

impl From<InvalidDeadLetterId> for Error {
    fn from(error: InvalidDeadLetterId) -> Self {
        Error::new(ErrorKind::Invalid, error)
    }
}
