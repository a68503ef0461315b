//! The rich queue: groups, keys, priority, delay, time to live, attempts, dead letters, duplicates.
//!
//! The machine holds state and nothing else: it has no lock, no waker and no clock (time is an argument), so that
//! every driver that keeps events in this process means the same by all of it. What has to be called because of a
//! change (items to let go of, requesters to tell) goes into [`Effects`](crate::effects::Effects).

mod agenda;
mod calls;
mod dead;
mod graves;
mod group;
mod groups;
mod hand_over;
mod identities;
mod intake;
mod lane;
mod leave;
mod lend;
mod limits;
mod moment;
mod restore;
mod settle;
#[cfg(test)]
mod tests;

use std::time::Instant;

pub use calls::CallId;
pub(crate) use calls::{Call, Calls, ToWake};
pub use group::{Dead, GroupId, MAX_PRIORITY};
pub(crate) use lane::Lane;
pub use limits::{Backoff, Limits};

use crate::item::Item;
use crate::slab::{Slab, Ticket};
use crate::stats::Counters;
use agenda::Agenda;
use group::Group;
use identities::Identities;
pub(crate) use moment::Moment;
pub use restore::Past;

/// Every item of one queue, in all its groups.
pub(crate) struct Machine<I: Item> {
    limits: Limits,
    nodes: Slab<Node<I>>,
    pub(crate) calls: Calls<I::Answer>,
    /// How many items that stand in the queue are requests.
    requests: usize,
    groups: Vec<(u32, Option<Group<I>>)>,
    agenda: Agenda,
    identities: Identities,
    next_order: u64,
    next_dead: u64,
    random: u64,
    /// Whether anything became ready since the queue last asked.
    has_fresh: bool,
    pub(crate) counters: Counters,
}

/// Where an item stands in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// At a node.
    Node(Ticket),
    /// In the express lane of its group, at this position.
    Lane(GroupId, u64),
}

/// An item that stands in the queue, and not in an express lane.
struct Node<I> {
    item: I,
    hand: Hand,
    place: Place,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// In its level of the group's ready items.
    Ready,
    /// Behind another item of its key.
    Parked,
    /// In the agenda until it is due.
    Delayed { due: Instant },
}

/// An item that was handed over.
pub struct Taken<I> {
    /// The item itself.
    pub item: I,
}

impl<I: Item> Taken<I> {
    #[inline]
    pub(crate) fn hand(&self) -> &Hand {
        self.item.hand()
    }

    /// How often it was handed over, this time included.
    pub fn attempt(&self) -> u32 {
        self.hand().deliveries
    }

    /// How often it failed.
    pub fn failures(&self) -> u32 {
        self.hand().failures
    }

    /// Whether nothing waits for it, so that nobody has to hear at once that it is done (but itself, if it is to be
    /// [told](Item::note)).
    #[inline]
    pub fn leads_nobody(&self) -> bool {
        !self.hand().leads
    }
}

/// What the machine knows of an item beside the item. The item's own is up to date while it is handed over or dead, and
/// whenever it is [told](Item::note) something; while it is queued the queue has another one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hand {
    pub(crate) group: GroupId,
    /// Its place among all items ever sent; one that comes back keeps it.
    pub(crate) order: u64,
    deliveries: u32,
    failures: u32,
    /// Whether the others of its key wait for this one.
    leads: bool,
    /// Whether it waits as long as the queue, and not its consumer, found right.
    backs_off: bool,
}

impl Hand {
    /// The hand of an item that something else than a queue handed over, so many times, and that failed so often: the one
    /// that is settled by this receipt. Whoever settles it has to be asked, so it never [leads nobody](Taken::leads_nobody).
    pub fn elsewhere(receipt: u64, deliveries: u32, failures: u32) -> Self {
        Hand {
            order: receipt,
            deliveries,
            failures,
            leads: true,
            ..Hand::default()
        }
    }

    /// The receipt of an item that was handed over [elsewhere](Hand::elsewhere).
    pub fn receipt(&self) -> u64 {
        self.order
    }

    /// The hand of an item of this order that is handed over for the first time, to this group.
    #[inline]
    pub(crate) fn first(&self, group: GroupId) -> Self {
        Hand {
            group,
            order: self.order,
            deliveries: 1,
            ..Hand::default()
        }
    }

    /// The group that it was handed over to, or stood in last.
    pub fn group(&self) -> GroupId {
        self.group
    }

    /// How often it was handed over.
    pub fn deliveries(&self) -> u32 {
        self.deliveries
    }

    /// How often it failed.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

impl<I: Item> Machine<I> {
    pub(crate) fn new(limits: Limits, seed: u64) -> Self {
        Machine {
            identities: Identities::new(limits.duplicate_window, limits.max_remembered_ids),
            limits,
            nodes: Slab::new(),
            calls: Calls::new(),
            requests: 0,
            groups: Vec::new(),
            agenda: Agenda::default(),
            next_order: 0,
            next_dead: 0,
            random: seed | 1,
            has_fresh: false,
            counters: Counters::default(),
        }
    }

    /// Other bounds hold from now on. What stands beyond them stays.
    pub(crate) fn set_limits(&mut self, limits: Limits) {
        let (window, max) = (limits.duplicate_window, limits.max_remembered_ids);
        self.identities.set_bounds(window, max);
        self.limits = limits;
    }

    fn group(&self, id: GroupId) -> Option<&Group<I>> {
        let (generation, group) = self.groups.get(id.index as usize)?;
        group.as_ref().filter(|_| *generation == id.generation)
    }

    fn group_mut(&mut self, id: GroupId) -> Option<&mut Group<I>> {
        let (generation, group) = self.groups.get_mut(id.index as usize)?;
        group.as_mut().filter(|_| *generation == id.generation)
    }

    /// What stands in one group: queued, delayed, in hand, dead.
    pub(crate) fn depths(&self, id: GroupId) -> [usize; 4] {
        self.group(id)
            .map_or([0; 4], |g| [g.queued, g.delayed, g.in_hand, g.dead.len()])
    }

    pub(crate) fn in_hand(&self) -> usize {
        self.groups
            .iter()
            .filter_map(|(_, group)| group.as_ref())
            .map(|group| group.in_hand)
            .sum()
    }
}
