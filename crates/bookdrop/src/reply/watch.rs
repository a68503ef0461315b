//! Who asks, seen by one who works for it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bookdrop_backend::Receipt;
use bookdrop_queue::{CallId, Working, clock};

use crate::backed::{Backed, Pending};
use crate::event::Ask;
use crate::memory::Memory;
use crate::seat::{Place, Seat};

/// What can be asked whether its answer is still wanted.
pub(crate) trait Watched {
    fn is_unwanted(&self) -> bool;
    fn poll_unwanted(&self, watch: &mut Watch, cx: &mut Context<'_>) -> Poll<()>;
    fn stop(&self, watch: &mut Watch);
}

/// A wait for an answer to be unwanted.
#[derive(Default)]
pub(crate) struct Watch {
    /// In memory.
    working: Working,
    /// At a backend.
    unwanted: Option<Pending<()>>,
}

/// A requester, and its deadline.
pub(crate) struct Owed<T, R> {
    pub(super) to: Requester<T, R>,
    deadline: Instant,
}

/// A requester.
pub(super) enum Requester<T, R> {
    Memory {
        memory: Arc<Memory<T, R>>,
        call: CallId,
    },
    Backed {
        backed: Arc<Backed<T, R>>,
        receipt: Receipt,
    },
}

/// A requester, seen by who has its event in hand.
pub(crate) struct Watcher<'a, T, R> {
    to: Seen<'a, T, R>,
    deadline: Instant,
}

enum Seen<'a, T, R> {
    Memory(&'a Arc<Memory<T, R>>, CallId),
    Backed(&'a Arc<Backed<T, R>>, Receipt),
}

impl<'a, T, R> Watcher<'a, T, R> {
    /// Who asks, where the consumer with this seat was handed it.
    pub(crate) fn new(ask: Ask, seat: &'a Seat<T, R>, receipt: Receipt) -> Option<Self> {
        let to = match &seat.place {
            Place::Memory { memory, .. } => Seen::Memory(memory, ask.call?),
            Place::Backed { backed, .. } => Seen::Backed(backed, receipt),
        };
        let deadline = ask.deadline;
        Some(Watcher { to, deadline })
    }

    /// The same, for whoever owes it an answer.
    pub(crate) fn to_owed(&self) -> Owed<T, R> {
        let to = match self.to {
            Seen::Memory(memory, call) => Requester::Memory {
                memory: memory.clone(),
                call,
            },
            Seen::Backed(backed, receipt) => Requester::Backed {
                backed: backed.clone(),
                receipt,
            },
        };
        let deadline = self.deadline;
        Owed { to, deadline }
    }
}

impl<T, R> Watched for Watcher<'_, T, R> {
    fn is_unwanted(&self) -> bool {
        match self.to {
            Seen::Memory(memory, call) => {
                clock::now() >= self.deadline || !memory.queue.is_awaited(call)
            }
            Seen::Backed(backed, receipt) => backed.is_unwanted(receipt, self.deadline),
        }
    }

    fn poll_unwanted(&self, watch: &mut Watch, cx: &mut Context<'_>) -> Poll<()> {
        match self.to {
            Seen::Memory(memory, call) => memory.queue.poll_unwanted(call, &mut watch.working, cx),
            Seen::Backed(backed, receipt) => {
                let begin = || backed.backend().unwanted(receipt);
                Pin::new(watch.unwanted.get_or_insert_with(begin)).poll(cx)
            }
        }
    }

    fn stop(&self, watch: &mut Watch) {
        if let Seen::Memory(memory, call) = self.to {
            memory.queue.stop_working(call, &mut watch.working);
        }
        watch.unwanted = None;
    }
}

impl<T, R> Owed<T, R> {
    fn watcher(&self) -> Watcher<'_, T, R> {
        let to = match &self.to {
            Requester::Memory { memory, call } => Seen::Memory(memory, *call),
            Requester::Backed { backed, receipt } => Seen::Backed(backed, *receipt),
        };
        let deadline = self.deadline;
        Watcher { to, deadline }
    }
}

impl<T, R> Watched for Owed<T, R> {
    fn is_unwanted(&self) -> bool {
        self.watcher().is_unwanted()
    }

    fn poll_unwanted(&self, watch: &mut Watch, cx: &mut Context<'_>) -> Poll<()> {
        self.watcher().poll_unwanted(watch, cx)
    }

    fn stop(&self, watch: &mut Watch) {
        self.watcher().stop(watch);
    }
}

impl<W: Watched + ?Sized> Watched for &W {
    fn is_unwanted(&self) -> bool {
        (**self).is_unwanted()
    }

    fn poll_unwanted(&self, watch: &mut Watch, cx: &mut Context<'_>) -> Poll<()> {
        (**self).poll_unwanted(watch, cx)
    }

    fn stop(&self, watch: &mut Watch) {
        (**self).stop(watch);
    }
}

/// Waits until an answer is unwanted; for ever where nobody asked for one.
pub(crate) struct Unwanted<W: Watched> {
    watched: Option<W>,
    watch: Watch,
}

impl<W: Watched> Unwanted<W> {
    pub(crate) fn new(watched: Option<W>) -> Self {
        Unwanted {
            watched,
            watch: Watch::default(),
        }
    }
}

// Nothing in it is pinned.
impl<W: Watched> Unpin for Unwanted<W> {}

impl<W: Watched> Future for Unwanted<W> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let watched = this.watched.as_ref();
        watched.map_or(Poll::Pending, |watched| {
            watched.poll_unwanted(&mut this.watch, cx)
        })
    }
}

impl<W: Watched> Drop for Unwanted<W> {
    fn drop(&mut self) {
        if let Some(watched) = &self.watched {
            watched.stop(&mut self.watch);
        }
    }
}
