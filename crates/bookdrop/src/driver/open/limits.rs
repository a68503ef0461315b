//! The bounds of a queue, as options of an address.

use bookdrop_queue::{Limits, OnFull};

use crate::address::{Options, set};
use crate::error::OpenError;

/// What a sender meets when the queue is full, by name.
const ON_FULL: &[(&str, OnFull)] = &[
    ("wait", OnFull::Wait),
    ("reject", OnFull::Reject),
    ("drop_oldest", OnFull::DropOldest),
];

/// Takes what is given; the rest stays as it is. Returns whether a capacity is given.
pub(super) fn take(
    options: &mut Options,
    limits: &mut Limits,
    on_full: &mut OnFull,
) -> Result<bool, OpenError> {
    let capacity = options.number("capacity", 1..=usize::MAX)?;
    set(&mut limits.capacity, capacity);
    let max_delayed = options.number("max_delayed", 1..=usize::MAX)?;
    set(&mut limits.max_delayed, max_delayed);
    let max_attempts = options.number("max_attempts", 1..=u32::MAX)?;
    set(&mut limits.max_attempts, max_attempts);
    let max_deliveries = options.number("max_deliveries", 1..=u32::MAX)?;
    set(&mut limits.max_deliveries, max_deliveries);
    let max_dead = options.number("max_dead", 0..=usize::MAX)?;
    set(&mut limits.max_dead, max_dead);
    let backoff = &mut limits.backoff;
    set(&mut backoff.first, options.duration("retry_backoff_first")?);
    set(&mut backoff.max, options.duration("retry_backoff_max")?);
    let duplicate_window = options.duration("duplicate_window")?;
    set(&mut limits.duplicate_window, duplicate_window);
    let max_remembered_ids = options.number("max_remembered_ids", 0..=usize::MAX)?;
    set(&mut limits.max_remembered_ids, max_remembered_ids);
    set(on_full, options.choice("on_full", ON_FULL)?);
    Ok(capacity.is_some())
}
