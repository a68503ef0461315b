//! What the machine has to do, told in the plainest way: one vector of entries, scanned from end to end.

use std::time::{Duration, Instant};

use super::asked::Asked;
use super::entry::{Entry, GroupNumber, Stands};
use super::thing::Answer;
use crate::item::{Cause, DeadReason};
use crate::machine::{Limits, Past};
use crate::stats::Counters;

/// Every entry that exists anywhere.
pub(super) struct Reference {
    limits: Limits,
    pub(super) entries: Vec<Entry>,
    /// Every request whose requester waits.
    pub(super) asked: Vec<Asked>,
    /// Those that exist, and how many items became ready in each since the last look.
    pub(super) groups: Vec<(GroupNumber, usize)>,
    next_group: GroupNumber,
    next_order: u64,
    next_parked: u64,
    next_dead: u64,
    pub(super) counters: Counters,
    /// Who is told what, who is woken, and what is let go of by the change under way.
    pub(super) told: Vec<(u32, Answer)>,
    pub(super) woken: Vec<u32>,
    pub(super) discarded: Vec<(u32, Cause, u32)>,
}

impl Reference {
    pub(super) fn new(limits: Limits) -> Self {
        Reference {
            limits,
            entries: Vec::new(),
            asked: Vec::new(),
            groups: Vec::new(),
            next_group: 0,
            next_order: 0,
            next_parked: 0,
            next_dead: 0,
            counters: Counters::default(),
            told: Vec::new(),
            woken: Vec::new(),
            discarded: Vec::new(),
        }
    }

    // ---- groups ----

    pub(super) fn add_group(&mut self) -> GroupNumber {
        self.next_group += 1;
        self.groups.push((self.next_group, 0));
        self.next_group
    }

    pub(super) fn exists(&self, group: GroupNumber) -> bool {
        self.groups.iter().any(|(number, _)| *number == group)
    }

    pub(super) fn remove_group(&mut self, group: GroupNumber) {
        for number in self.inside_by_age(|e| e.group == group) {
            let cause = match self.get(number).is_request {
                true => Cause::NoConsumer,
                false => Cause::GroupRemoved,
            };
            self.discard(number, cause);
        }
        for number in self.dead(group) {
            self.discard(number, Cause::GroupRemoved);
        }
        self.groups.retain(|(number, _)| *number != group);
    }

    pub(super) fn move_one_way(&mut self, from: GroupNumber, to: GroupNumber) {
        for number in self.inside_by_age(|e| e.group == from && !e.is_request) {
            self.free_key(number);
            let entry = self.get_mut(number);
            (entry.group, entry.leads) = (to, false);
            if entry.is_queued() {
                self.make_ready(number);
            }
        }
    }

    // ---- sending ----

    /// An entry whose group, order and place are not set yet.
    pub(super) fn push(&mut self, group: GroupNumber, mut entry: Entry, due: Option<Instant>) {
        let number = entry.number;
        entry.group = group;
        (entry.deliveries, entry.failures) = (0, 0);
        (entry.leads, entry.backs_off) = (false, false);
        if !self.exists(group) {
            return self.let_go(&entry, Cause::GroupRemoved);
        }
        self.next_order += 1;
        entry.order = self.next_order;
        entry.stands = due.map_or(Stands::Ready, Stands::Delayed);
        entry.is_beside_lane = due.is_some();
        self.entries.push(entry);
        if due.is_none() {
            self.make_ready(number);
        }
    }

    /// An entry that is in hand already, after so many hand-overs and failures.
    pub(super) fn restore_in_hand(&mut self, group: GroupNumber, entry: Entry, past: Past) {
        self.next_order += 1;
        let leads = |e: &Entry| e.group == group && e.key == entry.key && e.leads;
        let is_free = entry.key.is_some() && !self.entries.iter().any(leads);
        self.entries.push(Entry {
            group,
            order: self.next_order,
            stands: Stands::InHand,
            deliveries: past.deliveries,
            failures: past.failures,
            leads: is_free && self.exists(group),
            ..entry
        });
        self.counters.handed_over += 1;
    }

    /// A plain item comes in while the lane is lent. Nobody is asleep then, so nobody has to be woken for it.
    pub(super) fn push_lent(&mut self, group: GroupNumber, entry: Entry) {
        self.push(group, entry, None);
        self.counters.sent += 1;
        let (_, fresh) = self
            .groups
            .iter_mut()
            .find(|(number, _)| *number == group)
            .expect("what is lent exists");
        *fresh -= 1;
    }

