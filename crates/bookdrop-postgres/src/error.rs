//! What the server, or the way to it, says.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use bookdrop_backend::{Error, ErrorKind};
use tokio_postgres::error::SqlState;

/// What the client library says where the server asks for a password and there is none.
const NO_PASSWORD: &str = "password missing";
/// What the client library says where TLS is asked for, and the server has none.
const NO_TLS: &str = "server does not support TLS";
/// What it says where the server hangs up behind a part of what may be a message.
const CUT_SHORT: &str = "bytes remaining on stream";

/// Why a statement did not succeed.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// The connection is gone. Whether the statement was carried out nobody knows.
    Lost(Error),
    /// The server takes no writes. It carried nothing out, and the connection is of no use.
    ReadOnly(Error),
    /// The server carried nothing out, and says why.
    Refused(Error),
    /// The server carried nothing out, since others were in the way; the same may succeed at once.
    Again(Error),
}

impl Trouble {
    /// The same, with the server that said it.
    fn at(self, hosts: &str) -> Self {
        let told =
            |error: Error| Error::with_source(error.kind(), format!("{hosts}: {error}"), error);
        match self {
            Trouble::Lost(error) => Trouble::Lost(told(error)),
            Trouble::ReadOnly(error) => Trouble::ReadOnly(told(error)),
            Trouble::Refused(error) => Trouble::Refused(told(error)),
            Trouble::Again(error) => Trouble::Again(told(error)),
        }
    }

    /// What it says, for somebody who is told that nothing was done.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Trouble::Lost(error)
            | Trouble::ReadOnly(error)
            | Trouble::Refused(error)
            | Trouble::Again(error) => error,
        }
    }

    /// Whether the connection is of no use any more.
    pub(crate) fn ends_connection(&self) -> bool {
        matches!(self, Trouble::Lost(_) | Trouble::ReadOnly(_))
    }

    /// What it says, for somebody whose wish may have been carried out.
    pub(crate) fn into_outcome(self) -> Error {
        match self {
            Trouble::Lost(error) => unknown(error),
            other => other.into_error(),
        }
    }
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(told) = error.as_db_error() else {
            return without_word(error);
        };
        let code = told.code().clone();
        let advice = match code == SqlState::INSUFFICIENT_PRIVILEGE {
            true => {
                "; docs/guarantees.md of bookdrop says which rights a user needs, under \"What it needs\""
            }
            false => "",
        };
        let message = format!("the server says: {}{advice}", told.message());
        let with = |kind| Error::with_source(kind, message.clone(), error);
        match &code {
            &SqlState::T_R_DEADLOCK_DETECTED | &SqlState::T_R_SERIALIZATION_FAILURE => {
                Trouble::Again(with(ErrorKind::Io))
            }
            // It became a standby, or its disk is full and whoever runs it lets nobody write.
            &SqlState::READ_ONLY_SQL_TRANSACTION => Trouble::ReadOnly(with(ErrorKind::Io)),
            code if is_end_of_connection(code) => Trouble::Lost(with(ErrorKind::Io)),
            code => Trouble::Refused(with(kind_of(code))),
        }
    }
}

/// No connection was made. It says all of it: what an error came of is not shown by everybody who shows the error.
pub(crate) fn not_connected(hosts: &str, error: tokio_postgres::Error) -> Trouble {
    if error.as_db_error().is_some() {
        return Trouble::from(error).at(hosts);
    }
    let cause = error.source();
    let is_of_connection = error.is_closed() || cause.is_some_and(|cause| cause.is::<io::Error>());
    let why = match cause {
        Some(cause) if cause.to_string() == NO_PASSWORD => {
            let message = format!("{hosts} asks for a password; the address has none");
            return Trouble::Refused(Error::new(ErrorKind::Denied, message));
        }
        Some(cause) if cause.to_string() == NO_TLS => {
            let message = format!(
                "{hosts} has no TLS: turn `ssl` on in the settings of the server, or leave `sslmode=require` out"
            );
            return Trouble::Refused(Error::new(ErrorKind::Unsupported, message));
        }
        Some(cause) if is_of_another_server(cause) => {
            format!(
                "what answers there does not speak as a server of PostgreSQL does: look at host and port ({cause})"
            )
        }
        Some(cause) if is_of_connection => cause.to_string(),
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    let message = format!("could not connect to {hosts}: {why}");
    let error = Error::new(ErrorKind::Io, message);
    match is_of_connection {
        true => Trouble::Lost(error),
        false => Trouble::Refused(error),
    }
}

/// Whether this comes of words that no server of PostgreSQL says.
fn is_of_another_server(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.downcast_ref::<io::Error>().is_some_and(|cause| {
        use io::ErrorKind::{InvalidData, InvalidInput};
        let is_unread = matches!(cause.kind(), InvalidData | InvalidInput);
        is_unread || cause.to_string() == CUT_SHORT
    })
}

/// The server did not say it.
fn without_word(error: tokio_postgres::Error) -> Trouble {
    let cause = error.source();
    let is_of_connection = error.is_closed() || cause.is_some_and(|cause| cause.is::<io::Error>());
    let why = match cause {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    let message = match is_of_connection {
        true => format!("the connection to the server failed: {why}"),
        false => format!("the server could not be asked: {why}"),
    };
    let error = Error::with_source(ErrorKind::Io, message, error);
    match is_of_connection {
        true => Trouble::Lost(error),
        false => Trouble::Refused(error),
    }
}

/// Whether the server ends, or takes nobody, now.
fn is_end_of_connection(code: &SqlState) -> bool {
    code.code().starts_with("08")
        || [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
        ]
        .contains(code)
}

fn kind_of(code: &SqlState) -> ErrorKind {
    match code.code() {
        "53100" => ErrorKind::NoSpace,
        "42501" => ErrorKind::Denied,
        "3D000" => ErrorKind::NotFound,
        code if code.starts_with("28") => ErrorKind::Denied,
        _ => ErrorKind::Io,
    }
}

/// Whether it was done is not known.
pub(crate) fn unknown(source: Error) -> Error {
    let message =
        "the connection was lost before the server confirmed it, so it may have been done or not";
    Error::with_source(ErrorKind::Unknown, message, source)
}

/// Nothing was done, since the server could not be reached for so long.
pub(crate) fn unreachable(patience: Duration, last: Option<&Error>) -> Error {
    let message = format!(
        "the server could not be reached for {patience:?}, and nothing was done; the driver goes on trying"
    );
    match last {
        Some(last) => Error::with_source(ErrorKind::Io, format!("{message}: {last}"), last.clone()),
        None => Error::new(ErrorKind::Io, message),
    }
}

/// The driver's thread has ended, which it does when nobody has the driver any more, or by a panic.
pub(crate) fn ended() -> Error {
    let message = "the thread of the driver has ended; open the driver again";
    Error::new(ErrorKind::Broken, message)
}

/// The server's texts hold every character but one.
pub(crate) fn has_nul(text: &str) -> bool {
    text.contains('\0')
}

pub(crate) fn with_nul(what: &str) -> Error {
    let message =
        format!("PostgreSQL keeps no text with a NUL character in it, and {what} has one");
    Error::new(ErrorKind::Invalid, message)
}
