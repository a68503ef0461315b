//! The bounds of a queue, as options of an address.

use bookdrop_queue::{Limits, OnFull};

use crate::address::Options;
use crate::error::OpenError;

/// What a sender meets when the queue is full, by name.
const ON_FULL: &[(&str, OnFull)] = &[
    ("wait", OnFull::Wait),
    ("reject", OnFull::Reject),
    ("drop_oldest", OnFull::DropOldest),
];

/// Takes what is given; the rest keeps its default. Returns the capacity as well, if it is given.
pub(super) fn take(options: &mut Options) -> Result<(Option<usize>, Limits, OnFull), OpenError> {
    let mut limits = Limits::default();
    let capacity = options.number("capacity", 1..=usize::MAX)?;
    set(&mut limits.capacity, capacity);
    set(
        &mut limits.max_delayed,
        options.number("max_delayed", 1..=usize::MAX)?,
    );
    set(
        &mut limits.max_attempts,
        options.number("max_attempts", 1..=u32::MAX)?,
    );
    set(
        &mut limits.max_deliveries,
        options.number("max_deliveries", 1..=u32::MAX)?,
    );
    set(
        &mut limits.max_dead,
        options.number("max_dead", 0..=usize::MAX)?,
    );
    let backoff = &mut limits.backoff;
    set(&mut backoff.first, options.duration("retry_backoff_first")?);
    set(&mut backoff.max, options.duration("retry_backoff_max")?);
    set(
        &mut limits.duplicate_window,
        options.duration("duplicate_window")?,
    );
    set(
        &mut limits.max_remembered_ids,
        options.number("max_remembered_ids", 0..=usize::MAX)?,
    );
    let on_full = options.choice("on_full", ON_FULL)?;
    Ok((capacity, limits, on_full.unwrap_or_default()))
}

fn set<V>(option: &mut V, given: Option<V>) {
    if let Some(given) = given {
        *option = given;
    }
}
