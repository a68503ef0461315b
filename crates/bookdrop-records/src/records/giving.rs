//! What was taken, on its way to its consumer.

use std::sync::Arc;
use std::vec::IntoIter;

use bookdrop_backend::{Error, Fetched, Record};
use bookdrop_queue::{DeadReason, Queue, Reader, Taken};

use super::hands::{Hands, Holder};
use crate::entry::Entry;
use crate::event::Event;
use crate::store::Ledger;

/// What was taken for a consumer, one after the other. Dropped before the end, all of it is put back.
pub(super) struct Giving<'a, L: Ledger> {
    queue: &'a Queue<Entry<L>>,
    hands: &'a Hands<L>,
    reader: Reader,
    rest: IntoIter<Taken<Entry<L>>>,
    /// The one that is being read.
    current: Option<Taken<Entry<L>>>,
    fetched: Vec<Fetched>,
}

// Nothing in it is pinned.
impl<L: Ledger> Unpin for Giving<'_, L> {}

impl<'a, L: Ledger> Giving<'a, L> {
    pub(super) fn new(
        queue: &'a Queue<Entry<L>>,
        hands: &'a Hands<L>,
        reader: Reader,
        taken: Vec<Taken<Entry<L>>>,
    ) -> Self {
        Giving {
            queue,
            hands,
            reader,
            fetched: Vec::with_capacity(taken.len()),
            rest: taken.into_iter(),
            current: None,
        }
    }

    /// The next one is to be read.
    pub(super) fn next(&mut self) -> Option<&Arc<Event<L>>> {
        self.current = self.rest.next();
        Some(self.current.as_ref()?.item.event())
    }

    /// It was read.
    pub(super) fn hold(&mut self, record: Record) {
        if let Some(taken) = self.current.take() {
            let fetched = self.hands.hold(self.reader, taken, record);
            self.fetched.push(fetched);
        }
    }

    /// It will never be read.
    pub(super) fn bury(&mut self, error: &Error) {
        if let Some(taken) = self.current.take() {
            let why = DeadReason::Undecodable(error.to_string());
            self.queue.bury(self.reader, taken, why);
        }
    }

    /// It cannot be read now.
    pub(super) fn fail(&mut self) {
        if let Some(taken) = self.current.take() {
            self.queue.failed(self.reader, taken, None);
        }
    }

    /// It is as if nobody had taken it.
    pub(super) fn put_back(&mut self) {
        if let Some(taken) = self.current.take() {
            self.queue.put_back(self.reader, taken);
        }
    }

    /// Whether all that was read are requests: of these nothing is noted.
    pub(super) fn asks_alone(&self) -> bool {
        self.fetched
            .iter()
            .all(|fetched| fetched.deadline.is_some())
    }

    /// All that was read is in the hand of this one.
    pub(super) fn note_holder(&self, holder: Holder) {
        self.hands.note_holder(&self.fetched, holder);
    }

    /// All that was read is the consumer's.
    pub(super) fn end(mut self) -> Vec<Fetched> {
        std::mem::take(&mut self.fetched)
    }
}

impl<L: Ledger> Drop for Giving<'_, L> {
    fn drop(&mut self) {
        let held = self.fetched.drain(..);
        let held = held.filter_map(|fetched| self.hands.let_go(fetched.receipt));
        let rest = self.current.take().into_iter().chain(&mut self.rest);
        for taken in held.chain(rest) {
            self.queue.put_back(self.reader, taken);
        }
    }
}
