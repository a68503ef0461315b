//! The dead letters of one group.

use std::collections::VecDeque;

use crate::item::DeadReason;

use super::Dead;

/// Dead letters of one group, the oldest first.
pub(super) struct Graves<I> {
    failed: VecDeque<Dead<I>>,
    /// Those that could not be decoded. They are never too many: nobody has seen them yet, and a program whose types can read them
    /// may come.
    unread: VecDeque<Dead<I>>,
}

impl<I> Graves<I> {
    pub(super) fn new() -> Self {
        Graves {
            failed: VecDeque::new(),
            unread: VecDeque::new(),
        }
    }

    /// Puts one behind the others. Where more than so many have failed, the oldest of these is returned, and is here no more.
    pub(super) fn put(&mut self, dead: Dead<I>, max_failed: usize) -> Option<Dead<I>> {
        if let DeadReason::Undecodable(_) = dead.reason {
            self.unread.push_back(dead);
            return None;
        }
        self.failed.push_back(dead);
        let are_too_many = self.failed.len() > max_failed;
        are_too_many.then(|| self.failed.pop_front()).flatten()
    }

    pub(super) fn take(&mut self, id: u64) -> Option<Dead<I>> {
        [&mut self.failed, &mut self.unread]
            .into_iter()
            .find_map(|graves| {
                let at = graves.iter().position(|dead| dead.id == id)?;
                graves.remove(at)
            })
    }

    pub(super) fn take_all(&mut self) -> Vec<Dead<I>> {
        let mut all: Vec<_> = std::mem::take(&mut self.failed).into();
        all.extend(std::mem::take(&mut self.unread));
        all.sort_by_key(|dead| dead.id);
        all
    }

    pub(super) fn len(&self) -> usize {
        self.failed.len() + self.unread.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Dead<I>> {
        let mut failed = self.failed.iter().peekable();
        let mut unread = self.unread.iter().peekable();
        std::iter::from_fn(move || match (failed.peek(), unread.peek()) {
            (Some(one), Some(other)) if one.id < other.id => failed.next(),
            (Some(_), None) => failed.next(),
            _ => unread.next(),
        })
    }
}
