//! What is to happen at an instant: a delayed item falls due, a time to live ends.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::slab::Ticket;

/// Why an item stands in the agenda.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Entry {
    Due,
    Expires,
}

/// The instants of all groups of a queue, earliest first; equal ones in the order in which the items were sent.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    entries: BTreeMap<(Instant, u64, Entry), Ticket>,
}

impl Agenda {
    #[inline]
    pub(super) fn next(&self) -> Option<Instant> {
        self.entries.first_key_value().map(|((at, ..), _)| *at)
    }

    pub(super) fn note(&mut self, at: Instant, order: u64, entry: Entry, ticket: Ticket) {
        self.entries.insert((at, order, entry), ticket);
    }

    pub(super) fn strike(&mut self, at: Instant, order: u64, entry: Entry) {
        self.entries.remove(&(at, order, entry));
    }

    /// The earliest entry whose time has come.
    pub(super) fn pop(&mut self, now: Instant) -> Option<(Entry, Ticket)> {
        self.next().filter(|at| *at <= now)?;
        let ((_, _, entry), ticket) = self.entries.pop_first()?;
        Some((entry, ticket))
    }
}

#[cfg(test)]
impl Agenda {
    /// Every entry, earliest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Instant, u64, Entry, Ticket)> + '_ {
        self.entries
            .iter()
            .map(|((at, order, entry), ticket)| (*at, *order, *entry, *ticket))
    }
}
