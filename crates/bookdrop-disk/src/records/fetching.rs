//! Waiting for records to be handed over.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bookdrop_backend::{NotFetched, Wait};
use bookdrop_queue::{Queue, Reader, Taken, Waiting};

use crate::entry::Entry;

/// Takes what is there. Dropped before it is ready, it has taken nothing.
pub(super) struct Fetching<'a> {
    queue: &'a Queue<Entry>,
    reader: Reader,
    max: usize,
    wait: Wait,
    waiting: Waiting,
}

impl<'a> Fetching<'a> {
    pub(super) fn new(queue: &'a Queue<Entry>, reader: Reader, max: usize, wait: Wait) -> Self {
        Fetching {
            queue,
            reader,
            max,
            wait,
            waiting: None,
        }
    }

    fn take_now(&self) -> Result<Vec<Taken<Entry>>, NotFetched> {
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

impl Future for Fetching<'_> {
    type Output = Result<Vec<Taken<Entry>>, NotFetched>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let (queue, reader, waiting) = (this.queue, this.reader, &mut this.waiting);
        let mut taken = Vec::new();
        let mut into = |one| taken.push(one);
        let end = match this.wait {
            Wait::No => return Poll::Ready(this.take_now()),
            Wait::Yes => queue.poll_receive(reader, this.max, waiting, cx, &mut into),
            Wait::Loosely => queue.poll_next(reader, waiting, cx, &mut into),
        };
        Poll::Ready(match ready!(end) {
            Ok(()) => Ok(taken),
            Err(_) => Err(NotFetched::Closed),
        })
    }
}

impl Drop for Fetching<'_> {
    fn drop(&mut self) {
        let group = self.reader.group;
        self.queue.stop_receiving(group, &mut self.waiting);
    }
}
