//! Items are handed over: the most urgent first, then the oldest, one of each key at a time.

use crate::effects::Effects;
use crate::item::{Item, Standing};
use crate::slab::{List, Ticket};

use super::{GroupId, Machine, Moment, Node, Place, Taken};

impl<I: Item> Machine<I> {
    /// Whether anything stands ready in this group.
    pub(crate) fn has_ready(&self, id: GroupId) -> bool {
        self.group(id)
            .is_some_and(|group| group.ready.most_urgent().is_some())
    }

    /// Whether something is queued that may become ready when what is in hand is settled.
    pub(crate) fn waits_for_keys(&self, id: GroupId) -> bool {
        self.group(id)
            .is_some_and(|group| group.queued > 0 && group.in_hand > 0)
    }

    /// Hands over the next item: the most urgent, then the oldest, whose key is free and whose time has not passed.
    pub(crate) fn take(
        &mut self,
        id: GroupId,
        now: &mut Moment,
        fx: &mut Effects<I>,
    ) -> Option<Taken<I>> {
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
        let Some(node) = nodes.get_mut(ticket) else {
            return false;
        };
        let Some(group) = &mut groups[node.hand.group.index as usize].1 else {
            return false;
        };
        let (Some(key), false) = (node.item.key(), node.hand.leads) else {
            return true;
        };
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
    pub(super) fn release_key(&mut self, id: GroupId, item: &I) {
        let Machine { nodes, groups, .. } = self;
        let Some(key) = item.key() else { return };
        let Some((generation, Some(group))) = groups.get_mut(id.index as usize) else {
            return;
        };
        if *generation != id.generation {
            return;
        }
        let Some(parked) = group.keys.get_mut(key) else {
            return;
        };
        let Some(next) = nodes.pop_front(parked) else {
            group.keys.remove(key);
            return;
        };
        if let Some(node) = nodes.get_mut(next) {
            node.hand.leads = true;
        }
        self.make_ready(next, false);
    }
}
