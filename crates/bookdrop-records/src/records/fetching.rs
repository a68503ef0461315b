//! Waiting for records to be handed over.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bookdrop_backend::{NotFetched, Wait};
use bookdrop_queue::{Queue, Reader, Taken, Waiting};

use crate::entry::Entry;
use crate::store::Ledger;

/// Takes what is there. Dropped before it is ready, it has taken nothing.
pub(super) struct Fetching<'a, L: Ledger> {
    queue: &'a Queue<Entry<L>>,
    ledger: &'a L,
    reader: Reader,
    max: usize,
    wait: Wait,
    waiting: Waiting,
}

impl<'a, L: Ledger> Fetching<'a, L> {
    pub(super) fn new(
        queue: &'a Queue<Entry<L>>,
        ledger: &'a L,
        reader: Reader,
        max: usize,
        wait: Wait,
    ) -> Self {
        Fetching {
            queue,
            ledger,
            reader,
            max,
            wait,
            waiting: None,
        }
    }

    fn take_now(&self) -> Result<Vec<Taken<Entry<L>>>, NotFetched> {
        let mut taken = Vec::new();
        while taken.len() < self.max {
            match self.queue.try_receive(self.reader) {
                Ok(Some(one)) => taken.push(one),
                Ok(None) if taken.is_empty() => return Err(NotFetched::Empty),
                Err(_) if taken.is_empty() => return Err(NotFetched::Closed),
                _ => break,
            }
        }
        Ok(taken)
    }
}

impl<L: Ledger> Future for Fetching<'_, L> {
    type Output = Result<Vec<Taken<Entry<L>>>, NotFetched>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Some(error) = this.ledger.broken() {
            return Poll::Ready(Err(NotFetched::Backend(error)));
        }
        let (queue, reader, waiting) = (this.queue, this.reader, &mut this.waiting);
        let mut taken = Vec::new();
        let mut into = |one| taken.push(one);
        let end = match this.wait {
            Wait::No => return Poll::Ready(this.take_now()),
            Wait::Yes => queue.poll_receive(reader, this.max, waiting, cx, &mut into),
            Wait::Loosely => queue.poll_next(reader, waiting, cx, &mut into),
        };
        match end {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(taken)),
            Poll::Ready(Err(_)) => Poll::Ready(Err(NotFetched::Closed)),
            // It may have broken before anybody knew that this one waits.
            Poll::Pending => match this.ledger.broken() {
                Some(error) => Poll::Ready(Err(NotFetched::Backend(error))),
                None => Poll::Pending,
            },
        }
    }
}

impl<L: Ledger> Drop for Fetching<'_, L> {
    fn drop(&mut self) {
        let group = self.reader.group;
        self.queue.stop_receiving(group, &mut self.waiting);
    }
}
