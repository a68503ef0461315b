//! Nodes in one vector, linked into lists by index: any node leaves any list in constant time, and a node that is
//! taken out leaves its place to the next one.

use std::num::NonZeroU64;

/// The index that stands for "none".
const NONE: u32 = u32::MAX;

/// Names one node for as long as it lives. A ticket whose node is gone names nothing, also after the place was given
/// to another node. The lesser of two tickets is the older one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    // First, so that it decides.
    serial: NonZeroU64,
    index: u32,
}

impl Ticket {
    /// The place that the node has, and others had or will have.
    pub(crate) fn place(self) -> u32 {
        self.index
    }
}

/// All nodes of one kind.
#[derive(Debug)]
pub(crate) struct Slab<N> {
    places: Vec<Place<N>>,
    first_free: u32,
    /// The next one; counted up for ever.
    serial: NonZeroU64,
    len: usize,
}

#[derive(Debug)]
struct Place<N> {
    /// `None` while the place is free.
    serial: Option<NonZeroU64>,
    before: u32,
    after: u32,
    node: Option<N>,
}

/// The two ends of a list of nodes in a [`Slab`].
///
/// Invariant: a node stands in at most one list, and whoever calls knows in which.
#[derive(Debug)]
pub(crate) struct List {
    first: u32,
    last: u32,
    len: usize,
}

impl Default for List {
    fn default() -> Self {
        List {
            first: NONE,
            last: NONE,
            len: 0,
        }
    }
}

impl List {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<N> Slab<N> {
    pub(crate) fn new() -> Self {
        Slab {
            places: Vec::new(),
            first_free: NONE,
            serial: NonZeroU64::MIN,
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Takes a node in; it stands in no list yet.
    ///
    /// # Panics
    /// With more than `u32::MAX - 1` nodes at once, which no bound of ours allows.
    pub(crate) fn insert(&mut self, node: N) -> Ticket {
        let serial = self.serial;
        self.serial = serial.saturating_add(1);
        self.len += 1;
        if self.first_free == NONE {
            let index = u32::try_from(self.places.len()).ok().filter(|i| *i != NONE);
            let index = index.expect("a slab holds fewer than 2^32 - 1 nodes");
            self.places.push(Place {
                serial: Some(serial),
                before: NONE,
                after: NONE,
                node: Some(node),
            });
            return Ticket { index, serial };
        }
        let index = self.first_free;
        let place = &mut self.places[index as usize];
        self.first_free = place.after;
        *place = Place {
            serial: Some(serial),
            before: NONE,
            after: NONE,
            node: Some(node),
        };
        Ticket { index, serial }
    }

    /// Takes a node out that stands in no list (any more).
    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<N> {
        let place = self
            .places
            .get_mut(ticket.index as usize)
            .filter(|p| p.serial == Some(ticket.serial))?;
        let node = place.node.take()?;
        debug_assert!(
            place.before == NONE && place.after == NONE,
            "a linked node was removed"
        );
        place.serial = None;
        place.after = self.first_free;
        self.first_free = ticket.index;
        self.len -= 1;
        Some(node)
    }

    pub(crate) fn get(&self, ticket: Ticket) -> Option<&N> {
        self.places
            .get(ticket.index as usize)
            .filter(|p| p.serial == Some(ticket.serial))?
            .node
            .as_ref()
    }

    pub(crate) fn get_mut(&mut self, ticket: Ticket) -> Option<&mut N> {
        self.places
            .get_mut(ticket.index as usize)
            .filter(|p| p.serial == Some(ticket.serial))?
            .node
            .as_mut()
    }

    /// Every node, to be changed, in no particular order.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (Ticket, &mut N)> {
        self.places
            .iter_mut()
            .enumerate()
            .filter_map(|(index, place)| {
                let index = index as u32;
                let ticket = Ticket {
                    index,
                    serial: place.serial?,
                };
                place.node.as_mut().map(|node| (ticket, node))
            })
    }

    /// Every node, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Ticket, &N)> {
        self.places.iter().enumerate().filter_map(|(index, place)| {
            let index = index as u32;
            let ticket = Ticket {
                index,
                serial: place.serial?,
            };
            place.node.as_ref().map(|node| (ticket, node))
        })
    }

