//! The dead letters of one group.

use std::collections::VecDeque;

use super::Dead;

/// Dead letters of one group, the oldest first.
pub(super) struct Graves<I> {
    /// Those that are dropped when there are too many.
    counted: VecDeque<Dead<I>>,
    /// Those that stay, however many there are.
    kept: VecDeque<Dead<I>>,
}

impl<I> Graves<I> {
    pub(super) fn new() -> Self {
        Graves {
            counted: VecDeque::new(),
            kept: VecDeque::new(),
        }
    }

    /// Puts one behind the others, where it stays.
    pub(super) fn keep(&mut self, dead: Dead<I>) {
        self.kept.push_back(dead);
    }

    /// Puts one behind the others. Where there are more than so many that came this way, the oldest of them is returned, and is here
    /// no more.
    pub(super) fn put(&mut self, dead: Dead<I>, most: usize) -> Option<Dead<I>> {
        self.counted.push_back(dead);
        if self.counted.len() <= most {
            return None;
        }
        self.counted.pop_front()
    }

    pub(super) fn take(&mut self, id: u64) -> Option<Dead<I>> {
        let mut all = [&mut self.counted, &mut self.kept].into_iter();
        all.find_map(|graves| {
            let at = graves.iter().position(|dead| dead.id == id)?;
            graves.remove(at)
        })
    }

    pub(super) fn take_all(&mut self) -> Vec<Dead<I>> {
        let mut all: Vec<_> = std::mem::take(&mut self.counted).into();
        all.extend(std::mem::take(&mut self.kept));
        all.sort_by_key(|dead| dead.id);
        all
    }

    pub(super) fn len(&self) -> usize {
        self.counted.len() + self.kept.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Dead<I>> {
        let mut counted = self.counted.iter().peekable();
        let mut kept = self.kept.iter().peekable();
        std::iter::from_fn(move || match (counted.peek(), kept.peek()) {
            (Some(one), Some(other)) if one.id < other.id => counted.next(),
            (Some(_), None) => counted.next(),
            _ => kept.next(),
        })
    }
}
