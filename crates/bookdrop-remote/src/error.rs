//! What goes wrong on the way.

use std::time::Duration;

use bookdrop_backend::{Error, ErrorKind};

/// What came is no packet of ours.
pub(crate) fn garbled(what: &str) -> Error {
    let message = format!("a packet cannot be read: {what}; another program may use this subject");
    Error::new(ErrorKind::Invalid, message)
}

/// It was written by another version.
pub(crate) fn other_format(format: u8, ours: u8) -> Error {
    let message = format!(
        "a packet has format {format}, and this version reads {ours}; use one version of the library for all drivers of a queue"
    );
    let kind = match format > ours {
        true => ErrorKind::NewerVersion,
        false => ErrorKind::Unsupported,
    };
    Error::new(kind, message)
}

/// Whether this says of a packet that it is one of another version, and not that it is none.
pub fn is_of_other_format(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NewerVersion | ErrorKind::Unsupported
    )
}

/// The keeper went before it confirmed something, and perhaps it is known why.
pub(crate) fn unknown(why: Option<&Error>) -> Error {
    let message =
        "the keeper of the queue was lost before it confirmed it, so it may have been done or not";
    because(why, ErrorKind::Unknown, message)
}

/// The keeper was not heard for so long, and perhaps it is known why there is none.
pub(crate) fn unreachable(patience: Duration, why: Option<&Error>) -> Error {
    let message = format!(
        "no keeper of the queue could be reached for {patience:?}, and nothing was done; the driver goes on trying"
    );
    because(why, ErrorKind::Io, &message)
}

/// What came of it stands behind that: whoever reads of a keeper first looks for the fault there.
fn because(why: Option<&Error>, kind: ErrorKind, message: &str) -> Error {
    match why {
        None => Error::new(kind, message),
        Some(why) => Error::with_source(kind, format!("{why}: {message}"), why.clone()),
    }
}

/// The keeper is there, and has not said yet that it hears this guest.
pub(crate) fn not_welcome_yet() -> Error {
    let message = "the driver that keeps the queue does not answer yet; it may be reading the queue, which takes the longer the more is in \
                   it";
    Error::new(ErrorKind::Io, message)
}

/// The side that drives the link has gone.
pub(crate) fn ended() -> Error {
    let message = "the thread of the driver has ended; open the driver again";
    Error::new(ErrorKind::Broken, message)
}

pub(crate) fn unknown_reader() -> Error {
    Error::new(ErrorKind::Invalid, "there is no such consumer any more")
}

pub(crate) fn settled_already() -> Error {
    let message = "it was settled before, and can only be answered";
    Error::new(ErrorKind::Invalid, message)
}

pub(crate) fn too_large(what: &str, bytes: usize, most: usize) -> Option<Error> {
    (bytes > most).then(|| {
        let message = format!(
            "the {what} takes {bytes} bytes, and `max_event_bytes` is {most}; make it that at most, or `max_event_bytes` larger"
        );
        Error::new(ErrorKind::TooLarge, message)
    })
}
