//! Everything under the queue's one lock.

use std::time::{Duration, Instant};

use crate::effects::Effects;
use crate::item::{Cause, Item};
use crate::machine::{GroupId, Limits, Machine, Moment, Taken};
use crate::timer::Armed;

use super::line::{LANES, Lane, Line, Offer};
use super::waiters::Waiters;
use super::{DEFAULT_GROUP, OnFull};

/// A queue's life: each phase is final but the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Open,
    /// Nothing more is taken in; what is ready is still handed out.
    Closed,
    /// Nothing is handed out either.
    Drained,
}

/// Why an offer was not taken in.
pub(super) enum Obstacle {
    Full,
    Closed,
    NoConsumer,
    /// There are more groups than copies: so many are needed.
    Copies(usize),
}

pub(super) struct State<I: Item> {
    pub(super) machine: Machine<I>,
    pub(super) line: Line<I>,
    pub(super) phase: Phase,
    /// The consumers of each group, by the group's index.
    seats: Vec<Seats>,
    /// The groups that get what is sent, in the order in which they were joined: an offer that stood in line while a
    /// group was joined has no copy for the last ones.
    ///
    /// Invariant: never empty. Where no group has a consumer yet, the default group collects what is sent.
    subscribers: Vec<GroupId>,
    /// Whether any group was joined (or the backlog still waits for the first one).
    founded: bool,
    pub(super) default_group: GroupId,
    /// Those who wait for the hands to be empty.
    pub(super) drainers: Waiters,
    pub(super) alarm: Option<(Instant, Armed)>,
}

/// The consumers of one group.
struct Seats {
    taken: usize,
    waiters: Waiters,
}

impl<I: Item> State<I> {
    pub(super) fn new(limits: Limits, seed: u64) -> Self {
        let mut machine = Machine::new(limits, seed);
        let default_group = machine.add_group(DEFAULT_GROUP, true);
        let mut state = State {
            machine,
            line: Line::new(),
            phase: Phase::Open,
            seats: Vec::new(),
            subscribers: vec![default_group],
            founded: false,
            default_group,
            drainers: Waiters::new(),
            alarm: None,
        };
        state.make_seats(default_group);
        state
    }

    // ---- groups and their consumers ----

    fn make_seats(&mut self, id: GroupId) {
        let wanted = id.index as usize + 1;
        while self.seats.len() < wanted {
            self.seats.push(Seats {
                taken: 0,
                waiters: Waiters::new(),
            });
        }
    }

