//! Items come in, and stand ready or wait until they are due.

use std::time::Instant;

use crate::effects::Effects;
use crate::item::{Cause, Item, Standing};
use crate::note::{Note, note};
use crate::slab::{List, Slab, Ticket};

use super::agenda::Entry;
use super::group::Group;
use super::{GroupId, Hand, Machine, Node, Place, Spot};

impl<I: Item> Machine<I> {
    /// Whether the group has room for one more.
    #[inline]
    pub(crate) fn has_room(&self, id: GroupId, delayed: bool) -> bool {
        self.group(id).is_none_or(|group| match delayed {
            true => group.delayed < self.limits.max_delayed,
            false => group.queued < self.limits.capacity,
        })
    }

    /// Whether this identity was sent within the window.
    pub(crate) fn is_duplicate(&mut self, identity: &str, now: Instant) -> bool {
        let known = self.identities.knows(identity, now);
        self.counters.duplicates += u64::from(known);
        known
    }

    /// The same, to be known before anything is sent: nothing is counted.
    pub(crate) fn remembers(&mut self, identity: &str, now: Instant) -> bool {
        self.identities.knows(identity, now)
    }

    /// This identity is sent now.
    pub(crate) fn remember(&mut self, identity: &str, now: Instant) {
        self.identities.remember(identity, now);
    }

    /// Takes an item in, at the end of its level. The caller has looked for room.
    pub(crate) fn push(&mut self, id: GroupId, item: I, due: Option<Instant>, fx: &mut Effects<I>) {
        if self.group(id).is_none() {
            return fx.discard(item, Cause::GroupRemoved, 0);
        }
        if due.is_none() && item.is_plain() {
            self.push_plain(id, item);
            return self.note_fresh(id);
        }
        self.next_order += 1;
        let order = self.next_order;
        self.put_in(
            item,
            Hand {
                group: id,
                order,
                deliveries: 0,
                failures: 0,
                leads: false,
                backs_off: false,
            },
            due,
            true,
        );
    }

    /// Takes a plain item in: into the express lane of a group that exists. The caller wakes a consumer for it.
    #[inline]
    pub(crate) fn push_plain(&mut self, id: GroupId, item: I) {
        self.next_order += 1;
        self.put_in_lane(id, self.next_order, item);
    }

    #[inline]
    pub(super) fn put_in_lane(&mut self, id: GroupId, order: u64, item: I) {
        let call = item.call();
        let Some(group) = self.group_mut(id) else {
            return;
        };
        let position = group.lane.push(order, item);
        group.queued += 1;
        if let Some(call) = call {
            self.requests += 1;
            self.calls
                .place(call, Standing::Queued(Spot::Lane(id, position)));
            self.close_holes(id);
        }
    }

    /// Requests that were given up leave holes in the lane.
    #[inline]
    fn close_holes(&mut self, id: GroupId) {
        let Machine { groups, calls, .. } = self;
        let Some(group) = &mut groups[id.index as usize].1 else {
            return;
        };
        if group.lane.has_many_holes() {
            group.lane.close_holes(|item, position| {
                if let Some(call) = item.call() {
                    calls.place(call, Standing::Queued(Spot::Lane(id, position)));
                }
            });
        }
    }

    pub(super) fn note_fresh(&mut self, id: GroupId) {
        if let Some(group) = self.group_mut(id) {
            group.fresh += 1;
            self.has_fresh = true;
        }
    }

    pub(super) fn put_in(&mut self, item: I, hand: Hand, due: Option<Instant>, at_the_end: bool) {
        let (call, expires) = (item.call(), item.expires_at());
        let place = due.map_or(Place::Ready, |due| Place::Delayed { due });
        let ticket = self.nodes.insert(Node { item, hand, place });
        if let Some(call) = call {
            self.requests += 1;
            self.calls.place(call, Standing::Queued(Spot::Node(ticket)));
        }
        if let Some(at) = expires {
            self.agenda.note(at, hand.order, Entry::Expires, ticket);
        }
        match place {
            Place::Delayed { due } => {
                self.agenda.note(due, hand.order, Entry::Due, ticket);
                let Some(group) = self.group_mut(hand.group) else {
                    return;
                };
                group.delayed += 1;
            }
            _ => {
                let Some(group) = self.group_mut(hand.group) else {
                    return;
                };
                group.queued += 1;
                self.make_ready(ticket, at_the_end);
            }
        }
    }

    /// Puts a node into its level: at the end, or where its age says.
    pub(super) fn make_ready(&mut self, ticket: Ticket, at_the_end: bool) {
        let Machine {
            nodes,
            groups,
            has_fresh,
            ..
        } = self;
        let Some(node) = nodes.get_mut(ticket) else {
            return;
        };
        node.place = Place::Ready;
        let (order, priority, id) = (node.hand.order, node.item.priority(), node.hand.group);
        let Some(group) = &mut groups[id.index as usize].1 else {
            return;
        };
        group.fresh += 1;
        *has_fresh = true;
        let Group {
            ready, returned, ..
        } = group;
        ready.at(priority, |list| match at_the_end {
            true => nodes.push_back(list, ticket),
            false => {
                // What one hand lets go of comes back in order, each behind the former one: no need to pass them all.
                let former = returned.filter(|former| {
                    nodes.get(*former).is_some_and(|node| {
                        matches!(node.place, Place::Ready)
                            && node.item.priority() == priority
                            && node.hand.order < order
                    })
                });
                let from = former.or_else(|| nodes.first(list));
                let behind = first_younger(nodes, from, order);
                nodes.insert_before(list, behind, ticket);
                *returned = Some(ticket);
            }
        });
    }

