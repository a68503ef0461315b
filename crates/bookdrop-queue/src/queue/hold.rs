//! Holding ahead: a consumer takes some more items with it, and comes back to the queue less often.
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
/// What one among several consumers holds is overtaken by at most so many others: then it is called back, and they do not hold it
/// again, so that nobody waits for a slow handler.
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
    /// So many of them count as queued; some of these may have been handed over.
    counted: usize,
    /// Items that were settled with the hand-over.
    auto_acked: u64,
    /// Whether it is among the [`Holders`].
    is_listed: bool,
}

impl<I> Content<I> {
    /// Counts as many as there are. Returns how many counted before, and how many do now.
    fn recount(&mut self) -> (usize, usize) {
        let now = self.items.len();
        (std::mem::replace(&mut self.counted, now), now)
    }
}

/// Everybody who may hold something.
pub(super) struct Holders<I> {
    shelves: Vec<Arc<Shelf<I>>>,
    /// A buffer for what is called back; empty but for that.
    returning: Vec<I>,
    /// So many items stand on these shelves at most: what the listed ones have counted. Some may have been handed over since.
    pub(super) held: usize,
    /// When the lane has come to this position, it is time to call back.
    pub(super) until: u64,
    /// What stands in the lane before this position was held once: nobody holds it a second time.
    held_before: u64,
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
        if let Some(next) = content.items.front() {
            next.fetch_ahead();
        }
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
            held_before: 0,
        }
    }

    /// Lets a consumer whose shelf is empty hold some items of the lane; the other half is left to its rivals.
    #[inline(never)]
    pub(super) fn hold(&mut self, lane: &mut Lane<I>, hold: &mut Hold<I>, has_rivals: bool) {
        if has_rivals && lane.position() < self.held_before {
            return;
        }
        let count = MOST.min(if has_rivals {
            lane.len() / 2
        } else {
            lane.len()
        });
        let shelf = hold.shelf.get_or_insert_with(|| {
            Arc::new(Shelf(Lock::new(Content {
                items: VecDeque::with_capacity(MOST),
                counted: 0,
                auto_acked: 0,
                is_listed: false,
            })))
        });
        let mut content = shelf.0.lock();
        let items = (0..count).map_while(|_| lane.pop_unseen());
        content.items.extend(items);
        if !std::mem::replace(&mut content.is_listed, true) {
            self.shelves.push(shelf.clone());
        }
        let (before, now) = content.recount();
        self.held = self.held + now - before;
        if has_rivals {
            self.until = self.until.min(lane.position() + OVERTAKEN);
        }
        hold.has_some = true;
    }

    /// Whether there is something to be called back: items, or what was settled with their hand-over.
    pub(super) fn has_listed(&self) -> bool {
        !self.shelves.is_empty()
    }

    /// Counts anew what is held: consumers hand it over without a word.
    pub(super) fn recount(&mut self) {
        let recount = |shelf: &Arc<Shelf<I>>| shelf.0.lock().recount().1;
        self.held = self.shelves.iter().map(recount).sum();
    }

    /// Positions of another lane are about to come.
    pub(super) fn forget(&mut self) {
        self.held_before = 0;
    }

    /// Puts everything that is held back in front, in order. Returns how many items were settled with their hand-over
    /// meanwhile.
    #[cold]
    pub(super) fn call_back(&mut self, lane: &mut Lane<I>) -> u64 {
        let mut auto_acked = 0;
        let items = &mut self.returning;
        for shelf in self.shelves.drain(..) {
            let mut content = shelf.0.lock();
            (content.is_listed, content.counted) = (false, 0);
            auto_acked += std::mem::take(&mut content.auto_acked);
            items.extend(content.items.drain(..));
        }
        if !items.is_empty() {
            self.held_before = lane.position();
        }
        items.sort_unstable_by_key(|item| item.hand().order);
        items.drain(..).rev().for_each(|item| lane.put_back(item));
        (self.held, self.until) = (0, u64::MAX);
        auto_acked
    }
}
