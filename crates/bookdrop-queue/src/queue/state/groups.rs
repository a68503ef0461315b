//! Groups come with their first consumer, and go when they are removed.

use crate::effects::Effects;
use crate::item::{Cause, Item};
use crate::machine::GroupId;
use crate::queue::DEFAULT_GROUP;
use crate::queue::waiters::Waiters;

use super::{Seats, State};

impl<I: Item> State<I> {
    pub(super) fn make_seats(&mut self, id: GroupId) {
        let wanted = id.index as usize + 1;
        while self.seats.len() < wanted {
            self.seats.push(Seats {
                taken: 0,
                waiters: Waiters::new(),
            });
        }
    }

    /// Adds a consumer to a group; the group begins with its first one.
    pub(in crate::queue) fn join(&mut self, name: &str) -> GroupId {
        let id = match self.machine.group_named(name) {
            Some(id) => id,
            None => {
                let id = self.machine.add_group(name, false);
                self.make_seats(id);
                id
            }
        };
        if !self.founded && id != self.default_group {
            self.machine.set_subscribed(self.default_group, false);
            self.machine.move_one_way(self.default_group, id);
        }
        self.founded = true;
        self.machine.set_subscribed(id, true);
        self.note_subscribers();
        self.seats[id.index as usize].taken += 1;
        id
    }

    /// Adds one more consumer to a group that has one.
    pub(in crate::queue) fn join_again(&mut self, id: GroupId) {
        if self.machine.group_name(id).is_some() {
            self.seats[id.index as usize].taken += 1;
        }
    }

    /// A consumer leaves; the last one of the default group leaves requests without anybody to answer them.
    pub(in crate::queue) fn leave(&mut self, id: GroupId, fx: &mut Effects<I>) {
        if self.machine.group_name(id).is_none() {
            return;
        }
        self.seats[id.index as usize].taken -= 1;
        if id == self.default_group {
            self.end_unanswerable(fx);
        }
    }

    /// Where nobody is there to answer, requests end, but for those that wait for a consumer.
    pub(super) fn end_unanswerable(&mut self, fx: &mut Effects<I>) {
        if self.consumers(self.default_group) > 0 {
            return;
        }
        let goes = |item: &I| !item.waits_for_consumer();
        self.line.discard_requests(Cause::NoConsumer, goes, fx);
        self.machine.discard_requests(Cause::NoConsumer, goes, fx);
    }

    pub(in crate::queue) fn remove_group(&mut self, id: GroupId, fx: &mut Effects<I>) {
        self.machine.remove_group(id, fx);
        let seats = &mut self.seats[id.index as usize];
        seats.taken = 0;
        seats.waiters.notify_all(fx);
        if id == self.default_group {
            self.line
                .discard_requests(Cause::NoConsumer, |item| !item.waits_for_consumer(), fx);
            self.default_group = self.machine.add_group(DEFAULT_GROUP, false);
            self.make_seats(self.default_group);
        }
        self.note_subscribers();
        if self.subscribers.is_empty() {
            self.founded = false;
            self.machine.set_subscribed(self.default_group, true);
            self.note_subscribers();
        }
    }

    fn note_subscribers(&mut self) {
        let machine = &self.machine;
        self.subscribers.retain(|id| machine.is_subscribed(*id));
        for id in machine.group_ids().filter(|id| machine.is_subscribed(*id)) {
            if !self.subscribers.contains(&id) {
                self.subscribers.push(id);
            }
        }
    }

    /// Groups that somebody joined.
    pub(in crate::queue) fn joined_groups(&self) -> impl Iterator<Item = GroupId> + '_ {
        self.subscribers.iter().copied().filter(|_| self.founded)
    }

    pub(in crate::queue) fn consumers(&self, id: GroupId) -> usize {
        self.seats
            .get(id.index as usize)
            .map_or(0, |seats| seats.taken)
    }

    pub(in crate::queue) fn waiters(&mut self, id: GroupId) -> &mut Waiters {
        &mut self.seats[id.index as usize].waiters
    }

    pub(in crate::queue) fn waiting_consumers(&self, id: GroupId) -> usize {
        self.seats
            .get(id.index as usize)
            .map_or(0, |seats| seats.waiters.len())
    }
}
