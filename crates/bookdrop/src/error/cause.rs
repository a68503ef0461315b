//! What an error came of.

use std::error::Error as StdError;

use bookdrop_backend::Error as BackendError;

/// The first cause that a backend's own message does not tell already. Errors of this crate have that message in theirs.
pub(super) fn untold_cause(error: &BackendError) -> Option<&(dyn StdError + 'static)> {
    let told = error.to_string();
    let mut cause = error.source();
    while let Some(known) = cause.filter(|cause| told.contains(&cause.to_string())) {
        cause = known.source();
    }
    cause
}
