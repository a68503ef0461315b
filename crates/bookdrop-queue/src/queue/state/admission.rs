//! What is taken in, what stands in line, and what is refused.

use std::task::Waker;

use crate::effects::Effects;
use crate::item::{Cause, Item};
use crate::machine::GroupId;
use crate::queue::line::{LANES, Lane, Offer};
use crate::queue::{OnFull, Refusal};
use crate::slab::Ticket;

use super::{Phase, State};

/// Why an offer was not taken in.
pub(in crate::queue) enum Obstacle {
    Refused(Refusal),
    /// There are more groups than copies: so many are needed.
    Copies(usize),
}

impl<I: Item> State<I> {
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
        let is_request = offer.item.is_request();
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
            return Err((offer, Obstacle::Refused(Refusal::Full)));
        }
        self.accept(offer, fx);
        Ok(())
    }

    /// Why an item can neither be taken in nor stand in line.
    fn bars(&self, item: &I) -> Option<Refusal> {
        if self.phase != Phase::Open {
            return Some(Refusal::Closed);
        }
        let nobody_comes = item.is_request()
            && self.consumers(self.default_group) == 0
            && !item.waits_for_consumer();
        nobody_comes.then_some(Refusal::NoConsumer)
    }

    /// Puts an offer in line: it was found that there is no room, but much may have happened since then. (Whatever
    /// became free, the line fills at once.)
    pub(in crate::queue) fn enter_line(
        &mut self,
        offer: Offer<I>,
        waker: Option<Waker>,
        fx: &mut Effects<I>,
    ) -> Result<Ticket, (Offer<I>, Refusal)> {
        if let Some(why) = self.bars(&offer.item) {
            waker.into_iter().for_each(|waker| fx.drop_waker(waker));
            return Err((offer, why));
        }
        Ok(self.line.enter(offer, waker))
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
    pub(super) fn let_in(&mut self, fx: &mut Effects<I>) {
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
}
