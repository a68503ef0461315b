//! What can go wrong.

use std::fmt;
use std::io;

use crate::storage::is_full;

/// Why the journal did not do what it was asked to.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    source: Option<io::Error>,
}

/// What kind of [`Error`] it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no room on the disk. Nothing was written; free some, and it goes on.
    NoSpace,
    /// A write or a flush failed before. What is on the disk is not known, so nothing more is written: open the folder again.
    Poisoned,
    /// The record is longer than a segment can hold.
    TooLong {
        /// Bytes of the record.
        length: usize,
        /// Bytes that a record may have.
        limit: usize,
    },
    /// The folder was written by a newer version of the library.
    NewerVersion {
        /// The file that says so.
        file: String,
        /// The version of its format.
        version: u32,
    },
    /// A record that was asked for is not there, or damaged.
    NoRecord,
    /// What the operating system said to something, which is named.
    Io {
        /// What was being done, such as "read journal-0000000000000001".
        doing: String,
    },
}

impl Error {
    pub(crate) fn io(doing: impl Into<String>, source: io::Error) -> Self {
        let kind = match is_full(&source) {
            true => ErrorKind::NoSpace,
            false => ErrorKind::Io {
                doing: doing.into(),
            },
        };
        Error {
            kind,
            source: Some(source),
        }
    }

    /// The same, where it is no matter of freeing some space any more: something may have been written.
    pub(crate) fn for_good(self) -> Self {
        let kind = match self.kind {
            ErrorKind::NoSpace => ErrorKind::Io {
                doing: "write to a file that had room".into(),
            },
            kind => kind,
        };
        Error { kind, ..self }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Error { kind, source: None }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ErrorKind::NoSpace => write!(
                f,
                "the disk is full: there is no room for another file of `segment_bytes`; free some space and try again, or open the folder with smaller ones"
            ),
            ErrorKind::Poisoned => write!(
                f,
                "an earlier write failed, so what is on the disk is not known; open the folder again"
            ),
            ErrorKind::TooLong { length, limit } => write!(
                f,
                "the record has {length} bytes; make it {limit} at most, or the segments longer"
            ),
            ErrorKind::NewerVersion { file, version } => write!(
                f,
                "{file} has version {version} of the format, which is newer than this library; use a newer one"
            ),
            ErrorKind::NoRecord => write!(f, "there is no such record, or it is damaged"),
            ErrorKind::Io { doing } => write!(f, "could not {doing}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
