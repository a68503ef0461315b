//! Groups come with their first consumer, and go when they are removed.

use crate::effects::Effects;
use crate::item::{Cause, Item};
use crate::machine::{Call, GroupId};
use crate::queue::waiters::Waiters;
use crate::queue::{DEFAULT_GROUP, Reader};

use super::seats::{Seat, Seats};
use super::{Phase, State};

impl<I: Item> State<I> {
    pub(super) fn make_seats(&mut self, id: GroupId) {
        let wanted = id.index as usize + 1;
        while self.seats.len() < wanted {
            self.seats.push(Seats::new());
        }
    }

    /// Adds a consumer to a group; the group begins with its first one.
    pub(in crate::queue) fn join(&mut self, name: &str) -> Seat {
        let id = self.found(name);
        self.join_again(id, false)
    }

    /// Makes a group as its first consumer does, unless it is there.
    pub(in crate::queue) fn found(&mut self, name: &str) -> GroupId {
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
        id
    }

    /// Adds one more consumer to a group that has one.
    pub(in crate::queue) fn join_again(&mut self, id: GroupId, auto_ack: bool) -> Seat {
        let is_open = self.phase == Phase::Open;
        let exists = self.machine.group_name(id).is_some();
        if self.seats[id.index as usize].has_many_left() {
            self.count_returns();
        }
        let seats = &mut self.seats[id.index as usize];
        seats.taken += usize::from(exists);
        seats.take(id, auto_ack, is_open)
    }

    /// A consumer leaves; the last one of the default group leaves requests without anybody to answer them.
    pub(in crate::queue) fn leave(&mut self, reader: Reader, fx: &mut Effects<I>) {
        let id = reader.group;
        self.seats[id.index as usize].leave(reader.seat);
        if self.machine.group_name(id).is_none() {
            return;
        }
        self.seats[id.index as usize].taken -= 1;
        if id == self.default_group {
            self.end_unanswerable(fx);
        }
    }

    /// Whether nobody is there to answer a request, and nobody is expected.
    pub(super) fn lacks_consumers(&self) -> bool {
        !self.expects_consumers && self.consumers(self.default_group) == 0
    }

    /// Where nobody is there to answer, requests end, but for those that wait for a consumer.
    pub(in crate::queue) fn end_unanswerable(&mut self, fx: &mut Effects<I>) {
        if !self.lacks_consumers() {
            return;
        }
        self.end_impatient_in_line(fx);
        let is_impatient = |call: &Call<I::Answer>| !call.waits_for_consumer;
        self.machine
            .discard_requests(Cause::NoConsumer, is_impatient, fx);
    }

    fn end_impatient_in_line(&mut self, fx: &mut Effects<I>) {
        let is_impatient = |call: &Call<I::Answer>| !call.waits_for_consumer;
        let calls = &mut self.machine.calls;
        self.line
            .discard_requests(calls, Cause::NoConsumer, is_impatient, fx);
    }

    pub(in crate::queue) fn remove_group(&mut self, id: GroupId, fx: &mut Effects<I>) {
        self.machine.remove_group(id, fx);
        let seats = &mut self.seats[id.index as usize];
        seats.taken = 0;
        seats.waiters.notify_all(fx);
        if id == self.default_group {
            self.end_impatient_in_line(fx);
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

    #[inline]
    pub(super) fn is_anybody_asleep(&self, id: GroupId) -> bool {
        self.seats[id.index as usize].waiters.is_anybody_asleep()
    }

    pub(in crate::queue) fn waiting_consumers(&self, id: GroupId) -> usize {
        self.seats
            .get(id.index as usize)
            .map_or(0, |seats| seats.waiters.len())
    }
}
