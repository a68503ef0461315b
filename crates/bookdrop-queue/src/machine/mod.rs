//! The rich queue: groups, keys, priority, delay, time to live, attempts, dead letters, duplicates.
//!
//! The machine holds state and nothing else: it has no lock, no waker and no clock (time is an argument), so that
//! every driver that keeps events in this process means the same by all of it. What has to be called because of a
//! change (items to let go of, requesters to tell) goes into [`Effects`].

mod agenda;
mod dead;
mod group;
mod identities;
mod limits;
mod moment;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

pub use group::{Dead, GroupId, MAX_PRIORITY};
pub use limits::{Backoff, Limits};

use crate::effects::Effects;
use crate::item::{Cause, DeadReason, Item, Standing};
use crate::slab::{List, Slab, Ticket};
use crate::stats::Counters;
use agenda::{Agenda, Entry};
use group::Group;
use identities::Identities;
pub(crate) use moment::Moment;

/// Every item of one queue, in all its groups.
pub(crate) struct Machine<I> {
    limits: Limits,
    nodes: Slab<Node<I>>,
    groups: Vec<(u32, Option<Group<I>>)>,
    agenda: Agenda,
    identities: Identities,
    next_order: u64,
    next_dead: u64,
    random: u64,
    pub(crate) counters: Counters,
}

/// An item that stands in the queue.
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
    /// In the agenda until it is due. One that is sent with a delay counts against `max_delayed`; one that comes back
    /// is let in regardless.
    Delayed { due: Instant },
}

/// An item that was handed over.
pub struct Taken<I> {
    /// The item itself.
    pub item: I,
    pub(crate) hand: Hand,
}

impl<I> Taken<I> {
    /// How often it was handed over, this time included.
    pub fn attempt(&self) -> u32 {
        self.hand.deliveries
    }
}

/// What the machine knows of an item beside the item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hand {
    pub(crate) group: GroupId,
    /// Its place among all items ever sent; one that comes back keeps it.
    order: u64,
    deliveries: u32,
    failures: u32,
    /// Whether the others of its key wait for this one.
    leads: bool,
}

impl<I: Item> Machine<I> {
    pub(crate) fn new(limits: Limits, seed: u64) -> Self {
        Machine {
            identities: Identities::new(limits.duplicate_window, limits.max_remembered_ids),
            limits,
            nodes: Slab::new(),
            groups: Vec::new(),
            agenda: Agenda::default(),
            next_order: 0,
            next_dead: 0,
            random: seed | 1,
            counters: Counters::default(),
        }
    }

    // ---- groups ----

    pub(crate) fn add_group(&mut self, name: &str, subscribed: bool) -> GroupId {
        let group = Group::new(name, subscribed);
        let free = self.groups.iter().position(|(_, group)| group.is_none());
        let index = free.unwrap_or_else(|| {
            self.groups.push((0, None));
            self.groups.len() - 1
        });
        let (generation, place) = &mut self.groups[index];
        *generation += 1;
        *place = Some(group);
        GroupId { index: index as u32, generation: *generation }
    }

    pub(crate) fn group_named(&self, name: &str) -> Option<GroupId> {
        self.group_ids().find(|id| self.group(*id).is_some_and(|g| &*g.name == name))
    }

    pub(crate) fn group_name(&self, id: GroupId) -> Option<&str> {
        self.group(id).map(|group| &*group.name)
    }

