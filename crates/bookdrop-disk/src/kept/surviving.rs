//! Waiting until what happened so far is durable.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bookdrop_backend::Error;
use bookdrop_queue::park;

use crate::keeper::Keep;
use crate::ledger::Waiting;
use crate::options::Sync;

/// Ends when what was noted up to this note survives what it is to survive. Dropped, that goes on.
pub(super) struct Surviving<'a> {
    keep: &'a dyn Keep,
    note: u64,
    waiting: Waiting,
}

impl<'a> Surviving<'a> {
    pub(super) fn new(keep: &'a dyn Keep, note: u64) -> Self {
        Surviving {
            keep,
            note,
            waiting: None,
        }
    }
}

impl Future for Surviving<'_> {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let note = this.note;
        match this.keep.sync() {
            // A thread that has nothing else to do can wait here, which is cheaper, and may flush by itself.
            Sync::Always if park::may_block_with(cx.waker()) => {
                Poll::Ready(this.keep.wait_here(note))
            }
            Sync::Always => this
                .keep
                .ledger()
                .survival
                .poll(note, &mut this.waiting, cx),
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

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};

    use bookdrop_backend::{Backend, NotPublished, Place, Progress, Record};
    use bookdrop_queue::park::wait;

    use crate::kept::Kept;
    use crate::lossy_disk::Disk;
    use crate::options::Options;
    use crate::records::Records;

    #[test]
    fn a_sender_does_not_wait_for_what_was_noted_later() {
        let mut options = Options {
            segment_bytes: 4096,
            ..Options::default()
        };
        options.limits.capacity = 1;
        let disk = Disk::new(7, 1 << 20, None);
        // No thread works for it: nothing is flushed but here.
        let (queue, keeper, _) = Kept::read(disk, &options, 7).expect("there is room");
        let records = Arc::new(Records::new(queue, Kept::alone(keeper.clone())));

        let progress = Progress::default();
        let two = vec![Record::default(); 2];
        let mut sending = pin!(records.publish(two, progress.clone(), true));
        let mut poll = || {
            let mut cx = Context::from_waker(Waker::noop());
            sending.as_mut().poll(&mut cx)
        };
        assert!(poll().is_pending(), "there is room for one of them");
        drop(keeper.commit_or_refuse(None));
        // This is noted, and not flushed.
        wait(records.join(Place::In("a new group"))).expect("anybody can join");
        wait(records.close()).expect("it can be closed");
        let sent = poll();
        assert!(matches!(sent, Poll::Ready(Err(NotPublished::Closed))));
        assert_eq!(progress.taken(), 1);
    }
}