    /// Whether anything may have become ready, in any group, since the last time it was taken notice of.
    #[inline]
    pub(crate) fn has_fresh(&self) -> bool {
        self.has_fresh
    }

    /// As [`has_fresh`](Machine::has_fresh), and takes notice of it.
    pub(crate) fn take_has_fresh(&mut self) -> bool {
        std::mem::take(&mut self.has_fresh)
    }

    /// How many items became ready in the group at this index since the last call.
    #[inline]
    pub(crate) fn take_fresh(&mut self, index: usize) -> usize {
        let group = self
            .groups
            .get_mut(index)
            .and_then(|(_, group)| group.as_mut());
        group.map_or(0, |group| std::mem::take(&mut group.fresh))
    }

    /// Makes room: the oldest item that is queued in these groups goes. False when there is none.
    pub(crate) fn displace_oldest(&mut self, ids: &[GroupId], fx: &mut Effects<I>) -> bool {
        let oldest = ids.iter().filter_map(|id| self.oldest(*id));
        let Some((_, oldest)) = oldest.min_by_key(|(order, _)| *order) else {
            return false;
        };
        self.counters.dropped_when_full += 1;
        self.discard(oldest, Cause::Displaced, fx);
        true
    }

    /// The order of the oldest item that is queued in a group, and where it stands.
    #[inline]
    fn oldest(&self, id: GroupId) -> Option<(u64, Spot)> {
        let group = self.group(id)?;
        let ready: usize = group.ready.levels().map(List::len).sum();
        let ready = ready + group.lane.len();
        // Most keys have nobody waiting behind them.
        let behind_keys = (group.queued > ready).then(|| group.keys.values());
        let lists = group
            .ready
            .levels()
            .chain(behind_keys.into_iter().flatten());
        let firsts = lists.filter_map(|list| self.nodes.first(list));
        let firsts = firsts.filter_map(|ticket| {
            let order = self.nodes.get(ticket)?.hand.order;
            Some((order, Spot::Node(ticket)))
        });
        let lane = group.lane.iter().next();
        let lane = lane.map(|(at, item)| (item.hand().order, Spot::Lane(id, at)));
        firsts.chain(lane).min_by_key(|(order, _)| *order)
    }

    /// The next instant at which [`advance`](Machine::advance) has something to do.
    #[inline]
    pub(crate) fn next_instant(&self) -> Option<Instant> {
        match (self.agenda.next(), self.calls.next_instant()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Makes ready what is due by now, lets go of what expired, and wakes requesters whose deadline has come.
    pub(crate) fn advance(&mut self, now: Instant, fx: &mut Effects<I>) {
        while let Some((entry, ticket)) = self.agenda.pop(now) {
            match entry {
                Entry::Expires => {
                    self.counters.expired += 1;
                    self.discard(Spot::Node(ticket), Cause::Expired, fx);
                }
                Entry::Due => self.fall_due(ticket),
            }
        }
        while let Some(requester) = self.calls.advance(now) {
            requester.into_iter().for_each(|waker| fx.wake(waker));
        }
    }

    /// Makes ready at once what failed and waits as long as the queue found right.
    pub(crate) fn waive_backoff(&mut self) {
        let waits = |node: &Node<I>| match node.place {
            Place::Delayed { due } if node.hand.backs_off => Some((due, node.hand.order)),
            _ => None,
        };
        let waiting: Vec<_> = self
            .nodes
            .iter()
            .filter_map(|(ticket, node)| Some((waits(node)?.1, ticket)))
            .collect();
        for ticket in by_age(waiting) {
            if let Some((due, order)) = self.nodes.get(ticket).and_then(waits) {
                self.agenda.strike(due, order, Entry::Due);
                self.fall_due(ticket);
            }
        }
    }

    fn fall_due(&mut self, ticket: Ticket) {
        let Some(node) = self.nodes.get_mut(ticket) else {
            return;
        };
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
        *node.item.hand_mut() = node.hand;
        note(&mut node.item, Note::Due);
        if let Some(group) = self.group_mut(id) {
            group.delayed -= 1;
            group.queued += 1;
        }
        self.make_ready(ticket, is_first);
    }
}

/// The oldest first.
pub(super) fn by_age<S>(mut found: Vec<(u64, S)>) -> impl Iterator<Item = S> {
    found.sort_unstable_by_key(|(order, _)| *order);
    found.into_iter().map(|(_, spot)| spot)
}

/// The first node, from this one on, that was sent after `order`.
fn first_younger<I>(nodes: &Slab<Node<I>>, from: Option<Ticket>, order: u64) -> Option<Ticket> {
    let mut at = from;
    while let Some(ticket) = at {
        if nodes
            .get(ticket)
            .is_some_and(|node| node.hand.order > order)
        {
            return at;
        }
        at = nodes.next(ticket);
    }
    None
}
