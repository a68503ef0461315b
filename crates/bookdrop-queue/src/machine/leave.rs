//! Items leave the queue from wherever they stand.

use crate::effects::Effects;
use crate::item::{Cause, Item, Standing};
use crate::slab::Ticket;

use super::agenda::Entry;
use super::calls::Call;
use super::intake::by_age;
use super::{GroupId, Machine, Node, Place, Spot};

impl<I: Item> Machine<I> {
    /// Takes a queued item out, with its hand-overs so far; `None` when it is not there any more.
    pub(crate) fn remove(&mut self, spot: Spot) -> Option<(I, u32)> {
        match spot {
            Spot::Node(ticket) => {
                let Node { mut item, hand, .. } = self.take_out(ticket)?;
                *item.hand_mut() = hand;
                Some((item, hand.deliveries))
            }
            Spot::Lane(id, position) => {
                let group = self.group_mut(id)?;
                let item = group.lane.remove(position)?;
                group.queued -= 1;
                if let Some(call) = item.call() {
                    self.requests -= 1;
                    // Its requester may still look for it, and others will stand at this position when holes are closed.
                    self.calls.place(call, Standing::Elsewhere);
                }
                Some((item, 0))
            }
        }
    }

    pub(super) fn discard(&mut self, spot: Spot, cause: Cause, fx: &mut Effects<I>) {
        if let Some((item, deliveries)) = self.remove(spot) {
            self.let_go(item, cause, deliveries, fx);
        }
    }

    /// Lets go of an item that stands nowhere any more.
    pub(super) fn let_go(&mut self, item: I, cause: Cause, deliveries: u32, fx: &mut Effects<I>) {
        if let Some(call) = item.call() {
            self.calls.place(call, Standing::Leaving);
        }
        fx.discard(item, cause, deliveries);
    }

    /// Takes a node out; if the others of its key wait for it, the next one takes its place.
    pub(super) fn take_out(&mut self, ticket: Ticket) -> Option<Node<I>> {
        let node = self.take_out_leading(ticket)?;
        if node.hand.leads {
            self.release_key(node.hand.group, &node.item);
        }
        Some(node)
    }

    /// Takes a node out of wherever it stands; it keeps its key.
    pub(super) fn take_out_leading(&mut self, ticket: Ticket) -> Option<Node<I>> {
        let Machine {
            nodes,
            groups,
            agenda,
            requests,
            ..
        } = self;
        let node = nodes.get(ticket)?;
        let (hand, place) = (node.hand, node.place);
        if let Some(at) = node.item.expires_at() {
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
        let node = nodes.remove(ticket)?;
        *requests -= usize::from(node.item.call().is_some());
        Some(node)
    }

    /// Where every item stands that is wanted, by its group and itself, oldest first.
    pub(super) fn spots(&self, wanted: impl Fn(GroupId, &I) -> bool) -> Vec<Spot> {
        let nodes = self.nodes.iter().filter_map(|(ticket, node)| {
            let is_wanted = wanted(node.hand.group, &node.item);
            is_wanted.then_some((node.hand.order, Spot::Node(ticket)))
        });
        let mut found: Vec<_> = nodes.collect();
        for id in self.group_ids() {
            let lane = self
                .group(id)
                .into_iter()
                .flat_map(|group| group.lane.iter());
            let plain = lane.filter(|(_, item)| wanted(id, item));
            found.extend(plain.map(|(at, item)| (item.hand().order, Spot::Lane(id, at))));
        }
        by_age(found).collect()
    }

    pub(super) fn item(&self, spot: Spot) -> Option<&I> {
        match spot {
            Spot::Node(ticket) => Some(&self.nodes.get(ticket)?.item),
            Spot::Lane(id, position) => self.group(id)?.lane.get(position),
        }
    }

    /// Lets go of every queued request that `goes` says by its call.
    pub(crate) fn discard_requests(
        &mut self,
        cause: Cause,
        goes: impl Fn(&Call<I::Answer>) -> bool,
        fx: &mut Effects<I>,
    ) {
        // The search goes through everything that is queued.
        if self.requests == 0 {
            return;
        }
        let goes = |item: &I| {
            item.call()
                .is_some_and(|call| self.calls.get(call).is_none_or(&goes))
        };
        let found = self.spots(|_, item| goes(item));
        self.discard_all(&found, cause, fx);
    }

    /// Lets go of every queued item that `goes` says.
    pub(crate) fn discard_where(
        &mut self,
        cause: Cause,
        goes: impl Fn(&I) -> bool,
        fx: &mut Effects<I>,
    ) -> usize {
        let found = self.spots(|_, item| goes(item));
        self.discard_all(&found, cause, fx);
        found.len()
    }

    fn discard_all(&mut self, spots: &[Spot], cause: Cause, fx: &mut Effects<I>) {
        for spot in spots {
            self.discard(*spot, cause.clone(), fx);
        }
    }

    /// Takes everything out that stands in the queue, oldest first, with its group and its hand-overs so far.
    pub(crate) fn take_all(&mut self) -> Vec<(GroupId, u32, I)> {
        let mut all = Vec::new();
        for spot in self.spots(|_, _| true) {
            let id = match spot {
                Spot::Node(ticket) => self.nodes.get(ticket).map(|node| node.hand.group),
                Spot::Lane(id, _) => Some(id),
            };
            let (Some(id), Some((item, deliveries))) = (id, self.remove(spot)) else {
                continue;
            };
            all.push((id, deliveries, item));
        }
        all
    }
}
