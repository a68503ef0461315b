//! What a backend could not do.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// A backend could not do what it was asked to. Clones share what they say.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What kind of [`Error`] it is: what can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The address, or one of its options, is wrong, or does not suffice for what is asked.
    Invalid,
    /// The backend cannot do that, or is too old for it.
    Unsupported,
    /// What was named is not there: a folder or a file of the backend, where it is not made, or an event that cannot be found any
    /// more. A folder that holds something else is [`Invalid`](ErrorKind::Invalid).
    NotFound,
    /// It may not be read or written to.
    Denied,
    /// Somebody else has it, who must be the only one.
    InUse,
    /// It was written by a newer version of the library.
    NewerVersion,
    /// The event is larger than the backend takes.
    TooLarge,
    /// There is no room on the disk or the server. Nothing was done; it goes on when some was made.
    NoSpace,
    /// Whether it was done for good is not known: the confirmation was lost, or it was done and may not last, as on a full disk
    /// or where a write failed. Sent again with the same id it is one event; settled again, it was settled already.
    Unknown,
    /// The backend cannot go on: an earlier write failed. Nothing was done. Open the driver again.
    Broken,
    /// Anything else that went wrong outside of the library.
    Io,
}

impl Error {
    /// An error of this kind, which says what to do about it.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Arc::new(Inner {
            kind,
            message: message.into(),
            source: None,
        }))
    }

    /// An error of this kind that comes of another one.
    pub fn with_source(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Error(Arc::new(Inner {
            kind,
            message: message.into(),
            source: Some(source.into()),
        }))
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same may succeed later, with nothing changed but the time.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::NoSpace | ErrorKind::Unknown | ErrorKind::Io | ErrorKind::InUse
        )
    }
}

// It is shared, and never changed.
impl std::panic::UnwindSafe for Error {}
impl std::panic::RefUnwindSafe for Error {}

/// Two errors are equal if they are of one kind and say the same.
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        self.kind() == other.kind() && self.0.message == other.0.message
    }
}

impl Eq for Error {}

/// Without what it came of, most of which the message says.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind())
            .field("message", &self.0.message)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
