//! A consumer's place in its group.

use std::sync::Arc;

use bookdrop_queue::{DEFAULT_GROUP, Loan, Reader};

use crate::memory::Memory;

/// What a consumer lends to its deliveries.
pub(crate) struct Seat<T, R> {
    pub(crate) memory: Arc<Memory<T, R>>,
    pub(crate) reader: Reader,
    /// `None` stands for the default group.
    pub(crate) group_name: Option<Arc<str>>,
}

impl<T, R> Seat<T, R> {
    pub(crate) fn group(&self) -> &str {
        self.group_name.as_deref().unwrap_or(DEFAULT_GROUP)
    }
}

/// Gives the loan of a delivery back that was settled through the queue.
pub(crate) fn return_settled<T, R>(seat: Loan<Seat<T, R>>) {
    if let Err(seat) = seat.give_back() {
        // Somebody waits for empty hands. As long as this loan was out, another one may have been left uncounted.
        let memory = seat.memory.clone();
        drop(seat);
        memory.queue.recount();
    }
}
