//! A request, seen by one who works for its requester.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bookdrop_queue::{CallId, Queue, Working};

use crate::entry::Entry;
use crate::store::Ledger;

/// Waits until an answer is unwanted; for ever where nobody asked for one.
pub(super) struct Unwanted<'a, L: Ledger> {
    queue: &'a Queue<Entry<L>>,
    call: Option<CallId>,
    working: Working,
}

impl<'a, L: Ledger> Unwanted<'a, L> {
    pub(super) fn new(queue: &'a Queue<Entry<L>>, call: Option<CallId>) -> Self {
        Unwanted {
            queue,
            call,
            working: None,
        }
    }
}

impl<L: Ledger> Future for Unwanted<'_, L> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let Some(call) = this.call else {
            return Poll::Pending;
        };
        this.queue.poll_unwanted(call, &mut this.working, cx)
    }
}

impl<L: Ledger> Drop for Unwanted<'_, L> {
    fn drop(&mut self) {
        if let Some(call) = self.call {
            self.queue.stop_working(call, &mut self.working);
        }
    }
}
