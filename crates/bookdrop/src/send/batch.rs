//! Sends of many events.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bookdrop_queue::park::Patience;
use serde_json::Value;

use super::Send;
use crate::backed::{Apart, Backed, Publishing};
use crate::error::SendBatchError;
use crate::event::Event;
use crate::home::Home;
use crate::operation::{Wait, waits_on_threads};

/// Events on their way into the queue; made by [`Producer::send_batch`](crate::Producer::send_batch).
///
/// Dropped before it is ready, the first ones were sent and the rest is dropped; [`into_rest`](SendBatch::into_rest)
/// gives the rest back instead. The one that waits for room may be let in before it is polled again; then it belongs to
/// those that were sent. Over a backend those that it has taken in may have been sent or not.
///
/// ```
/// # use bookdrop::{Driver, Event, Producer};
/// # futures_lite::future::block_on(async {
/// let library: Driver = Driver::memory(10);
/// let sent = Producer::new(&library).send_batch([Event::new("S"), Event::new("T")]).await?;
/// assert_eq!(sent, 2);
/// # Ok::<(), bookdrop::Error>(()) }).unwrap();
/// ```
#[must_use = "a send does nothing unless it is awaited or waited for"]
pub struct SendBatch<'a, T = (), R = Value> {
    home: &'a Home<T, R>,
    /// In memory they are sent one after the other.
    first: Option<Send<'a, T, R>>,
    /// A backend is given them all at once.
    publishing: Option<Apart<Publishing<T>>>,
    rest: VecDeque<Event<T>>,
    sent: usize,
}

impl<T, R> Unpin for SendBatch<'_, T, R> {}

waits_on_threads!(SendBatch);

impl<T, R> Wait for SendBatch<'_, T, R> {
    fn patience(&self) -> Patience {
        self.home.patience()
    }
}

impl<'a, T, R> SendBatch<'a, T, R> {
    pub(crate) fn new(home: &'a Home<T, R>, events: VecDeque<Event<T>>) -> Self {
        SendBatch {
            home,
            first: None,
            publishing: None,
            rest: events,
            sent: 0,
        }
    }

    /// Gives the rest up and takes it back, in order. What is in it was not sent, and will not be. What is not was sent, or over a
    /// backend may have been sent or not.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Driver, Event, Producer};
    /// let library: Driver = Driver::memory(1);
    /// let a = Producer::new(&library);
    /// let mut batch = a.send_batch([Event::new("S"), Event::new("T"), Event::new("U")]);
    /// assert!(batch.wait_for(Duration::from_millis(1)).is_err(), "there is room for one");
    /// assert_eq!(batch.into_rest().len(), 2);
    /// ```
    pub fn into_rest(mut self) -> Vec<Event<T>> {
        let first = self.first.take().and_then(Send::into_event);
        let publishing = self
            .publishing
            .take()
            .map(|publishing| publishing.into_inner().into_rest().1);
        first
            .into_iter()
            .chain(publishing.into_iter().flatten())
            .chain(std::mem::take(&mut self.rest))
            .collect()
    }
}

impl<T, R> Future for SendBatch<'_, T, R> {
    type Output = Result<usize, SendBatchError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.home {
            Home::Memory(_) => self.poll_one_by_one(cx),
            Home::Backed(backed) => self.poll_all(backed, cx),
        }
    }
}

impl<T, R> SendBatch<'_, T, R> {
    fn poll_one_by_one(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, SendBatchError<T>>> {
        loop {
            if self.first.is_none() {
                let home = self.home;
                self.first = self.rest.pop_front().map(|event| Send::new(home, event));
            }
            let Some(first) = &mut self.first else {
                return Poll::Ready(Ok(self.sent));
            };
            let result = ready!(Pin::new(first).poll(cx));
            self.first = None;
            match result {
                Ok(()) => self.sent += 1,
                Err(error) => {
                    let (kind, event) = error.into_parts();
                    let rest = std::iter::once(event)
                        .chain(std::mem::take(&mut self.rest))
                        .collect();
                    return Poll::Ready(Err(SendBatchError::new(kind, self.sent, rest)));
                }
            }
        }
    }

    fn poll_all(
        &mut self,
        backed: &Backed<T, R>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<usize, SendBatchError<T>>> {
        let rest = &mut self.rest;
        let begin = || Apart::new(Publishing::new(backed, std::mem::take(rest), true));
        let publishing = self.publishing.get_or_insert_with(begin);
        let result = ready!(publishing.get_mut().poll(cx));
        let publishing = self.publishing.take();
        let (sent, rest) = publishing
            .map(|publishing| publishing.into_inner().into_rest())
            .unwrap_or_default();
        self.sent += sent;
        Poll::Ready(match result {
            Ok(()) => Ok(self.sent),
            Err(kind) => Err(SendBatchError::new(kind, self.sent, rest.into())),
        })
    }
}

impl<T, R> fmt::Debug for SendBatch<'_, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendBatch")
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}