    pub(super) fn displace_oldest(&mut self, group: GroupNumber) -> bool {
        // Of each key only the one that was parked first is looked at.
        let first_of_its_key = |e: &Entry| match e.stands {
            Stands::Parked(place) => !self.entries.iter().any(|other| {
                other.group == group
                    && other.key == e.key
                    && matches!(other.stands, Stands::Parked(p) if p < place)
            }),
            _ => true,
        };
        let queued = self
            .entries
            .iter()
            .filter(|e| e.group == group && e.is_queued());
        let oldest = queued
            .filter(|e| first_of_its_key(e))
            .min_by_key(|e| e.order);
        let Some(oldest) = oldest.map(|e| e.number) else {
            return false;
        };
        self.counters.dropped_when_full += 1;
        self.discard(oldest, Cause::Displaced);
        true
    }

    // ---- receiving ----

    pub(super) fn take(&mut self, group: GroupNumber, now: Instant) -> Option<u32> {
        self.catch_up(now);
        loop {
            let ready = self
                .entries
                .iter()
                .filter(|e| e.group == group && e.stands == Stands::Ready);
            let next = ready.min_by_key(|e| (std::cmp::Reverse(e.priority), e.order))?;
            let (number, key, leads) = (next.number, next.key, next.leads);
            if self.is_unwanted(next, now) {
                self.counters.given_up += 1;
                self.discard(number, Cause::Expired);
                continue;
            }
            if key.is_some() && !leads {
                if self
                    .entries
                    .iter()
                    .any(|e| e.group == group && e.key == key && e.leads)
                {
                    self.next_parked += 1;
                    self.get_mut(number).stands = Stands::Parked(self.next_parked);
                    continue;
                }
                self.get_mut(number).leads = true;
            }
            let entry = self.get_mut(number);
            entry.stands = Stands::InHand;
            entry.deliveries += 1;
            self.counters.handed_over += 1;
            return Some(number);
        }
    }

    // ---- settling ----

    pub(super) fn done(&mut self, number: u32) {
        self.free_key(number);
        self.entries.retain(|e| e.number != number);
    }

    /// How long an item that fails now has to wait at least and at most; `None` when it is gone or ready at once.
    pub(super) fn failed(
        &mut self,
        number: u32,
        after: Option<Duration>,
        now: Instant,
    ) -> Option<(Instant, Instant)> {
        self.get_mut(number).failures += 1;
        let entry = self.get(number).clone();
        if self.is_let_go(number) {
            return None;
        }
        if entry.failures >= self.limits.max_attempts {
            self.bury(number, DeadReason::MaxAttempts);
            return None;
        }
        if entry.deliveries >= self.limits.max_deliveries {
            self.bury(number, DeadReason::MaxDeliveries);
            return None;
        }
        self.get_mut(number).backs_off = after.is_none();
        let least = after.unwrap_or(match entry.failures {
            0 | 1 => Duration::ZERO,
            n => (self.limits.backoff.first * (1 << (n - 2))).min(self.limits.backoff.max),
        });
        let most = if after.is_some() {
            least
        } else {
            least + least / 4
        };
        let ends = [self.deadline(number), entry.expires];
        let mut ends = ends.into_iter().flatten().filter(|_| entry.is_request);
        if ends.any(|end| now + least >= end) {
            self.discard(number, Cause::RetryTooLate);
            return None;
        }
        self.counters.returned += 1;
        if least.is_zero() {
            self.get_mut(number).stands = Stands::Ready;
            self.make_ready(number);
            return None;
        }
        self.get_mut(number).stands = Stands::Delayed(now + least);
        Some((now + least, now + most))
    }

    pub(super) fn lost(&mut self, number: u32) {
        if self.is_let_go(number) {
            return;
        }
        if self.get(number).deliveries >= self.limits.max_deliveries {
            return self.bury(number, DeadReason::MaxDeliveries);
        }
        self.counters.returned += 1;
        self.make_ready(number);
    }

    pub(super) fn put_back(&mut self, number: u32) {
        let entry = self.get_mut(number);
        entry.deliveries -= 1;
        entry.is_beside_lane = true;
        self.counters.handed_over -= 1;
        if !self.is_let_go(number) {
            self.make_ready(number);
        }
    }

    /// Whether an item that is to come back goes in place of that.
    fn is_let_go(&mut self, number: u32) -> bool {
        let entry = self.get(number).clone();
        let cause = match self.exists(entry.group) {
            false => Cause::GroupRemoved,
            true if entry.is_request && !self.is_awaited(number) => Cause::GivenUp,
            true => return false,
        };
        self.discard(number, cause);
        true
    }

