//! What backends say, in the words of this crate.

use bookdrop_backend::{self as backend, NotPublished, Why};
use bookdrop_queue::DeadReason;

use crate::error::{RequestErrorKind, SendErrorKind};

/// The code of a failure where an event, or an answer, cannot be decoded.
pub(crate) const UNDECODABLE: &str = "bookdrop.undecodable";

/// Why an event became a dead letter.
pub(crate) fn reason(reason: backend::DeadReason) -> DeadReason {
    match reason {
        backend::DeadReason::Rejected(why) => DeadReason::Rejected(why),
        backend::DeadReason::MaxAttempts => DeadReason::MaxAttempts,
        backend::DeadReason::MaxDeliveries => DeadReason::MaxDeliveries,
        backend::DeadReason::Undecodable(why) => DeadReason::Undecodable(why),
        other => DeadReason::Rejected(other.to_string()),
    }
}

/// Why a consumer wants an event buried, for a backend.
pub(crate) fn reason_for_backend(reason: DeadReason) -> backend::DeadReason {
    match reason {
        DeadReason::MaxAttempts => backend::DeadReason::MaxAttempts,
        DeadReason::MaxDeliveries => backend::DeadReason::MaxDeliveries,
        DeadReason::Undecodable(why) => backend::DeadReason::Undecodable(why),
        DeadReason::Rejected(why) => backend::DeadReason::Rejected(why),
        other => backend::DeadReason::Rejected(other.to_string()),
    }
}

/// Why an event was not sent.
pub(super) fn not_published(why: NotPublished) -> SendErrorKind {
    match why {
        NotPublished::Full => SendErrorKind::Full,
        NotPublished::Closed => SendErrorKind::Closed,
        NotPublished::Backend(error) => SendErrorKind::Backend(error),
        other => SendErrorKind::Backend(unknown(&other)),
    }
}

/// Why a request has no answer.
pub(super) fn no_answer(why: Why) -> RequestErrorKind {
    match why {
        Why::Deadline => RequestErrorKind::Deadline,
        Why::NoConsumer => RequestErrorKind::NoConsumer,
        Why::Closed => RequestErrorKind::Closed,
        Why::Full => RequestErrorKind::Full,
        Why::Buried(why) => RequestErrorKind::buried(&reason(why)),
        Why::RetryTooLate => RequestErrorKind::retry_too_late(),
        Why::Purged => RequestErrorKind::purged(),
        Why::Unanswered => RequestErrorKind::unanswered(),
        Why::Backend(error) => RequestErrorKind::Backend(error),
        other => RequestErrorKind::Backend(unknown(&other)),
    }
}

/// A backend of a later version of the contract said what this one does not know.
fn unknown(what: &impl std::fmt::Debug) -> backend::Error {
    let message = format!("the backend said what this version of bookdrop does not know: {what:?}");
    backend::Error::new(backend::ErrorKind::Unsupported, message)
}
