//! Events on their way to a backend.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bookdrop_backend::{NotPublished, Progress};

use crate::error::SendErrorKind;
use crate::event::Event;

use super::words::not_published;
use super::{Backed, Pending};

/// Events that are being published, all by one call. They stay here until it is known that they were sent.
pub(crate) struct Publishing<T> {
    events: VecDeque<Event<T>>,
    /// How many of them, from the first on, the backend was given.
    given: usize,
    /// How many of them were sent, once that is known.
    sent: usize,
    /// Why the one behind these was not given.
    stopped_by: Option<SendErrorKind>,
    progress: Progress,
    /// `None` once it has ended.
    call: Option<Pending<Result<(), NotPublished>>>,
}

impl<T> Publishing<T> {
    /// Publishes the events, in order, up to the first that cannot be sent.
    pub(crate) fn new<R>(backed: &Backed<T, R>, events: VecDeque<Event<T>>, waits: bool) -> Self {
        let mut records = Vec::with_capacity(events.len());
        let mut stopped_by = None;
        for event in &events {
            match backed.encode(event) {
                Ok(record) => records.push(record),
                Err(why) => {
                    stopped_by = Some(why);
                    break;
                }
            }
        }
        let progress = Progress::default();
        let given = records.len();
        let call = |records| backed.backend().publish(records, progress.clone(), waits);
        Publishing {
            events,
            given,
            sent: 0,
            stopped_by,
            call: (given > 0).then(|| call(records)),
            progress,
        }
    }

    /// Ready when all of them are sent, or one is not: what [`sent`](Publishing::sent) and
    /// [`into_rest`](Publishing::into_rest) say.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendErrorKind>> {
        if let Some(call) = &mut self.call {
            let result = ready!(Pin::new(call).poll(cx));
            self.call = None;
            self.sent = match &result {
                Ok(()) => self.given,
                // The first one that is given back is the one that failed.
                Err(_) => self.progress.taken().min(self.given - 1),
            };
            if let Err(why) = result {
                return Poll::Ready(Err(not_published(why)));
            }
        }
        Poll::Ready(self.stopped_by.take().map_or(Ok(()), Err))
    }

    /// Gives the rest up, and takes it back in order; says how many were sent.
    pub(crate) fn into_rest(mut self) -> (usize, VecDeque<Event<T>>) {
        if self.call.is_some() {
            // From then on no more of them are taken in.
            self.call = None;
            self.sent = self.progress.taken().min(self.given);
        }
        self.events.drain(..self.sent);
        (self.sent, self.events)
    }
}
