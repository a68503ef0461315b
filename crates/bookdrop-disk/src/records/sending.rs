//! A record on its way into the queue.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bookdrop_backend::{NotPublished, Progress};
use bookdrop_queue::{Queue, Refusal, Refused, Ticket};

use crate::entry::Entry;

/// Takes one record in, and counts it. Dropped while it stands in line, it leaves the line.
pub(super) struct Sending<'a> {
    queue: &'a Queue<Entry>,
    progress: &'a Progress,
    waits: bool,
    stage: Stage,
}

enum Stage {
    New(Entry, Option<Instant>),
    InLine(Ticket),
    Ended,
}

impl<'a> Sending<'a> {
    pub(super) fn new(
        queue: &'a Queue<Entry>,
        (entry, due): (Entry, Option<Instant>),
        progress: &'a Progress,
        waits: bool,
    ) -> Self {
        Sending {
            queue,
            progress,
            waits,
            stage: Stage::New(entry, due),
        }
    }

    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refused<Entry>>> {
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::New(entry, due) if !self.waits => Poll::Ready(self.queue.try_send(entry, due)),
            Stage::New(entry, due) => match self.queue.send(entry, due, cx.waker().clone())? {
                None => Poll::Ready(Ok(())),
                Some(ticket) => {
                    self.stage = Stage::InLine(ticket);
                    Poll::Pending
                }
            },
            Stage::InLine(ticket) => {
                let poll = self.queue.poll_line(ticket, cx);
                if poll.is_pending() {
                    self.stage = Stage::InLine(ticket);
                }
                poll
            }
            Stage::Ended => panic!("a send was polled after it had ended"),
        }
    }
}

impl Future for Sending<'_> {
    type Output = Result<(), NotPublished>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let sent = ready!(self.poll_sent(cx));
        Poll::Ready(match sent {
            Ok(()) => {
                self.progress.advance();
                Ok(())
            }
            Err(refused) if refused.why == Refusal::Full => Err(NotPublished::Full),
            Err(_) => Err(NotPublished::Closed),
        })
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        if let Stage::InLine(ticket) = self.stage
            && self.queue.leave_line(ticket).is_none()
        {
            // It was let in meanwhile.
            self.progress.advance();
        }
    }
}
