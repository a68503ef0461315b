//! What users are told where the journal cannot do what it is to.

use bookdrop_backend::{Error, ErrorKind};
use bookdrop_records::Unread;

use crate::journal;

/// What a write or a flush that failed leaves: nothing can be written any more, whatever the reason was.
pub(super) fn broken(error: impl Into<Error>) -> Error {
    let error: Error = error.into();
    let message = format!("{error}; what is on the disk is not known, so open the driver again");
    Error::with_source(ErrorKind::Broken, message, error)
}

pub(super) fn no_space() -> Error {
    journal::Error::from(journal::ErrorKind::NoSpace).into()
}

/// A folder that has no room but for what makes some.
pub(super) fn scarce() -> Error {
    let message = "where the queue is kept there is no room but for what makes some; have events consumed, or make room there, and \
                   send it again";
    Error::new(ErrorKind::NoSpace, message)
}

pub(super) fn nowhere() -> Unread {
    let error = Error::new(ErrorKind::NotFound, "the event is gone meanwhile");
    Unread::ForGood(error)
}

impl From<journal::Error> for Error {
    fn from(error: journal::Error) -> Self {
        let kind = match error.kind() {
            journal::ErrorKind::NoSpace => ErrorKind::NoSpace,
            journal::ErrorKind::Poisoned => ErrorKind::Broken,
            journal::ErrorKind::TooLong { .. } => ErrorKind::TooLarge,
            journal::ErrorKind::NewerVersion { .. } => ErrorKind::NewerVersion,
            journal::ErrorKind::NoRecord => ErrorKind::NotFound,
            journal::ErrorKind::Io { .. } => kind_of_io(&error),
        };
        // With what the operating system said, which alone tells what to do.
        let message = match (error.kind(), std::error::Error::source(&error)) {
            (journal::ErrorKind::Io { .. }, Some(reason)) => format!("{error}: {reason}"),
            _ => error.to_string(),
        };
        Error::with_source(kind, message, error)
    }
}

fn kind_of_io(error: &journal::Error) -> ErrorKind {
    use std::error::Error as _;
    let source = error.source().and_then(|source| source.downcast_ref());
    match source.map(std::io::Error::kind) {
        Some(std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem) => {
            ErrorKind::Denied
        }
        Some(std::io::ErrorKind::NotFound) => ErrorKind::NotFound,
        // A folder is where a file should be.
        Some(std::io::ErrorKind::IsADirectory) => ErrorKind::Invalid,
        _ => ErrorKind::Io,
    }
}
