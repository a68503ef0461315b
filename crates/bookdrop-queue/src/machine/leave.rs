//! Items leave the queue from wherever they stand.

use crate::effects::Effects;
use crate::item::{Cause, Item};
use crate::slab::Ticket;

use super::agenda::Entry;
use super::{GroupId, Machine, Node, Place};

impl<I: Item> Machine<I> {
    /// Takes a queued item out, with its hand-overs so far; `None` when it is not there any more.
    pub(crate) fn remove(&mut self, ticket: Ticket) -> Option<(I, u32)> {
        self.take_out(ticket)
            .map(|node| (node.item, node.hand.deliveries))
    }

    pub(super) fn discard(&mut self, ticket: Ticket, cause: Cause, fx: &mut Effects<I>) {
        if let Some((item, deliveries)) = self.remove(ticket) {
            fx.discard(item, cause, deliveries);
        }
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
        if let Some(at) = node
            .item
            .expires_at()
            .filter(|_| node.item.expires_by_itself())
        {
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
        *requests -= usize::from(node.item.is_request());
        Some(node)
    }

    /// Every item of a group that stands in the queue, oldest first.
    pub(super) fn tickets(&self, id: GroupId) -> Vec<Ticket> {
        self.tickets_where(|node| node.hand.group == id)
    }

    pub(super) fn tickets_where(&self, wanted: impl Fn(&Node<I>) -> bool) -> Vec<Ticket> {
        let found = self.nodes.iter().filter(|(_, node)| wanted(node));
        let mut found: Vec<_> = found
            .map(|(ticket, node)| (node.hand.order, ticket))
            .collect();
        found.sort_unstable_by_key(|(order, _)| *order);
        found.into_iter().map(|(_, ticket)| ticket).collect()
    }

    /// Lets go of every queued request that `goes` says.
    pub(crate) fn discard_requests(
        &mut self,
        cause: Cause,
        goes: impl Fn(&I) -> bool,
        fx: &mut Effects<I>,
    ) {
        // The search goes through everything that is queued.
        if self.requests > 0 {
            self.discard_where(cause, |item| item.is_request() && goes(item), fx);
        }
    }

    /// Lets go of every queued item that `goes` says.
    pub(crate) fn discard_where(
        &mut self,
        cause: Cause,
        goes: impl Fn(&I) -> bool,
        fx: &mut Effects<I>,
    ) -> usize {
        let found = self.tickets_where(|node| goes(&node.item));
        found
            .iter()
            .for_each(|ticket| self.discard(*ticket, cause.clone(), fx));
        found.len()
    }

    /// Takes everything out that stands in the queue, oldest first, with its group and its hand-overs so far.
    pub(crate) fn take_all(&mut self) -> Vec<(GroupId, u32, I)> {
        let all = self.tickets_where(|_| true);
        let nodes = all.into_iter().filter_map(|ticket| self.take_out(ticket));
        nodes
            .map(|node| (node.hand.group, node.hand.deliveries, node.item))
            .collect()
    }
}
