//! Waiting until what happened so far is durable.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bookdrop_backend::Error;
use bookdrop_queue::park;

use crate::keeper::Keep;
use crate::ledger::Waiting;
use crate::options::Sync;

/// Ends when all that was noted before its first poll survives what it is to survive. Dropped, that goes on.
pub(super) struct Surviving<'a> {
    keep: &'a dyn Keep,
    note: Option<u64>,
    waiting: Waiting,
}

impl<'a> Surviving<'a> {
    pub(super) fn new(keep: &'a dyn Keep) -> Self {
        Surviving {
            keep,
            note: None,
            waiting: None,
        }
    }
}

impl Future for Surviving<'_> {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let ledger = this.keep.ledger();
        let note = *this.note.get_or_insert_with(|| ledger.noted());
        match this.keep.sync() {
            // A thread that has nothing else to do can wait here, which is cheaper, and may flush by itself.
            Sync::Always if park::may_block_with(cx.waker()) => {
                Poll::Ready(this.keep.wait_here(note))
            }
            Sync::Always => ledger.survival.poll(note, &mut this.waiting, cx),
            Sync::Every(_) | Sync::Never => Poll::Ready(this.keep.write_up_to(note)),
        }
    }
}

impl Drop for Surviving<'_> {
    fn drop(&mut self) {
        if self.waiting.is_some() {
            self.keep.ledger().survival.stop(&mut self.waiting);
        }
    }
}
