//! Holding ahead: a consumer that finds another core at the queue takes some items with it, and comes back less often.
//!
//! What is held is still queued. It counts in the capacity, and it is nobody's hostage: it is held only while the express
//! runs, and whoever does anything else to the queue (goes to sleep, sends what is urgent, closes, looks at the figures)
//! calls the express back, and with it everything that is held, which then stands in front again, in order.

use std::collections::VecDeque;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use crate::item::Item;
use crate::machine::Lane;
use crate::sync::Lock;

/// So many items a consumer holds ahead at most.
const MOST: usize = 32;
/// What is held is overtaken by at most so many others: then it is called back, and not held again, so that nobody waits for
/// a slow handler.
const OVERTAKEN: u64 = if cfg!(loom) { 4 } else { 256 };

/// What one consumer holds ahead.
pub struct Hold<I> {
    /// Made when it first holds something.
    shelf: Option<Arc<Shelf<I>>>,
    /// Whether the shelf may have something on it: it may have been called back.
    has_some: bool,
}

/// Where a consumer's items stand. Its lock is the consumer's own most of the time; who takes it has the queue's lock already
/// or does not ask for it.
struct Shelf<I>(Lock<Content<I>>);

struct Content<I> {
    /// Oldest first.
    items: VecDeque<I>,
    /// Items that were settled with the hand-over.
    auto_acked: u64,
    /// Whether it is among the [`Holders`].
    is_listed: bool,
}

/// Everybody who may hold something.
pub(super) struct Holders<I> {
    shelves: Vec<Arc<Shelf<I>>>,
    /// A buffer for what is called back; empty but for that.
    returning: Vec<I>,
    /// How many items were put on these shelves, also those that were taken from them since.
    pub(super) held: usize,
    /// When the lane has come to this position, it is time to call back.
    pub(super) until: u64,
}

impl<I: Item> Hold<I> {
    /// Nothing is held.
    #[must_use]
    pub fn new() -> Self {
        Hold {
            shelf: None,
            has_some: false,
        }
    }

    #[inline]
    pub(super) fn has_some(&self) -> bool {
        self.has_some
    }

    /// Takes the oldest of what is held.
    pub(super) fn take(&mut self, auto_ack: bool) -> Option<I> {
        let mut content = self.shelf.as_ref()?.0.lock();
        let item = content.items.pop_front();
        content.auto_acked += u64::from(auto_ack && item.is_some());
        self.has_some = item.is_some();
        item
    }
}

// No panic leaves it half changed: nothing of the user's runs while its lock is held.
impl<I> RefUnwindSafe for Hold<I> {}
impl<I> UnwindSafe for Hold<I> {}

impl<I: Item> Default for Hold<I> {
    fn default() -> Self {
        Hold::new()
    }
}

impl<I: Item> Holders<I> {
    pub(super) fn new() -> Self {
        Holders {
            shelves: Vec::new(),
            returning: Vec::new(),
            held: 0,
            until: u64::MAX,
        }
    }

    /// Lets a consumer hold some items of the lane; the other half is left to others.
    #[cold]
    pub(super) fn hold(&mut self, lane: &mut Lane<I>, hold: &mut Hold<I>) {
        let count = MOST.min(lane.len() / 2);
        if count == 0 {
            return;
        }
        let shelf = hold.shelf.get_or_insert_with(|| {
            Arc::new(Shelf(Lock::new(Content {
                items: VecDeque::with_capacity(MOST),
                auto_acked: 0,
                is_listed: false,
            })))
        });
        let mut content = shelf.0.lock();
        let before = content.items.len();
        let items = (0..count).map_while(|_| lane.pop_to_hold());
        content.items.extend(items);
        let count = content.items.len() - before;
        if count == 0 {
            return;
        }
        if !std::mem::replace(&mut content.is_listed, true) {
            self.shelves.push(shelf.clone());
        }
        self.held += count;
        self.until = self.until.min(lane.position() + OVERTAKEN);
        hold.has_some = true;
    }

    /// Puts everything that is held back in front, in order. Returns how many items were settled with their hand-over
    /// meanwhile.
    #[cold]
    pub(super) fn call_back(&mut self, lane: &mut Lane<I>) -> u64 {
        let mut auto_acked = 0;
        let items = &mut self.returning;
        for shelf in self.shelves.drain(..) {
            let mut content = shelf.0.lock();
            content.is_listed = false;
            auto_acked += std::mem::take(&mut content.auto_acked);
            items.extend(content.items.drain(..));
        }
        items.sort_unstable_by_key(|item| item.hand().order);
        items.drain(..).rev().for_each(|item| lane.put_back(item));
        (self.held, self.until) = (0, u64::MAX);
        auto_acked
    }
}
