//! What is taken in, what stands in line, and what is refused.

use std::task::Waker;

use crate::effects::Effects;
use crate::item::{Cause, Item, Room, Standing};
use crate::machine::GroupId;
use crate::note::{Note, note};
use crate::queue::line::{Offer, ROWS, Row};
use crate::queue::{OnFull, Refusal};
use crate::slab::Ticket;

use super::{Phase, State};

/// Why an offer was not taken in.
pub(in crate::queue) enum Obstacle {
    Refused(Refusal),
    /// There are more groups than copies: so many are needed.
    Copies(usize),
}

impl Obstacle {
    /// Of a request, which is for one group only.
    pub(in crate::queue) fn refusal(self) -> Refusal {
        match self {
            Obstacle::Refused(why) => why,
            Obstacle::Copies(_) => unreachable!("a request needs no copies"),
        }
    }
}

impl<I: Item> State<I> {
    /// The one group whose plain items need nothing but its lane now: the queue is open, there are no further groups, and
    /// nobody has to be let in, woken or preferred.
    #[inline]
    pub(in crate::queue) fn express_group(&self) -> Option<GroupId> {
        let &[group] = &self.subscribers[..] else {
            return None;
        };
        let is_free = self.may_take_from_lane(group)
            && !self.machine.has_requests()
            && !self.is_anybody_asleep(group);
        is_free.then_some(group)
    }

    /// Whether a consumer of this group has nothing to do but to take the first item of its lane.
    #[inline]
    pub(in crate::queue) fn may_take_from_lane(&self, group: GroupId) -> bool {
        self.phase == Phase::Open && self.line.is_empty() && self.machine.is_lane_next(group)
    }

    /// How many copies an item needs that goes to every group.
    pub(in crate::queue) fn further_groups(&self) -> usize {
        self.subscribers.len() - 1
    }

    /// Takes a plain one-way item in, unless something stands against it: the queue is closed, there are further groups,
    /// somebody stands in line, or there is no room.
    pub(in crate::queue) fn accept_plain(&mut self, item: I, fx: &mut Effects<I>) -> Result<(), I> {
        let &[group] = &self.subscribers[..] else {
            return Err(item);
        };
        let is_free = self.phase == Phase::Open
            && self.line.is_row_empty(Row::OneWay)
            && self.machine.has_room(group, false);
        if !is_free {
            return Err(item);
        }
        self.accept_plain_into(group, item, fx);
        Ok(())
    }

    /// Whether nothing stands against a plain request now: the queue is open, somebody is there to answer, no request stands
    /// in line, and there is room.
    #[inline]
    pub(in crate::queue) fn takes_plain_requests(&self) -> bool {
        let group = self.default_group;
        self.phase == Phase::Open
            && self.consumers(group) > 0
            && self.line.is_row_empty(Row::Request)
            && self.machine.has_room(group, false)
    }

    /// Takes a plain request in, which nothing stands against.
    #[inline]
    pub(in crate::queue) fn accept_plain_request(&mut self, item: I, fx: &mut Effects<I>) {
        self.accept_plain_into(self.default_group, item, fx);
    }

    #[inline]
    fn accept_plain_into(&mut self, group: GroupId, item: I, fx: &mut Effects<I>) {
        self.machine.counters.sent += 1;
        self.machine.push_plain(group, item);
        let waiters = self.waiters(group);
        if waiters.is_anybody_asleep() {
            waiters.notify(1, fx);
        }
    }

    /// Takes an offer in, or says what stands against it.
    pub(in crate::queue) fn offer(
        &mut self,
        offer: Offer<I>,
        on_full: OnFull,
        fx: &mut Effects<I>,
    ) -> Result<(), (Offer<I>, Obstacle)> {
        if let Some(why) = self.bars(&offer.item) {
            return Err((offer, Obstacle::Refused(why)));
        }
        // It takes no place, so a full queue is nothing to it, and nobody is to make room for it.
        if self.is_duplicate(&offer) {
            offer.discard(Cause::Duplicate, fx);
            return Ok(());
        }
        let row = offer.row();
        if on_full == OnFull::DropOldest && row != Row::Delayed {
            self.displace(&offer, fx);
        }
        if let Some(why) = self.lack_of_room(&offer) {
            return Err((offer, Obstacle::Refused(why)));
        }
        if let Some(copies) = self.missing_copies(&offer) {
            return Err((offer, copies));
        }
        self.accept(offer, fx);
        Ok(())
    }

    /// Whether it needs more copies than it has, since there are so many further groups.
    fn missing_copies(&self, offer: &Offer<I>) -> Option<Obstacle> {
        let needed = match offer.is_request() {
            true => 0,
            false => self.further_groups(),
        };
        (offer.copies.len() < needed).then_some(Obstacle::Copies(needed))
    }

    /// Why an item can neither be taken in nor stand in line.
    fn bars(&self, item: &I) -> Option<Refusal> {
        if self.phase != Phase::Open {
            return Some(Refusal::Closed);
        }
        let nobody_comes = self.lacks_consumers() && self.is_impatient(item);
        nobody_comes.then_some(Refusal::NoConsumer)
    }

