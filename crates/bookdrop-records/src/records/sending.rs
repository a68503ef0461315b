//! A record on its way into the queue.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bookdrop_backend::{Error, ErrorKind, NotPublished, Progress};
use bookdrop_queue::{Queue, Refusal, Refused, Ticket};

use crate::entry::Entry;
use crate::event::Event;
use crate::store::{Ledger, Store};

/// Takes one record in, and counts it: ends with the note that says so. Dropped while it stands in line, it leaves the line.
pub(super) struct Sending<'a, S: Store> {
    queue: &'a Queue<Entry<S::Ledger>>,
    store: &'a S,
    progress: &'a Progress,
    waits: bool,
    event: Arc<Event<S::Ledger>>,
    stage: Stage<S::Ledger>,
    /// Its place among those who watch the store, while it waits.
    watching: Option<u64>,
}

enum Stage<L: Ledger> {
    New(Entry<L>, Option<Instant>),
    InLine(Ticket),
    Ended,
}

// Nothing in it is pinned: the entry is moved into the queue.
impl<S: Store> Unpin for Sending<'_, S> {}

impl<'a, S: Store> Sending<'a, S> {
    pub(super) fn new(
        queue: &'a Queue<Entry<S::Ledger>>,
        store: &'a S,
        (entry, due): (Entry<S::Ledger>, Option<Instant>),
        progress: &'a Progress,
        waits: bool,
    ) -> Self {
        Sending {
            queue,
            store,
            progress,
            waits,
            event: entry.event().clone(),
            stage: Stage::New(entry, due),
            watching: None,
        }
    }

    /// How it ends where there is no room for it, whatever is queued. It may be in line already.
    fn end_without_room(&mut self) -> Option<Result<(), Error>> {
        let error = self.store.refusal(&self.event)?;
        let needs_room =
            matches!(error.kind(), ErrorKind::Broken | ErrorKind::TooLarge) || !self.is_duplicate();
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::InLine(ticket) if self.queue.leave_line(ticket).is_none() => {
                // It was let in meanwhile.
                self.stage = Stage::InLine(ticket);
                None
            }
            _ if needs_room => Some(Err(error)),
            // The queue finds out by itself, and counts it.
            Stage::New(entry, due) => {
                self.stage = Stage::New(entry, due);
                None
            }
            _ => Some(Ok(())),
        }
    }

    /// Whether it was sent before. Then it takes no room.
    fn is_duplicate(&self) -> bool {
        let id = self.event.given_id.as_deref();
        id.is_some_and(|id| self.queue.remembers(id))
    }

    /// It is taken in, or was before. Returns the note that says so.
    fn taken(&self) -> u64 {
        self.progress.advance();
        let ledger = self.event.ledger();
        // Where there is none about it, the first one with its id was noted, whenever that was.
        let note = ledger.last_note(&self.event);
        note.unwrap_or_else(|| ledger.noted())
    }

    /// Watches the store, and sees to it that there will be room in it.
    fn watch(&mut self, cx: &Context<'_>) {
        let mut watch = || self.store.watch(&self.event, &mut self.watching, cx);
        if !watch() {
            // There may be some since it was looked for. Those in line come first, and may leave none.
            self.queue.let_in();
            watch();
        }
    }

    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refused<Entry<S::Ledger>>>> {
        match std::mem::replace(&mut self.stage, Stage::Ended) {
            Stage::New(entry, due) => {
                let sent = match self.waits {
                    true => self.queue.send(entry, due, cx.waker().clone()),
                    false => self.queue.try_send(entry, due).map(|()| None),
                };
                match sent {
                    Ok(None) => Poll::Ready(Ok(())),
                    Ok(Some(ticket)) => {
                        self.stage = Stage::InLine(ticket);
                        Poll::Pending
                    }
                    Err(refused) if refused.why == Refusal::NotYet => {
                        self.stage = Stage::New(refused.item, due);
                        Poll::Pending
                    }
                    Err(refused) => Poll::Ready(Err(refused)),
                }
            }
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

impl<S: Store> Future for Sending<'_, S> {
    type Output = Result<u64, NotPublished>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut watches = false;
        loop {
            if let Some(end) = this.end_without_room() {
                let end = end.map(|()| this.taken());
                return Poll::Ready(end.map_err(NotPublished::Backend));
            }
            // In line, it is told when it is let in.
            if watches && matches!(this.stage, Stage::InLine(_)) {
                return Poll::Pending;
            }
            match this.poll_sent(cx) {
                Poll::Ready(Ok(())) => return Poll::Ready(Ok(this.taken())),
                Poll::Ready(Err(refused)) if refused.why == Refusal::Full => {
                    return Poll::Ready(Err(NotPublished::Full));
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Err(NotPublished::Closed)),
                Poll::Pending if watches => return Poll::Pending,
                Poll::Pending => {}
            }
            // It looks once more then: there may have been news meanwhile.
            this.watch(cx);
            watches = true;
        }
    }
}

impl<S: Store> Drop for Sending<'_, S> {
    fn drop(&mut self) {
        if let Stage::InLine(ticket) = self.stage
            && self.queue.leave_line(ticket).is_none()
        {
            // It was let in meanwhile.
            self.progress.advance();
        }
        if self.watching.is_some() {
            self.store.stop_watching(&mut self.watching);
        }
    }
}
