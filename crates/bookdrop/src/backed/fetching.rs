//! A consumer's way to what a backend hands over.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::vec;

use bookdrop_backend::{DeadReason, Error, Fetched, NotFetched, Reader, Receipt, Settlement, Wait};

use crate::memory::Stored;

use super::{Backed, Pending, Twin};

/// A consumer at a backend. It leaves when it is dropped.
pub(crate) struct Fetching {
    backend: Arc<dyn Twin>,
    stay: Stay,
    under_way: Option<UnderWay>,
    /// Whether a stream was told that the backend can hand nothing over any more.
    pub(crate) has_told: bool,
}

// What a panic of the backend breaks is the backend's.
impl UnwindSafe for Fetching {}
impl RefUnwindSafe for Fetching {}

/// Whether it has come.
enum Stay {
    Coming(Pending<Result<Reader, Error>>),
    Here(Reader),
    Refused(Error),
}

/// A fetch that waits.
struct UnderWay {
    max: usize,
    wait: Wait,
    fetch: Pending<Result<Vec<Fetched>, NotFetched>>,
}

impl Fetching {
    /// A consumer of this group comes, at once if the backend can.
    pub(crate) fn new(backend: Arc<dyn Twin>, group: &str) -> Self {
        let coming = backend.clone().join(group.to_owned());
        Fetching::coming(backend, coming)
    }

    /// One more of this group. Where this one is not there yet, it comes by the name of the group.
    pub(crate) fn beside(&self, group: &str) -> Self {
        let backend = self.backend.clone();
        match self.stay {
            Stay::Here(reader) => {
                let coming = backend.clone().join_beside(reader);
                Fetching::coming(backend, coming)
            }
            _ => Fetching::new(backend, group),
        }
    }

    fn coming(backend: Arc<dyn Twin>, mut coming: Pending<Result<Reader, Error>>) -> Self {
        let stay = match coming.poll_once() {
            Poll::Ready(Ok(reader)) => Stay::Here(reader),
            Poll::Ready(Err(error)) => Stay::Refused(error),
            Poll::Pending => Stay::Coming(coming),
        };
        Fetching {
            backend,
            stay,
            under_way: None,
            has_told: false,
        }
    }

    fn poll_come(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reader, Error>> {
        if let Stay::Coming(coming) = &mut self.stay {
            self.stay = match ready!(Pin::new(coming).poll(cx)) {
                Ok(reader) => Stay::Here(reader),
                Err(error) => Stay::Refused(error),
            };
        }
        Poll::Ready(match &self.stay {
            Stay::Here(reader) => Ok(*reader),
            Stay::Refused(error) => Err(error.clone()),
            Stay::Coming(_) => return Poll::Pending,
        })
    }

    /// Fetches something, at most so many. Whoever stops waiting calls [`stop`](Fetching::stop).
    pub(crate) fn poll(
        &mut self,
        max: usize,
        wait: Wait,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Vec<Fetched>, NotFetched>> {
        let reader = ready!(self.poll_come(cx)).map_err(NotFetched::Backend)?;
        // A stream that nobody polls any more has left one.
        self.under_way
            .take_if(|known| (known.max, known.wait) != (max, wait));
        let backend = &self.backend;
        let under_way = self.under_way.get_or_insert_with(|| UnderWay {
            max,
            wait,
            fetch: backend.clone().fetch(reader, max, wait),
        });
        let fetched = ready!(Pin::new(&mut under_way.fetch).poll(cx));
        self.under_way = None;
        Poll::Ready(fetched)
    }

    /// Waits no more: nothing was handed over.
    pub(crate) fn stop(&mut self) {
        self.under_way = None;
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        self.stop();
        if let Stay::Here(reader) = self.stay {
            self.backend.leave(reader);
        }
    }
}

/// What was fetched and not read yet: what a panic in somebody's `Deserialize` leaves of it comes back.
struct Unread<'a, T, R> {
    backed: &'a Backed<T, R>,
    reading: Option<Receipt>,
    rest: vec::IntoIter<Fetched>,
}

impl<T, R> Unread<'_, T, R> {
    /// Reads the next one: the event, or why it is none.
    fn read_next(&mut self) -> Option<(Receipt, Result<Stored<T, R>, String>)> {
        let Fetched {
            receipt,
            record,
            attempt,
            failures,
            deadline,
        } = self.rest.next()?;
        self.reading = Some(receipt);
        let event = self.backed.decode(record);
        self.reading = None;
        let counts = (attempt, failures);
        let stored = event.map(|event| Stored::elsewhere(event, receipt, counts, deadline));
        Some((receipt, stored))
    }
}

impl<T, R> Drop for Unread<'_, T, R> {
    fn drop(&mut self) {
        let rest = self.rest.by_ref().map(|fetched| fetched.receipt);
        for receipt in self.reading.take().into_iter().chain(rest) {
            self.backed.begin_to_settle(receipt, Settlement::Failed);
        }
    }
}

impl<T, R> Backed<T, R> {
    /// Reads what was fetched. With automatic ack it is settled by that. What cannot be read becomes a dead letter, and is
    /// nobody's affair any more. Returns how many could be read.
    pub(crate) fn read(
        &self,
        fetched: Vec<Fetched>,
        auto_ack: bool,
        into: &mut impl FnMut(Stored<T, R>),
    ) -> usize {
        let mut read = 0;
        let mut unread = Unread {
            backed: self,
            reading: None,
            rest: fetched.into_iter(),
        };
        while let Some((receipt, stored)) = unread.read_next() {
            match stored {
                Ok(stored) => {
                    if auto_ack {
                        self.begin_to_settle(receipt, settled_by_hand_over(&stored));
                    }
                    into(stored);
                    read += 1;
                }
                Err(why) => {
                    let why = DeadReason::Undecodable(why);
                    self.begin_to_settle(receipt, Settlement::Bury(why));
                }
            }
        }
        read
    }
}

/// What automatic ack means for an event.
fn settled_by_hand_over<T, R>(stored: &Stored<T, R>) -> Settlement {
    match stored.ask() {
        Some(_) => Settlement::Owe,
        None => Settlement::Done,
    }
}
