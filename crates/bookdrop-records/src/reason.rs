//! Why an event became a dead letter.

use bookdrop_backend::DeadReason;
use bookdrop_queue::DeadReason as Known;

/// The reason in the words of the queue.
pub fn known_reason(reason: DeadReason) -> Known {
    match reason {
        DeadReason::Rejected(why) => Known::Rejected(why),
        DeadReason::MaxAttempts => Known::MaxAttempts,
        DeadReason::MaxDeliveries => Known::MaxDeliveries,
        DeadReason::Undecodable(why) => Known::Undecodable(why),
        other => Known::Rejected(other.to_string()),
    }
}

/// The reason in the words of the contract.
pub fn told_reason(reason: Known) -> DeadReason {
    match reason {
        Known::Rejected(why) => DeadReason::Rejected(why),
        Known::MaxAttempts => DeadReason::MaxAttempts,
        Known::MaxDeliveries => DeadReason::MaxDeliveries,
        Known::Undecodable(why) => DeadReason::Undecodable(why),
        other => DeadReason::Rejected(other.to_string()),
    }
}