    pub(super) fn bury(&mut self, number: u32, reason: DeadReason) {
        self.free_key(number);
        let entry = self.get_mut(number);
        entry.leads = false;
        let (group, was_request) = (entry.group, entry.is_request);
        let is_undecodable = matches!(reason, DeadReason::Undecodable(_));
        let stays = is_undecodable && !was_request && !self.limits.counts_undecodable;
        if was_request {
            let entry = self.get_mut(number);
            entry.is_request = false;
            self.tell(number, Answer::Told(Cause::Buried(reason)));
        }
        if !self.exists(group) {
            return self.discard(number, Cause::GroupRemoved);
        }
        self.counters.buried += 1;
        self.next_dead += 1;
        let id = self.next_dead;
        let entry = self.get_mut(number);
        (entry.stands, entry.dead_id) = (Stands::Dead, id);
        entry.stays = stays;
        let mut dead = self.dead(group);
        dead.retain(|number| !self.get(*number).stays);
        if dead.len() > self.limits.max_dead {
            self.counters.dead_dropped += 1;
            self.discard(dead[0], Cause::DeadLetterDropped);
        }
    }

    pub(super) fn replay(&mut self, number: u32) {
        let at = self
            .entries
            .iter()
            .position(|e| e.number == number)
            .unwrap();
        let entry = self.entries.remove(at);
        self.push(entry.group, entry, None);
    }

    // ---- time ----

    /// Nobody is told of a deadline before something is due that stands in the queue, or somebody rings.
    pub(super) fn catch_up(&mut self, now: Instant) {
        if self.next_instant().is_some_and(|at| at <= now) {
            self.advance(now);
        }
    }

    pub(super) fn advance(&mut self, now: Instant) {
        self.note_deadlines(now);
        while let Some((at, _, expires, number)) = self.next_entry() {
            if at > now {
                return;
            }
            match expires {
                true => self.expire(number),
                false => self.fall_due(number),
            }
        }
    }

    pub(super) fn waive_backoff(&mut self) {
        let waits = |e: &Entry| e.backs_off && matches!(e.stands, Stands::Delayed(_));
        for number in self.inside_by_age(waits) {
            self.make_ready(number);
        }
    }

    /// Of what stands in the queue. The deadlines of calls are told apart.
    pub(super) fn next_instant(&self) -> Option<Instant> {
        self.next_entry().map(|(at, ..)| at)
    }

    /// When, the item's age, whether it expires or falls due, which item.
    fn next_entry(&self) -> Option<(Instant, u64, bool, u32)> {
        let inside = || self.entries.iter().filter(|e| e.is_inside());
        let due = inside().filter_map(|e| match e.stands {
            Stands::Delayed(due) => Some((due, e.order, false, e.number)),
            _ => None,
        });
        let expire = inside().filter_map(|e| Some((e.expires?, e.order, true, e.number)));
        due.chain(expire).min()
    }

    fn fall_due(&mut self, number: u32) {
        if self.get(number).deliveries == 0 {
            self.next_order += 1;
            self.get_mut(number).order = self.next_order;
        }
        self.make_ready(number);
    }

    fn expire(&mut self, number: u32) {
        self.counters.expired += 1;
        self.discard(number, Cause::Expired);
    }

    // ---- taking out ----

    pub(super) fn remove(&mut self, number: u32) {
        self.done(number);
    }

    pub(super) fn discard(&mut self, number: u32, cause: Cause) {
        let entry = self.get(number).clone();
        self.let_go(&entry, cause);
        self.done(number);
    }

    /// The item goes, and its requester gets what that means.
    fn let_go(&mut self, entry: &Entry, cause: Cause) {
        let (number, deliveries) = (entry.number, entry.deliveries);
        self.discarded.push((number, cause.clone(), deliveries));
        if entry.is_request {
            self.tell(number, Answer::Gone(cause, deliveries));
        }
    }

    pub(super) fn discard_where(&mut self, cause: &Cause, goes: impl Fn(&Entry) -> bool) -> usize {
        let found = self.inside_by_age(goes);
        found
            .iter()
            .for_each(|number| self.discard(*number, cause.clone()));
        found.len()
    }

    /// The next of its key takes the place of one that leads it.
    fn free_key(&mut self, number: u32) {
        let Entry {
            group, key, leads, ..
        } = *self.get(number);
        if !leads {
            return;
        }
        self.get_mut(number).leads = false;
        let same = self
            .entries
            .iter()
            .filter(|e| e.group == group && e.key == key);
        let parked = same.filter_map(|e| match e.stands {
            Stands::Parked(place) => Some((place, e.number)),
            _ => None,
        });
        if let Some((_, next)) = parked.min() {
            self.get_mut(next).leads = true;
            self.make_ready(next);
        }
    }

    fn make_ready(&mut self, number: u32) {
        self.get_mut(number).stands = Stands::Ready;
        let group = self.get(number).group;
        if let Some((_, fresh)) = self.groups.iter_mut().find(|(number, _)| *number == group) {
            *fresh += 1;
        }
    }
}
