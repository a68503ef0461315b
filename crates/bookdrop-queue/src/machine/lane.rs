//! The express lane: items that need nothing of the rich queue stand here in a plain ring, oldest first.
//!
//! Most items are like that: no key, no priority, no delay, no time to live, never handed over before. In the lane one
//! costs a move in and a move out; it has no node and no links.

use crate::item::Item;

/// Places of the first ring.
const FIRST_RING: usize = 16;
/// Holes are closed when there are so many more of them than items. (Sooner in tests, so that it happens all the time.)
const HOLES: u64 = if cfg!(test) { 2 } else { 32 };

/// The first position of all: items may be put back before it.
const MIDDLE: u64 = 1 << 63;

/// Items in the order in which they were sent.
///
/// An item has a position, which counts up for ever: its place in the ring is the position modulo the ring's length. One
/// that leaves from the middle leaves a hole behind.
///
/// Invariant: the first position is no hole (or there is nothing), and the items' orders ascend.
#[repr(C)]
pub(crate) struct Lane<I> {
    /// A power of two of places.
    ring: Box<[Option<I>]>,
    first: u64,
    end: u64,
    holes: u64,
}

impl<I: Item> Lane<I> {
    pub(crate) fn new() -> Self {
        Lane {
            ring: Box::default(),
            first: MIDDLE,
            end: MIDDLE,
            holes: 0,
        }
    }

    /// How many items there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        (self.end - self.first - self.holes) as usize
    }

    /// Puts an item at the end, and returns its position.
    #[inline]
    pub(crate) fn push(&mut self, order: u64, mut item: I) -> u64 {
        if self.end - self.first == self.ring.len() as u64 {
            self.grow();
        }
        item.hand_mut().order = order;
        let position = self.end;
        *self.place(position) = Some(item);
        self.end += 1;
        position
    }

    /// The position of the oldest, which goes up by one with each item that leaves.
    #[inline]
    pub(crate) fn position(&self) -> u64 {
        self.first
    }

    /// The order of the oldest.
    #[inline]
    pub(crate) fn first(&self) -> Option<u64> {
        self.front().map(|item| item.hand().order)
    }

    /// The oldest.
    #[inline]
    pub(crate) fn front(&self) -> Option<&I> {
        self.get(self.first)
    }

    /// Takes the oldest out, and sees to it that the next one is at hand.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<I> {
        let item = self.pop_unseen();
        if let Some(next) = self.front() {
            next.fetch_ahead();
        }
        item
    }

    /// Takes the oldest out, and touches no other one.
    #[inline]
    pub(crate) fn pop_unseen(&mut self) -> Option<I> {
        if self.first == self.end {
            return None;
        }
        let item = self.place(self.first).take();
        self.first += 1;
        if self.holes > 0 {
            self.skip_holes();
        }
        item
    }

    /// Puts an item back in front. Where holes stood behind it, its position is another one now.
    pub(crate) fn put_back(&mut self, item: I) {
        if self.end - self.first == self.ring.len() as u64 {
            self.grow();
        }
        self.first -= 1;
        *self.place(self.first) = Some(item);
    }

    #[inline]
    fn place(&mut self, position: u64) -> &mut Option<I> {
        let mask = self.ring.len() - 1;
        &mut self.ring[position as usize & mask]
    }

    pub(crate) fn get(&self, position: u64) -> Option<&I> {
        if position < self.first || position >= self.end {
            return None;
        }
        let mask = self.ring.len() - 1;
        self.ring[position as usize & mask].as_ref()
    }

    /// Takes one out from wherever it stands.
    pub(crate) fn remove(&mut self, position: u64) -> Option<I> {
        self.get(position)?;
        let item = self.place(position).take();
        self.holes += 1;
        self.skip_holes();
        item
    }

    #[cold]
    fn skip_holes(&mut self) {
        while self.first < self.end && self.get(self.first).is_none() {
            self.first += 1;
            self.holes -= 1;
        }
    }

    /// Whether so many places are holes that it is time to [`close_holes`](Lane::close_holes).
    pub(crate) fn has_many_holes(&self) -> bool {
        self.holes > self.len() as u64 + HOLES
    }

    /// Moves the items together; `moved` is told of each that has another position now.
    pub(crate) fn close_holes(&mut self, mut moved: impl FnMut(&I, u64)) {
        let mut end = self.first;
        for position in self.first..self.end {
            let Some(item) = self.place(position).take() else {
                continue;
            };
            if position != end {
                moved(&item, end);
            }
            *self.place(end) = Some(item);
            end += 1;
        }
        (self.end, self.holes) = (end, 0);
    }

    /// Every item with its position, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &I)> {
        (self.first..self.end).filter_map(|position| Some((position, self.get(position)?)))
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        let len = (2 * self.ring.len()).max(FIRST_RING);
        let mut larger: Vec<Option<I>> = Vec::new();
        larger.resize_with(len, || None);
        for position in self.first..self.end {
            larger[position as usize & (len - 1)] = self.place(position).take();
        }
        self.ring = larger.into_boxed_slice();
    }
}

#[cfg(test)]
mod tests;
