//! Items are handed over: the most urgent first, then the oldest, one of each key at a time.

use crate::effects::Effects;
use crate::item::{Cause, Item, Standing};
use crate::note::{Note, note};
use crate::slab::{List, Ticket};

use super::{GroupId, Hand, Machine, Moment, Node, Place, Spot, Taken};

impl<I: Item> Machine<I> {
    /// Whether anything stands ready in this group.
    pub(crate) fn has_ready(&self, id: GroupId) -> bool {
        self.group(id)
            .is_some_and(|group| group.lane.len() > 0 || !group.ready.is_empty())
    }

    /// Whether something is queued that may become ready when what is in hand is settled.
    pub(crate) fn waits_for_keys(&self, id: GroupId) -> bool {
        self.group(id)
            .is_some_and(|group| group.queued > 0 && group.in_hand > 0)
    }

    /// Hands over the next item: the most urgent, then the oldest, whose key is free and whose time has not passed.
    #[inline]
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
            let taken = match self.turn(id)? {
                Turn::Lane => self.take_plain(id, now, fx),
                Turn::Node(ticket) => self.take_node(ticket, now, fx),
            };
            if taken.is_some() {
                return taken;
            }
        }
    }

    /// Hands over the oldest of the lane, where that [is next](Machine::is_lane_next): so nothing else comes into question, and
    /// nothing follows. `None` where there is none, or where it is a request whose deadline has come, from which something
    /// follows. With automatic ack there must be [no requests](Machine::has_requests). To write into the item's hand is left
    /// to the receiver.
    pub(crate) fn take_from_lane(
        &mut self,
        id: GroupId,
        auto_ack: bool,
        now: &mut Moment,
    ) -> Option<I> {
        // Looked at before it is taken: put back it might stand elsewhere, where whoever gives it up would not find it.
        let front = self.group(id)?.lane.front()?;
        if self.is_overdue(front, now) {
            return None;
        }
        let group = self.group_mut(id)?;
        let item = group.lane.pop()?;
        group.queued -= 1;
        group.in_hand += usize::from(!auto_ack);
        self.counters.handed_over += 1;
        self.counters.acked += u64::from(auto_ack);
        if let Some(call) = item.call() {
            debug_assert!(!auto_ack, "its consumer is lent no seat");
            self.requests -= 1;
            self.calls.place(call, Standing::Elsewhere);
        }
        Some(item)
    }

    /// Whose turn it is.
    #[inline]
    fn turn(&self, id: GroupId) -> Option<Turn> {
        let group = self.group(id)?;
        let plain = group.lane.first();
        if group.ready.is_empty() {
            return plain.map(|_| Turn::Lane);
        }
        let (priority, list) = group.ready.most_urgent()?;
        let ticket = self.nodes.first(list)?;
        let order = self.nodes.get(ticket)?.hand.order;
        match priority == 0 && plain.is_some_and(|plain| plain < order) {
            true => Some(Turn::Lane),
            false => Some(Turn::Node(ticket)),
        }
    }

    /// Hands over the oldest of the express lane, unless it is a request whose deadline has passed.
    #[inline]
    fn take_plain(
        &mut self,
        id: GroupId,
        now: &mut Moment,
        fx: &mut Effects<I>,
    ) -> Option<Taken<I>> {
        let group = self.group_mut(id)?;
        let item = group.lane.pop()?;
        group.queued -= 1;
        if let Some(call) = item.call() {
            self.requests -= 1;
            if self.is_overdue(&item, now) {
                self.counters.given_up += 1;
                self.let_go(item, Cause::Expired, 0, fx);
                return None;
            }
            self.calls.place(call, Standing::Elsewhere);
        }
        let hand = item.hand().first(id);
        self.hand_over(item, hand)
    }

    /// Hands over the item of this node, unless its key is not free or its time has passed.
    fn take_node(
        &mut self,
        ticket: Ticket,
        now: &mut Moment,
        fx: &mut Effects<I>,
    ) -> Option<Taken<I>> {
        let item = &self.nodes.get(ticket)?.item;
        let expired = item.expires_at().is_some_and(|at| at <= now.get());
        if expired || self.is_overdue(item, now) {
            match expired {
                true => self.counters.expired += 1,
                false => self.counters.given_up += 1,
            }
            self.discard(Spot::Node(ticket), Cause::Expired, fx);
            return None;
        }
        if item.key().is_some() && !self.lead_or_park(ticket) {
            return None;
        }
        let Node { item, mut hand, .. } = self.take_out_leading(ticket)?;
        hand.deliveries += 1;
        if let Some(call) = item.call() {
            self.calls.place(call, Standing::Elsewhere);
        }
        let mut taken = self.hand_over(item, hand)?;
        note(&mut taken.item, Note::HandedOver);
        Some(taken)
    }

    #[inline]
    fn hand_over(&mut self, mut item: I, hand: Hand) -> Option<Taken<I>> {
        self.counters.handed_over += 1;
        self.group_mut(hand.group)?.in_hand += 1;
        *item.hand_mut() = hand;
        Some(Taken { item })
    }

    /// Whether it is a request whose deadline has come.
    #[inline]
    fn is_overdue(&self, item: &I, now: &mut Moment) -> bool {
        let call = item.call().and_then(|call| self.calls.get(call));
        call.is_some_and(|call| call.is_over(|| now.get()))
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

enum Turn {
    Lane,
    Node(Ticket),
}
