//! How things ended, as it is written down.

use bookdrop_backend::{Error, ErrorKind, NotFetched, NotPublished, Settled, Unanswered, Why};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Content, Contents, Reason, Rest};

#[derive(Serialize, Deserialize, Debug)]
pub(crate) enum WrittenSettled {
    Yes,
    NotWanted,
    TooLate,
}

impl From<Settled> for WrittenSettled {
    fn from(settled: Settled) -> Self {
        match settled {
            Settled::NotWanted => WrittenSettled::NotWanted,
            Settled::TooLate => WrittenSettled::TooLate,
            _ => WrittenSettled::Yes,
        }
    }
}

impl From<WrittenSettled> for Settled {
    fn from(settled: WrittenSettled) -> Self {
        match settled {
            WrittenSettled::Yes => Settled::Yes,
            WrittenSettled::NotWanted => Settled::NotWanted,
            WrittenSettled::TooLate => Settled::TooLate,
        }
    }
}

/// An error, with what it came of as text.
#[derive(Clone, Serialize, Deserialize, Debug)]
pub(crate) struct Trouble {
    kind: u8,
    message: String,
    source: Option<String>,
}

/// In the order of their numbers.
const KINDS: [ErrorKind; 11] = [
    ErrorKind::Io,
    ErrorKind::Invalid,
    ErrorKind::Unsupported,
    ErrorKind::NotFound,
    ErrorKind::Denied,
    ErrorKind::InUse,
    ErrorKind::NewerVersion,
    ErrorKind::TooLarge,
    ErrorKind::NoSpace,
    ErrorKind::Unknown,
    ErrorKind::Broken,
];

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let kind = KINDS.iter().position(|kind| *kind == error.kind());
        Trouble {
            kind: kind.unwrap_or_default() as u8,
            message: error.to_string(),
            source: std::error::Error::source(&error).map(|source| source.to_string()),
        }
    }
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        let kind = KINDS.get(usize::from(trouble.kind));
        let kind = kind.copied().unwrap_or(ErrorKind::Io);
        match trouble.source {
            Some(source) => Error::with_source(kind, trouble.message, source),
            None => Error::new(kind, trouble.message),
        }
    }
}

#[derive(Serialize, Deserialize, Debug)]
pub(crate) enum WhyNotPublished {
    Full,
    Closed,
    Backend(Trouble),
}

impl From<NotPublished> for WhyNotPublished {
    fn from(why: NotPublished) -> Self {
        match why {
            NotPublished::Full => WhyNotPublished::Full,
            NotPublished::Backend(error) => WhyNotPublished::Backend(error.into()),
            _ => WhyNotPublished::Closed,
        }
    }
}

impl From<WhyNotPublished> for NotPublished {
    fn from(why: WhyNotPublished) -> Self {
        match why {
            WhyNotPublished::Full => NotPublished::Full,
            WhyNotPublished::Closed => NotPublished::Closed,
            WhyNotPublished::Backend(error) => NotPublished::Backend(error.into()),
        }
    }
}

#[derive(Serialize, Deserialize, Debug)]
pub(crate) enum WhyNotFetched {
    Empty,
    Closed,
    Backend(Trouble),
}

impl From<NotFetched> for WhyNotFetched {
    fn from(why: NotFetched) -> Self {
        match why {
            NotFetched::Empty => WhyNotFetched::Empty,
            NotFetched::Backend(error) => WhyNotFetched::Backend(error.into()),
            _ => WhyNotFetched::Closed,
        }
    }
}

impl From<WhyNotFetched> for NotFetched {
    fn from(why: WhyNotFetched) -> Self {
        match why {
            WhyNotFetched::Empty => NotFetched::Empty,
            WhyNotFetched::Closed => NotFetched::Closed,
            WhyNotFetched::Backend(error) => NotFetched::Backend(error.into()),
        }
    }
}

/// How a request ended.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) enum Answered {
    Answer(Content),
    Not { why: WhyNot, was_taken: bool },
}

#[derive(Serialize, Deserialize, Debug)]
pub(crate) enum WhyNot {
    Deadline,
    NoConsumer,
    Closed,
    Full,
    Buried(Reason),
    RetryTooLate,
    Purged,
    Unanswered,
    Backend(Trouble),
}

impl Answered {
    pub(crate) fn new(outcome: Result<Bytes, Unanswered>, contents: &mut Contents) -> Self {
        let unanswered = match outcome {
            Ok(answer) => return Answered::Answer(contents.put(answer)),
            Err(unanswered) => unanswered,
        };
        let why = match unanswered.why {
            Why::Deadline => WhyNot::Deadline,
            Why::NoConsumer => WhyNot::NoConsumer,
            Why::Closed => WhyNot::Closed,
            Why::Full => WhyNot::Full,
            Why::Buried(reason) => WhyNot::Buried(reason.into()),
            Why::RetryTooLate => WhyNot::RetryTooLate,
            Why::Purged => WhyNot::Purged,
            Why::Backend(error) => WhyNot::Backend(error.into()),
            _ => WhyNot::Unanswered,
        };
        Answered::Not {
            why,
            was_taken: unanswered.was_taken,
        }
    }

    pub(crate) fn read(self, rest: &mut Rest) -> Option<Result<Bytes, Unanswered>> {
        let (why, was_taken) = match self {
            Answered::Answer(answer) => return Some(Ok(rest.take(&answer)?)),
            Answered::Not { why, was_taken } => (why, was_taken),
        };
        let why = match why {
            WhyNot::Deadline => Why::Deadline,
            WhyNot::NoConsumer => Why::NoConsumer,
            WhyNot::Closed => Why::Closed,
            WhyNot::Full => Why::Full,
            WhyNot::Buried(reason) => Why::Buried(reason.into()),
            WhyNot::RetryTooLate => Why::RetryTooLate,
            WhyNot::Purged => Why::Purged,
            WhyNot::Backend(error) => Why::Backend(error.into()),
            WhyNot::Unanswered => Why::Unanswered,
        };
        Some(Err(Unanswered { why, was_taken }))
    }
}