    /// Whether it is a request that ends where nobody is there to answer.
    fn is_impatient(&self, item: &I) -> bool {
        let Some(call) = item.call() else {
            return false;
        };
        let call = self.machine.calls.get(call);
        call.is_none_or(|call| !call.waits_for_consumer)
    }

    /// Puts an offer in line: it was found that there is no room, but much may have happened since then. (Whatever
    /// became free, the line fills at once.)
    pub(in crate::queue) fn enter_line(
        &mut self,
        offer: Offer<I>,
        waker: &mut Option<Waker>,
        fx: &mut Effects<I>,
    ) -> Result<Ticket, (Offer<I>, Obstacle)> {
        if let Some(why) = self.bars(&offer.item) {
            waker
                .take()
                .into_iter()
                .for_each(|waker| fx.drop_waker(waker));
            return Err((offer, Obstacle::Refused(why)));
        }
        if let Some(copies) = self.missing_copies(&offer) {
            return Err((offer, copies));
        }
        let call = offer.item.call();
        let ticket = self.line.enter(offer, waker.take());
        if let Some(call) = call {
            self.machine.calls.place(call, Standing::InLine(ticket));
        }
        Ok(ticket)
    }

    fn targets(&self, is_request: bool) -> &[GroupId] {
        match is_request {
            true => std::slice::from_ref(&self.default_group),
            false => &self.subscribers,
        }
    }

    /// Why an offer would have to wait for room; nobody barges in before those who wait already.
    fn lack_of_room(&self, offer: &Offer<I>) -> Option<Refusal> {
        let room = match self.line.first(offer.row()) {
            None => self.room(offer),
            Some((_, first)) => match self.room(first) {
                // It is let in soon.
                Room::Enough => Room::Soon,
                lack => lack,
            },
        };
        match room {
            Room::Enough => None,
            Room::Full | Room::Taken => Some(Refusal::Full),
            Room::Soon => Some(Refusal::NotYet),
        }
    }

    /// What room there is in the queue and beside it.
    fn room(&self, offer: &Offer<I>) -> Room {
        let is_delayed = offer.row() == Row::Delayed;
        let mut targets = self.targets(offer.is_request()).iter();
        match targets.all(|id| self.machine.has_room(*id, is_delayed)) {
            true => offer.item.room(),
            false => Room::Full,
        }
    }

    /// Makes the oldest go until there is room. None goes where that would be in vain.
    fn displace(&mut self, offer: &Offer<I>, fx: &mut Effects<I>) {
        if offer.item.room() == Room::Taken {
            return;
        }
        let targets = match offer.is_request() {
            true => std::slice::from_ref(&self.default_group),
            false => &self.subscribers,
        };
        for id in targets {
            while !self.machine.has_room(*id, false) && self.machine.displace_oldest(&[*id], fx) {}
        }
        // The oldest of all groups, since room beside the queue is that of all of them.
        while offer.item.room() == Room::Full && self.machine.displace_oldest(targets, fx) {}
    }

    /// Whether the same one-way item was sent within the window.
    fn is_duplicate(&mut self, offer: &Offer<I>) -> bool {
        let identity = offer.identity();
        identity.is_some_and(|identity| self.machine.is_duplicate(identity, crate::clock::now()))
    }

    fn accept(&mut self, offer: Offer<I>, fx: &mut Effects<I>) {
        let is_request = offer.is_request();
        if let Some(identity) = offer.identity() {
            self.machine.remember(identity, crate::clock::now());
        }
        self.machine.counters.sent += 1;
        let Offer {
            mut item,
            mut copies,
            due,
        } = offer;
        let targets = self.targets(is_request);
        // A group that was joined while this offer stood in line gets what is sent from now on.
        let targets = &targets[..targets.len().min(1 + copies.len())];
        let name = |id: &GroupId| (*id, self.machine.group_name(*id).unwrap_or_default());
        let groups = &mut targets.iter().map(name);
        note(&mut item, Note::Accepted { groups, due });
        if is_request {
            return self.machine.push(self.default_group, item, due, fx);
        }
        let (first, others) = self
            .subscribers
            .split_first()
            .expect("somebody gets what is sent");
        for id in others {
            if let Some(copy) = copies.pop() {
                self.machine.push(*id, copy, due, fx);
            }
        }
        self.machine.push(*first, item, due, fx);
        copies
            .into_iter()
            .for_each(|copy| fx.discard(copy, Cause::GroupRemoved, 0));
    }

    /// Lets in from the line what there is room for: the first of each row, the one that came first before others.
    pub(super) fn let_in(&mut self, fx: &mut Effects<I>) {
        while !self.line.is_empty() {
            let ready = ROWS.into_iter().filter_map(|row| {
                let (arrival, offer) = self.line.first(row)?;
                (self.room(offer) == Room::Enough).then_some((arrival, row))
            });
            let Some((_, row)) = ready.min_by_key(|(arrival, _)| *arrival) else {
                return;
            };
            let Some(offer) = self.line.let_in(row, fx) else {
                continue;
            };
            // The same one may have been let in while this one stood in line.
            match self.is_duplicate(&offer) {
                true => offer.discard(Cause::Duplicate, fx),
                false => self.accept(offer, fx),
            }
        }
    }
}
