//! What the server, or the way to it, says.

use async_nats::{Event, RequestErrorKind, ServerError};
use bookdrop_backend::{Error, ErrorKind};

/// Why something that the server was asked for did not succeed.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// No word came. Whether it was done, or will be, nobody knows: the client library may send it later.
    Lost(Error),
    /// The server has not done it, and says why.
    Refused(Code, Error),
}

/// What the server calls what is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) u64);

impl Code {
    /// The stream does not end where it was expected to.
    pub(crate) const WRONG_LAST_SEQUENCE: Code = Code(10071);
    /// There is no such message.
    pub(crate) const NO_MESSAGE: Code = Code(10037);
    /// There is no such stream.
    const NO_STREAM: Code = Code(10059);
    /// A stream of this name has other settings.
    pub(crate) const OTHER_STREAM: Code = Code(10058);
    /// Another stream takes what is published under these subjects.
    const OVERLAPS: Code = Code(10065);
    /// Several replicas were asked for, of a server that is alone.
    const NO_CLUSTER: Code = Code(10074);

    /// Whether the same may succeed soon: a cluster has no leader for the stream or does not know all its servers yet, or the server is
    /// about to start.
    fn is_of_the_moment(self) -> bool {
        matches!(self.0, 10004 | 10005 | 10008 | 10009 | 10118)
    }

    fn kind(self) -> ErrorKind {
        match self {
            Code::NO_STREAM | Code::NO_MESSAGE => ErrorKind::NotFound,
            Code::OTHER_STREAM | Code::OVERLAPS | Code::NO_CLUSTER => ErrorKind::Invalid,
            // Without JetStream: for all, or for this account.
            Code(10039 | 10076) => ErrorKind::Unsupported,
            // Memory, disk, the account's bounds, the stream's.
            Code(10023 | 10028 | 10047 | 10077 | 10026 | 10027) => ErrorKind::NoSpace,
            Code(10054) => ErrorKind::TooLarge,
            _ => ErrorKind::Io,
        }
    }

    /// What helps, where the server does not say it.
    fn advice(self) -> &'static str {
        match self {
            Code::NO_CLUSTER => "; leave `replicas` out, or use a cluster",
            _ => "",
        }
    }
}

impl Trouble {
    /// What the server said.
    pub(crate) fn refused(code: Code, status: u64, told: &str) -> Self {
        let advice = code.advice();
        let message = format!("the server says: {told} ({}){advice}", code.0);
        if code.is_of_the_moment() || (status == 503 && code.kind() == ErrorKind::Io) {
            return Trouble::Lost(Error::new(ErrorKind::Io, message));
        }
        Trouble::Refused(code, Error::new(code.kind(), message))
    }

    /// It did not say what it should have said.
    pub(crate) fn unexpected(what: &str) -> Self {
        let message = format!("the server answered what no server of NATS does: {what}");
        Trouble::Refused(Code(0), Error::new(ErrorKind::Unsupported, message))
    }

    pub(crate) fn into_error(self) -> Error {
        let (Trouble::Lost(error) | Trouble::Refused(_, error)) = self;
        error
    }
}

impl From<async_nats::RequestError> for Trouble {
    fn from(error: async_nats::RequestError) -> Self {
        let kind = error.kind();
        let lost = |message: &str| {
            Trouble::Lost(Error::with_source(
                ErrorKind::Io,
                message,
                error.to_string(),
            ))
        };
        match kind {
            RequestErrorKind::TimedOut => lost("the server did not answer in time"),
            // It may be about to start.
            RequestErrorKind::NoResponders => {
                lost("nothing listens there: JetStream is off, or there is no such stream")
            }
            RequestErrorKind::MaxPayloadExceeded => Trouble::Refused(
                Code(0),
                Error::new(
                    ErrorKind::TooLarge,
                    "the message is larger than the server takes",
                ),
            ),
            RequestErrorKind::InvalidSubject | RequestErrorKind::Other => {
                lost("the connection to the server failed")
            }
        }
    }
}

/// What a connection was told, if that is that the user lacks a right. The server says so beside whatever was asked.
pub(crate) fn denied(event: &Event) -> Option<Error> {
    let Event::ServerError(ServerError::Other(told)) = event else {
        return None;
    };
    told.to_lowercase()
        .contains("permissions violation")
        .then(|| {
            let message = format!("the user lacks a right: the server says: {told}");
            Error::new(ErrorKind::Denied, message)
        })
}