    pub(crate) fn first(&self, list: &List) -> Option<Ticket> {
        self.ticket_at(list.first)
    }

    /// The node behind this one in its list.
    pub(crate) fn next(&self, ticket: Ticket) -> Option<Ticket> {
        self.ticket_at(
            self.places
                .get(ticket.index as usize)
                .filter(|p| p.serial == Some(ticket.serial))?
                .after,
        )
    }

    /// Names the node that has this place now.
    pub(crate) fn ticket_at(&self, index: u32) -> Option<Ticket> {
        let serial = self.places.get(index as usize)?.serial?;
        Some(Ticket { index, serial })
    }

    pub(crate) fn push_back(&mut self, list: &mut List, ticket: Ticket) {
        self.link(list, list.last, NONE, ticket.index);
    }

    /// Links a node in front of `behind`, or at the end where there is none.
    pub(crate) fn insert_before(
        &mut self,
        list: &mut List,
        behind: Option<Ticket>,
        ticket: Ticket,
    ) {
        match behind {
            None => self.push_back(list, ticket),
            Some(behind) => {
                let before = self.places[behind.index as usize].before;
                self.link(list, before, behind.index, ticket.index);
            }
        }
    }

    fn link(&mut self, list: &mut List, before: u32, after: u32, index: u32) {
        let place = &mut self.places[index as usize];
        (place.before, place.after) = (before, after);
        match before {
            NONE => list.first = index,
            before => self.places[before as usize].after = index,
        }
        match after {
            NONE => list.last = index,
            after => self.places[after as usize].before = index,
        }
        list.len += 1;
    }

    /// Takes a node out of the list in which it stands; it stays in the slab.
    pub(crate) fn unlink(&mut self, list: &mut List, ticket: Ticket) {
        let place = &mut self.places[ticket.index as usize];
        let (before, after) = (place.before, place.after);
        (place.before, place.after) = (NONE, NONE);
        match before {
            NONE => list.first = after,
            before => self.places[before as usize].after = after,
        }
        match after {
            NONE => list.last = before,
            after => self.places[after as usize].before = before,
        }
        list.len -= 1;
    }

    /// Takes the first node out of the list; it stays in the slab.
    pub(crate) fn pop_front(&mut self, list: &mut List) -> Option<Ticket> {
        let first = self.first(list)?;
        self.unlink(list, first);
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(slab: &Slab<u32>, list: &List) -> Vec<u32> {
        let mut at = slab.first(list);
        let mut found = Vec::new();
        while let Some(ticket) = at {
            found.push(*slab.get(ticket).unwrap());
            at = slab.next(ticket);
        }
        assert_eq!(found.len(), list.len());
        found
    }

    #[test]
    fn nodes_leave_from_anywhere() {
        let (mut slab, mut list) = (Slab::new(), List::default());
        let tickets: Vec<_> = (0..5).map(|n| slab.insert(n)).collect();
        tickets.iter().for_each(|t| slab.push_back(&mut list, *t));
        for (gone, left) in [(2, vec![0, 1, 3, 4]), (0, vec![1, 3, 4]), (4, vec![1, 3])] {
            slab.unlink(&mut list, tickets[gone]);
            assert_eq!(slab.remove(tickets[gone]), Some(gone as u32));
            assert_eq!(contents(&slab, &list), left);
        }
        for (new, behind) in [(8, Some(tickets[3])), (7, Some(tickets[1])), (9, None)] {
            let ticket = slab.insert(new);
            slab.insert_before(&mut list, behind, ticket);
        }
        assert_eq!(contents(&slab, &list), [7, 1, 8, 3, 9]);
    }

    #[test]
    fn a_stale_ticket_names_nothing() {
        let mut slab = Slab::new();
        let old = slab.insert("old");
        assert_eq!(slab.remove(old), Some("old"));
        let new = slab.insert("new");
        assert_eq!(new.index, old.index, "the place is used again");
        assert_eq!(slab.get(old), None);
        assert_eq!(slab.remove(old), None);
        assert_eq!(slab.get(new), Some(&"new"));
        assert_eq!(slab.len(), 1);
    }
}
