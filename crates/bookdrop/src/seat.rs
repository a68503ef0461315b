//! A consumer's place in its group.

use std::sync::Arc;

use bookdrop_queue::{DEFAULT_GROUP, Loan, Reader};

use crate::backed::Backed;
use crate::memory::Memory;

/// What a consumer lends to its deliveries.
pub(crate) struct Seat<T, R> {
    pub(crate) place: Place<T, R>,
    /// `None` stands for the default group.
    pub(crate) group_name: Option<Arc<str>>,
}

/// Where a delivery is settled.
pub(crate) enum Place<T, R> {
    /// At the queue in memory.
    Memory {
        memory: Arc<Memory<T, R>>,
        reader: Reader,
    },
    /// At a backend.
    Backed {
        backed: Arc<Backed<T, R>>,
        auto_ack: bool,
    },
}

impl<T, R> Seat<T, R> {
    pub(crate) fn group(&self) -> &str {
        self.group_name.as_deref().unwrap_or(DEFAULT_GROUP)
    }

    /// Whether what it is lent to was settled when it was handed over.
    #[inline]
    pub(crate) fn is_auto_acked(&self) -> bool {
        match &self.place {
            Place::Memory { reader, .. } => reader.is_auto_acked(),
            Place::Backed { auto_ack, .. } => *auto_ack,
        }
    }
}

/// Gives the loan of a delivery back that was settled through the queue.
pub(crate) fn return_settled<T, R>(seat: Loan<Seat<T, R>>) {
    if let Err(seat) = seat.give_back()
        && let Place::Memory { memory, .. } = &seat.place
    {
        // Somebody waits for empty hands. As long as this loan was out, another one may have been left uncounted.
        let memory = memory.clone();
        drop(seat);
        memory.queue.recount();
    }
}