    /// Adds a consumer to a group; the group begins with its first one.
    pub(super) fn join(&mut self, name: &str) -> GroupId {
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
    pub(super) fn join_again(&mut self, id: GroupId) {
        if self.machine.group_name(id).is_some() {
            self.seats[id.index as usize].taken += 1;
        }
    }

    /// A consumer leaves; the last one of the default group leaves requests without anybody to answer them.
    pub(super) fn leave(&mut self, id: GroupId, fx: &mut Effects<I>) {
        if self.machine.group_name(id).is_none() {
            return;
        }
        let seats = &mut self.seats[id.index as usize];
        seats.taken -= 1;
        if seats.taken == 0 && id == self.default_group {
            let goes = |item: &I| item.is_request() && !item.waits_for_consumer();
            self.line.discard_requests(Cause::NoConsumer, goes, fx);
            self.machine.discard_where(Cause::NoConsumer, goes, fx);
        }
    }

    pub(super) fn remove_group(&mut self, id: GroupId, fx: &mut Effects<I>) {
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
    pub(super) fn joined_groups(&self) -> impl Iterator<Item = GroupId> + '_ {
        self.subscribers.iter().copied().filter(|_| self.founded)
    }

    pub(super) fn consumers(&self, id: GroupId) -> usize {
        self.seats
            .get(id.index as usize)
            .map_or(0, |seats| seats.taken)
    }

    pub(super) fn waiters(&mut self, id: GroupId) -> &mut Waiters {
        &mut self.seats[id.index as usize].waiters
    }

    pub(super) fn waiting_consumers(&self, id: GroupId) -> usize {
        self.seats
            .get(id.index as usize)
            .map_or(0, |seats| seats.waiters.len())
    }

    // ---- sending ----

    /// Takes an offer in, or says what stands against it.
    pub(super) fn offer(
        &mut self,
        offer: Offer<I>,
        on_full: OnFull,
        fx: &mut Effects<I>,
    ) -> Result<(), (Offer<I>, Obstacle)> {
        if self.phase != Phase::Open {
            return Err((offer, Obstacle::Closed));
        }
        let is_request = offer.item.is_request();
        if is_request && self.consumers(self.default_group) == 0 && !offer.item.waits_for_consumer()
        {
            return Err((offer, Obstacle::NoConsumer));
        }
        // It takes no place, so a full queue is nothing to it, and nobody is to make room for it.
        if self.is_duplicate(&offer) {
            offer.discard(Cause::Duplicate, fx);
            return Ok(());
        }
        let copies = if is_request {
            0
        } else {
            self.subscribers.len() - 1
        };
        if offer.copies.len() < copies {
            return Err((offer, Obstacle::Copies(copies)));
        }
        let lane = offer.lane();
        if on_full == OnFull::DropOldest && lane != Lane::Delayed {
            self.displace(lane, fx);
        }
        if !self.line.is_lane_empty(lane) || !self.has_room(lane, is_request) {
            return Err((offer, Obstacle::Full));
        }
        self.accept(offer, fx);
        Ok(())
    }

    fn targets(&self, is_request: bool) -> &[GroupId] {
        match is_request {
            true => std::slice::from_ref(&self.default_group),
            false => &self.subscribers,
        }
    }

    fn has_room(&self, lane: Lane, is_request: bool) -> bool {
        let targets = self.targets(is_request).iter();
        targets
            .into_iter()
            .all(|id| self.machine.has_room(*id, lane == Lane::Delayed))
    }

    fn displace(&mut self, lane: Lane, fx: &mut Effects<I>) {
        for at in 0..self.targets(lane == Lane::Request).len() {
            let id = self.targets(lane == Lane::Request)[at];
            while !self.machine.has_room(id, false) && self.machine.displace_oldest(id, fx) {}
        }
    }

    /// Whether the same one-way item was sent within the window.
    fn is_duplicate(&mut self, offer: &Offer<I>) -> bool {
        let identity = offer.identity();
        identity.is_some_and(|identity| self.machine.is_duplicate(identity, crate::clock::now()))
    }

    fn accept(&mut self, offer: Offer<I>, fx: &mut Effects<I>) {
        let is_request = offer.item.is_request();
        if let Some(identity) = offer.identity() {
            self.machine.remember(identity, crate::clock::now());
        }
        self.machine.counters.sent += 1;
        let Offer {
            item,
            mut copies,
            due,
        } = offer;
        if is_request {
            return self.machine.push(self.default_group, item, due, fx);
        }
        let (first, others) = self
            .subscribers
            .split_first()
            .expect("somebody gets what is sent");
        for id in others {
            // A group that was joined while this offer stood in line gets what is sent from now on.
            if let Some(copy) = copies.pop() {
                self.machine.push(*id, copy, due, fx);
            }
        }
        self.machine.push(*first, item, due, fx);
        copies
            .into_iter()
            .for_each(|copy| fx.discard(copy, Cause::GroupRemoved, 0));
    }

    /// Lets in from the line what there is room for: the first of each lane, the one that came first before others.
    fn let_in(&mut self, fx: &mut Effects<I>) {
        while !self.line.is_empty() {
            let ready = LANES.into_iter().filter_map(|lane| {
                let (arrival, is_request) = self.line.first(lane)?;
                self.has_room(lane, is_request).then_some((arrival, lane))
            });
            let Some((_, lane)) = ready.min_by_key(|(arrival, _)| *arrival) else {
                return;
            };
            let Some(offer) = self.line.let_in(lane, fx) else {
                continue;
            };
            // The same one may have been let in while this one stood in line.
            match self.is_duplicate(&offer) {
                true => offer.discard(Cause::Duplicate, fx),
                false => self.accept(offer, fx),
            }
        }
    }

    // ---- receiving ----

    pub(super) fn take(
        &mut self,
        id: GroupId,
        now: &mut Moment,
        fx: &mut Effects<I>,
    ) -> Option<Taken<I>> {
        match self.phase {
            Phase::Drained => None,
            _ => self.machine.take(id, now, fx),
        }
    }

    /// The work on an item failed.
    pub(super) fn failed(
        &mut self,
        taken: Taken<I>,
        after: Option<Duration>,
        now: Instant,
        fx: &mut Effects<I>,
    ) {
        if self.phase != Phase::Open && taken.item.is_request() {
            self.machine.done(&taken);
            let deliveries = taken.attempt();
            return fx.discard(taken.item, Cause::Closed, deliveries);
        }
        self.machine.failed(taken, after, now, fx);
    }

    /// Whether this group's consumers, who found nothing ready, have nothing more to wait for. After a close that is so
    /// unless the settlement of what somebody has in hand may free the key of what is queued.
    pub(super) fn is_over(&self, id: GroupId) -> bool {
        match self.phase {
            Phase::Drained => true,
            Phase::Closed => !self.machine.waits_for_keys(id),
            Phase::Open => self.machine.group_name(id).is_none(),
        }
    }

    pub(super) fn count_answer(&mut self, reached: bool) {
        match reached {
            true => self.machine.counters.answered += 1,
            false => self.machine.counters.replies_refused += 1,
        }
    }

    // ---- the end ----

    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    pub(super) fn close(&mut self, phase: Phase, fx: &mut Effects<I>) {
        if self.phase >= phase {
            return;
        }
        self.phase = phase;
        self.line.refuse_all(fx);
        self.machine
            .discard_where(Cause::Closed, |item| item.is_request(), fx);
        self.seats
            .iter_mut()
            .for_each(|seats| seats.waiters.notify_all(fx));
    }

    /// Wakes the consumers of groups whose end has come.
    fn tell_those_at_the_end(&mut self, fx: &mut Effects<I>) {
        for id in self.machine.group_ids().collect::<Vec<_>>() {
            if self.is_over(id) {
                self.waiters(id).notify_all(fx);
            }
        }
    }

    // ---- after each change ----

    /// Puts right what a change may have left: who can be let in now, who has to be woken.
    pub(super) fn follow_up(&mut self, fx: &mut Effects<I>) {
        match self.phase {
            Phase::Open => self.let_in(fx),
            _ => self.tell_those_at_the_end(fx),
        }
        for (index, seats) in self.seats.iter_mut().enumerate() {
            let fresh = self.machine.take_fresh(index);
            seats.waiters.notify(fresh, fx);
        }
        if self.phase == Phase::Drained && self.machine.in_hand() == 0 {
            self.drainers.notify_all(fx);
        }
    }
}
