//! A consumer's place in its group.

use std::sync::Arc;

use bookdrop_queue::GroupId;

use crate::memory::Memory;

/// What a consumer shares with its deliveries.
pub(crate) struct Seat<T, R> {
    pub(crate) memory: Arc<Memory<T, R>>,
    pub(crate) group: GroupId,
    pub(crate) group_name: Arc<str>,
}