    pub(crate) fn group_ids(&self) -> impl Iterator<Item = GroupId> + '_ {
        self.groups.iter().enumerate().filter(|(_, (_, group))| group.is_some()).map(
            |(index, (generation, _))| GroupId { index: index as u32, generation: *generation },
        )
    }

    pub(crate) fn is_subscribed(&self, id: GroupId) -> bool {
        self.group(id).is_some_and(|group| group.subscribed)
    }

    pub(crate) fn set_subscribed(&mut self, id: GroupId, subscribed: bool) {
        if let Some(group) = self.group_mut(id) {
            group.subscribed = subscribed;
        }
    }

    /// Lets go of a group and of all that stands in it. What is in hand is let go of when it is settled.
    pub(crate) fn remove_group(&mut self, id: GroupId, fx: &mut Effects<I>) {
        for ticket in self.tickets(id) {
            let cause = match self.nodes.get(ticket).is_some_and(|node| node.item.is_request()) {
                true => Cause::NoConsumer,
                false => Cause::GroupRemoved,
            };
            self.discard(ticket, cause, fx);
        }
        let Some(group) = self.group_mut(id) else { return };
        for dead in std::mem::take(&mut group.dead) {
            fx.discard(dead.item, Cause::GroupRemoved, dead.deliveries);
        }
        self.groups[id.index as usize].1 = None;
    }

    /// Moves every one-way item from one group to another: the first group gets what was sent before it.
    pub(crate) fn move_one_way(&mut self, from: GroupId, to: GroupId) {
        for ticket in self.tickets(from) {
            // Oldest first, so that each goes to the end.
            if self.nodes.get(ticket).is_none_or(|node| node.item.is_request()) {
                continue;
            }
            let due = match self.nodes.get(ticket).map(|node| node.place) {
                Some(Place::Delayed { due }) => Some(due),
                _ => None,
            };
            if let Some(node) = self.take_out(ticket) {
                let hand = Hand { group: to, leads: false, ..node.hand };
                self.put_in(node.item, hand, due, true);
            }
        }
    }

    fn group(&self, id: GroupId) -> Option<&Group<I>> {
        let (generation, group) = self.groups.get(id.index as usize)?;
        group.as_ref().filter(|_| *generation == id.generation)
    }

    fn group_mut(&mut self, id: GroupId) -> Option<&mut Group<I>> {
        let (generation, group) = self.groups.get_mut(id.index as usize)?;
        group.as_mut().filter(|_| *generation == id.generation)
    }

    // ---- sending ----

    /// Whether the group has room for one more, with so many held ahead by its consumers.
    pub(crate) fn has_room(&self, id: GroupId, delayed: bool) -> bool {
        self.group(id).is_none_or(|group| match delayed {
            true => group.delayed < self.limits.max_delayed,
            false => group.queued < self.limits.capacity,
        })
    }

    /// Whether this identity was sent within the window; if not, it is remembered.
    pub(crate) fn is_duplicate(&mut self, identity: &str, now: Instant) -> bool {
        let known = self.identities.knows(identity, now);
        if known {
            self.counters.duplicates += 1;
        } else {
            self.identities.remember(identity, now);
        }
        known
    }

    /// Takes an item in, at the end of its level. The caller has looked for room.
    pub(crate) fn push(&mut self, id: GroupId, item: I, due: Option<Instant>, fx: &mut Effects<I>) {
        if self.group(id).is_none() {
            return fx.discard(item, Cause::GroupRemoved, 0);
        }
        self.next_order += 1;
        let order = self.next_order;
        self.put_in(item, Hand { group: id, order, deliveries: 0, failures: 0, leads: false }, due, true);
    }

    fn put_in(&mut self, item: I, hand: Hand, due: Option<Instant>, at_the_end: bool) {
        let is_request = item.is_request();
        let expires = item.expires_at().filter(|_| !is_request);
        let place = due.map_or(Place::Ready, |due| Place::Delayed { due });
        let ticket = self.nodes.insert(Node { item, hand, place });
        if is_request && let Some(node) = self.nodes.get(ticket) {
            node.item.placed(Standing::Queued(ticket));
        }
        if let Some(at) = expires {
            self.agenda.note(at, hand.order, Entry::Expires, ticket);
        }
        match place {
            Place::Delayed { due } => {
                self.agenda.note(due, hand.order, Entry::Due, ticket);
                let Some(group) = self.group_mut(hand.group) else { return };
                group.delayed += 1;
            }
            _ => {
                let Some(group) = self.group_mut(hand.group) else { return };
                group.queued += 1;
                self.make_ready(ticket, at_the_end);
            }
        }
    }

    /// Puts a node into its level: at the end, or where its age says, counted from the front.
    fn make_ready(&mut self, ticket: Ticket, at_the_end: bool) {
        let Machine { nodes, groups, .. } = self;
        let Some(node) = nodes.get_mut(ticket) else { return };
        node.place = Place::Ready;
        let (order, priority, id) = (node.hand.order, node.item.priority(), node.hand.group);
        let Some(group) = &mut groups[id.index as usize].1 else { return };
        group.fresh += 1;
        group.ready.at(priority, |list| match at_the_end {
            true => nodes.push_back(list, ticket),
            false => {
                let behind = first_younger(nodes, list, order);
                nodes.insert_before(list, behind, ticket);
            }
        });
    }

    /// How many items became ready in the group at this index since the last call.
    pub(crate) fn take_fresh(&mut self, index: usize) -> usize {
        let group = self.groups.get_mut(index).and_then(|(_, group)| group.as_mut());
        group.map_or(0, |group| std::mem::take(&mut group.fresh))
    }

    /// Makes room in a full group: its oldest item goes.
    pub(crate) fn displace_oldest(&mut self, id: GroupId, fx: &mut Effects<I>) -> bool {
        let Some(group) = self.group(id) else { return false };
        let firsts = group.ready.levels().chain(group.keys.values()).filter_map(|l| self.nodes.first(l));
        let order = |ticket: &Ticket| self.nodes.get(*ticket).map(|node| node.hand.order);
        let Some(oldest) = firsts.min_by_key(order) else { return false };
        self.counters.dropped_when_full += 1;
        self.discard(oldest, Cause::Displaced, fx);
        true
    }

    // ---- receiving ----

    /// Whether anything stands ready in this group.
    pub(crate) fn has_ready(&self, id: GroupId) -> bool {
        self.group(id).is_some_and(|group| group.ready.most_urgent().is_some())
    }

    /// Hands over the next item: the most urgent, then the oldest, whose key is free and whose time has not passed.
    pub(crate) fn take(&mut self, id: GroupId, now: &mut Moment, fx: &mut Effects<I>) -> Option<Taken<I>> {
        if self.agenda.next().is_some_and(|at| at <= now.get()) {
            self.advance(now.get(), fx);
        }
        loop {
            let list = self.group(id)?.ready.most_urgent()?;
            let ticket = self.nodes.first(list)?;
            let item = &self.nodes.get(ticket)?.item;
            if item.expires_at().is_some_and(|at| at <= now.get()) {
                self.expire(ticket, fx);
                continue;
            }
            if item.key().is_some() && !self.lead_or_park(ticket) {
                continue;
            }
            let Node { item, mut hand, .. } = self.take_out_leading(ticket)?;
            hand.deliveries += 1;
            self.counters.handed_over += 1;
            self.group_mut(id)?.in_hand += 1;
            if item.is_request() {
                item.placed(Standing::Elsewhere);
            }
            return Some(Taken { item, hand });
        }
    }

    /// Lets the node take its key, or puts it behind the one that has it.
    fn lead_or_park(&mut self, ticket: Ticket) -> bool {
        let Machine { nodes, groups, .. } = self;
        let Some(node) = nodes.get_mut(ticket) else { return false };
        let Some(group) = &mut groups[node.hand.group.index as usize].1 else { return false };
        let (Some(key), false) = (node.item.key(), node.hand.leads) else { return true };
        let priority = node.item.priority();
        let Some(parked) = group.keys.get_mut(key) else {
            group.keys.insert(key.into(), List::default());
            node.hand.leads = true;
            return true;
        };
        node.place = Place::Parked;
        group.ready.at(priority, |list| nodes.unlink(list, ticket));
        nodes.push_back(parked, ticket);
        false
    }

    /// Frees the key of an item that led it: the next one of that key takes its place.
    fn release_key(&mut self, id: GroupId, item: &I) {
        let Machine { nodes, groups, .. } = self;
        let Some(key) = item.key() else { return };
        let Some((generation, Some(group))) = groups.get_mut(id.index as usize) else { return };
        if *generation != id.generation {
            return;
        }
        let Some(parked) = group.keys.get_mut(key) else { return };
        let Some(next) = nodes.pop_front(parked) else {
            group.keys.remove(key);
            return;
        };
        if let Some(node) = nodes.get_mut(next) {
            node.hand.leads = true;
        }
        self.make_ready(next, false);
    }

    // ---- settling ----

    /// The item is done with: it leaves the queue for good.
    pub(crate) fn done(&mut self, taken: &Taken<I>) {
        let Some(group) = self.group_mut(taken.hand.group) else { return };
        group.in_hand -= 1;
        if taken.hand.leads {
            self.release_key(taken.hand.group, &taken.item);
        }
    }

    /// The work failed: the item comes back, at once, after the driver's wait or after this one; or it becomes a dead
    /// letter; or, when its requester has left or would have by then, it is let go of.
    pub(crate) fn failed(&mut self, mut taken: Taken<I>, after: Option<Duration>, now: Instant, fx: &mut Effects<I>) {
        taken.hand.failures += 1;
        let failures = taken.hand.failures;
        if self.group(taken.hand.group).is_none() {
            return fx.discard(taken.item, Cause::GroupRemoved, taken.hand.deliveries);
        }
        if !taken.item.is_wanted() {
            self.done(&taken);
            return fx.discard(taken.item, Cause::GivenUp, taken.hand.deliveries);
        }
        if failures >= self.limits.max_attempts {
            return self.bury(taken, DeadReason::MaxAttempts, fx);
        }
        if taken.hand.deliveries >= self.limits.max_deliveries {
            return self.bury(taken, DeadReason::MaxDeliveries, fx);
        }
        let random = self.next_random();
        let wait = after.or_else(|| self.limits.backoff.wait(failures, random)).filter(|d| !d.is_zero());
        let due = wait.map(|wait| crate::clock::after(now, wait));
        let deadline = taken.item.expires_at().filter(|_| taken.item.is_request());
        if deadline.is_some_and(|deadline| due.unwrap_or(now) >= deadline) {
            self.done(&taken);
            return fx.discard(taken.item, Cause::RetryTooLate, taken.hand.deliveries);
        }
        self.counters.returned += 1;
        if let Some(group) = self.group_mut(taken.hand.group) {
            group.in_hand -= 1;
        }
        self.put_in(taken.item, taken.hand, due, false);
    }

    fn next_random(&mut self) -> u64 {
        // xorshift64: enough to spread what failed together.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 16
    }

    // ---- time ----

    /// The next instant at which [`advance`](Machine::advance) has something to do.
    pub(crate) fn next_instant(&self) -> Option<Instant> {
        self.agenda.next()
    }

    /// Makes ready what is due by now, and lets go of what expired.
    pub(crate) fn advance(&mut self, now: Instant, fx: &mut Effects<I>) {
        while let Some((entry, ticket)) = self.agenda.pop(now) {
            match entry {
                Entry::Expires => self.expire(ticket, fx),
                Entry::Due => self.fall_due(ticket),
            }
        }
    }

    fn fall_due(&mut self, ticket: Ticket) {
        let Some(node) = self.nodes.get_mut(ticket) else { return };
        let (id, is_first) = (node.hand.group, node.hand.deliveries == 0);
        if is_first {
            // It was sent for this instant: it stands behind what was sent before.
            self.next_order += 1;
            let (old, new) = (node.hand.order, self.next_order);
            node.hand.order = new;
            if let Some(at) = node.item.expires_at() {
                self.agenda.strike(at, old, Entry::Expires);
                self.agenda.note(at, new, Entry::Expires, ticket);
            }
        }
        if let Some(group) = self.group_mut(id) {
            group.delayed -= 1;
            group.queued += 1;
        }
        self.make_ready(ticket, is_first);
    }

    fn expire(&mut self, ticket: Ticket, fx: &mut Effects<I>) {
        match self.nodes.get(ticket).is_some_and(|node| node.item.is_request()) {
            true => self.counters.given_up += 1,
            false => self.counters.expired += 1,
        }
        self.discard(ticket, Cause::Expired, fx);
    }

    // ---- taking out ----

    /// Takes a queued item out, with its hand-overs so far; `None` when it is not there any more.
    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<(I, u32)> {
        self.take_out(ticket).map(|node| (node.item, node.hand.deliveries))
    }

    fn discard(&mut self, ticket: Ticket, cause: Cause, fx: &mut Effects<I>) {
        if let Some((item, deliveries)) = self.remove(ticket) {
            fx.discard(item, cause, deliveries);
        }
    }

    /// Takes a node out; if the others of its key wait for it, the next one takes its place.
    fn take_out(&mut self, ticket: Ticket) -> Option<Node<I>> {
        let node = self.take_out_leading(ticket)?;
        if node.hand.leads {
            self.release_key(node.hand.group, &node.item);
        }
        Some(node)
    }

    /// Takes a node out of wherever it stands; it keeps its key.
    fn take_out_leading(&mut self, ticket: Ticket) -> Option<Node<I>> {
        let Machine { nodes, groups, agenda, .. } = self;
        let node = nodes.get(ticket)?;
        let (hand, place) = (node.hand, node.place);
        if let Some(at) = node.item.expires_at().filter(|_| !node.item.is_request()) {
            agenda.strike(at, hand.order, Entry::Expires);
        }
        let group = groups[hand.group.index as usize].1.as_mut()?;
        match place {
            Place::Ready => {
                let priority = node.item.priority();
                group.ready.at(priority, |list| nodes.unlink(list, ticket));
                group.queued -= 1;
            }
            Place::Parked => {
                let parked = node.item.key().and_then(|key| group.keys.get_mut(key))?;
                nodes.unlink(parked, ticket);
                group.queued -= 1;
            }
            Place::Delayed { due } => {
                agenda.strike(due, hand.order, Entry::Due);
                group.delayed -= 1;
            }
        }
        nodes.remove(ticket)
    }

    /// Every item of a group that stands in the queue, oldest first.
    fn tickets(&self, id: GroupId) -> Vec<Ticket> {
        self.tickets_where(|node| node.hand.group == id)
    }

    fn tickets_where(&self, wanted: impl Fn(&Node<I>) -> bool) -> Vec<Ticket> {
        let found = self.nodes.iter().filter(|(_, node)| wanted(node));
        let mut found: Vec<_> = found.map(|(ticket, node)| (node.hand.order, ticket)).collect();
        found.sort_unstable_by_key(|(order, _)| *order);
        found.into_iter().map(|(_, ticket)| ticket).collect()
    }

    /// Lets go of every queued item that `goes` says.
    pub(crate) fn discard_where(&mut self, cause: Cause, goes: impl Fn(&I) -> bool, fx: &mut Effects<I>) -> usize {
        let found = self.tickets_where(|node| goes(&node.item));
        found.iter().for_each(|ticket| self.discard(*ticket, cause.clone(), fx));
        found.len()
    }

    /// Takes everything out that stands in the queue, oldest first, with its group and its hand-overs so far.
    pub(crate) fn take_all(&mut self) -> Vec<(GroupId, u32, I)> {
        let all = self.tickets_where(|_| true);
        let nodes = all.into_iter().filter_map(|ticket| self.take_out(ticket));
        nodes.map(|node| (node.hand.group, node.hand.deliveries, node.item)).collect()
    }

    // ---- counts ----

    /// What stands in one group: queued, delayed, in hand, dead.
    pub(crate) fn depths(&self, id: GroupId) -> [usize; 4] {
        self.group(id).map_or([0; 4], |g| [g.queued, g.delayed, g.in_hand, g.dead.len()])
    }

    pub(crate) fn in_hand(&self) -> usize {
        self.groups.iter().filter_map(|(_, group)| group.as_ref()).map(|group| group.in_hand).sum()
    }
}

/// The first node of a list that was sent after `order`.
fn first_younger<I>(nodes: &Slab<Node<I>>, list: &List, order: u64) -> Option<Ticket> {
    let mut at = nodes.first(list);
    while let Some(ticket) = at {
        if nodes.get(ticket).is_some_and(|node| node.hand.order > order) {
            return at;
        }
        at = nodes.next(ticket);
    }
    None
}
