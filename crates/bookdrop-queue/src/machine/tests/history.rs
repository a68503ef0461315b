//! One random history: what happens to the machine happens to the [`Reference`], too.

use std::collections::BTreeMap;
use std::time::Instant;

use super::entry::{Entry as Expected, GroupNumber, Stands};
use super::reference::Reference;
use super::style::{Random, Style};
use super::thing::{Log, Thing, Told, Woken, at, change, machine, ms, number};
use crate::effects::Effects;
use crate::item::DeadReason;
use crate::machine::{Backoff, CallId, GroupId, Lane, Limits, Machine, Spot, Taken};

/// One history.
pub(super) struct History {
    pub(super) random: Random,
    pub(super) machine: Machine<Thing>,
    pub(super) reference: Reference,
    pub(super) log: Log,
    pub(super) told: Told,
    pub(super) woken: Woken,
    /// Every call that was ever opened, by the number of its item.
    pub(super) calls: BTreeMap<u32, CallId>,
    pub(super) now: Instant,
    pub(super) groups: Vec<(GroupNumber, GroupId)>,
    /// Groups that were removed.
    pub(super) gone: Vec<(GroupNumber, GroupId)>,
    pub(super) in_hand: BTreeMap<u32, Taken<Thing>>,
    next_number: u32,
    /// Where a lane is lent to.
    pub(super) express: Lane<Thing>,
    /// How often one was, with items that came and went meanwhile.
    pub(super) lent: usize,
    /// What this history is made of.
    pub(super) style: Style,
}

impl History {
    pub(super) fn new(seed: u64) -> Self {
        let limits = Limits {
            capacity: 8,
            max_delayed: 4,
            max_attempts: 4,
            max_deliveries: 5,
            max_dead: 3,
            counts_undecodable: seed.is_multiple_of(2),
            backoff: Backoff {
                first: ms(8),
                max: ms(20),
            },
            ..Limits::default()
        };
        let mut history = History {
            random: Random(seed),
            machine: machine(limits.clone()),
            reference: Reference::new(limits),
            log: Log::default(),
            told: Told::new(),
            woken: Woken::default(),
            calls: BTreeMap::new(),
            now: Instant::now(),
            groups: Vec::new(),
            gone: Vec::new(),
            in_hand: BTreeMap::new(),
            next_number: 0,
            express: Lane::new(),
            lent: 0,
            style: Style::of(seed),
        };
        history.add_group();
        history
    }

    // ---- what happens ----

    pub(super) fn step(&mut self) {
        match self.random.below(100) {
            0..=26 => self.push(),
            27 => self.restore_in_hand(),
            28..=49 => self.take(),
            50..=57 => self.done(),
            58..=65 => self.failed(),
            66 => self.lost(),
            67..=68 => self.put_back(),
            69..=70 => self.bury(),
            71..=74 => self.remove(),
            75..=81 => self.change_calls(),
            82..=85 => self.lend(),
            86..=91 if self.style.lends => self.lend(),
            86..=91 => self.pass_time(),
            92 if self.random.chance(80) => self.discard_where(),
            92 => {
                self.reference.waive_backoff();
                self.machine.waive_backoff();
            }
            93..=94 => self.displace(),
            95..=96 => self.replay(),
            _ if self.style.groups => self.change_groups(),
            _ => self.take(),
        }
    }

    pub(super) fn change<R>(
        &mut self,
        what: impl FnOnce(&mut Machine<Thing>, &mut Effects<Thing>) -> R,
    ) -> R {
        change(&mut self.machine, &mut self.told, what)
    }

    pub(super) fn any_group(&mut self) -> (GroupNumber, GroupId) {
        if self.random.chance(3) && !self.gone.is_empty() {
            return *self.random.one_of(&self.gone).unwrap();
        }
        *self.random.one_of(&self.groups).unwrap()
    }

    pub(super) fn next_thing(&mut self) -> Thing {
        self.next_number += 1;
        Thing::new(self.next_number, &self.log)
    }

    fn push(&mut self) {
        let (group, id) = self.any_group();
        let mut thing = self.next_thing();
        let (random, style) = (&mut self.random, &self.style);
        thing.key = random
            .chance(50)
            .then(|| random.one_of(style.keys).copied())
            .flatten();
        thing.priority = random.below(style.priorities) as u8;
        let is_request = random.chance(style.requests);
        let limited = style.expiry && random.chance(40);
        thing.expires = limited.then(|| self.now + ms(random.below(60)));
        let delayed = style.delays && random.chance(30);
        let due = delayed.then(|| self.now + ms(random.below(30)));
        let room = self.machine.has_room(id, delayed);
        let [queued, waiting, ..] = self.reference.depths(group);
        let expected = if delayed { waiting < 4 } else { queued < 8 };
        assert_eq!(room, expected || !self.reference.exists(group), "room");
        if !room && random.chance(80) {
            return;
        }
        if is_request {
            self.open_call(&mut thing);
        }
        self.reference.push(group, Expected::of(&thing), due);
        self.change(|machine, fx| machine.push(id, thing, due, fx));
    }

    fn take(&mut self) {
        let (group, id) = self.any_group();
        let simply = match self.random.below(2) {
            0 => self.take_simply(id),
            _ => None,
        };
        let plain = self.plain_answer(group);
        let expected = self.reference.take(group, self.now);
        let mut now = at(self.now);
        let taken = simply.or_else(|| self.change(|machine, fx| machine.take(id, &mut now, fx)));
        assert_eq!(number(&taken), expected, "what was taken");
        if self.style.is_plain() {
            assert_eq!(expected, plain, "what the plain rule says");
        }
        if let Some(taken) = taken {
            self.put_in_hand(taken);
        }
    }

    pub(super) fn put_in_hand(&mut self, taken: Taken<Thing>) {
        let expected = self.reference.get(taken.item.number);
        assert_eq!(taken.attempt(), expected.deliveries);
        assert_eq!(taken.leads_nobody(), !expected.leads);
        self.in_hand.insert(expected.number, taken);
    }

    /// The oldest whose key is free and whose time has not passed.
    fn plain_answer(&mut self, group: GroupNumber) -> Option<u32> {
        if !self.reference.exists(group) {
            return None;
        }
        // What falls due now has happened before: it is no part of the rule.
        self.reference.catch_up(self.now);
        let entries = &self.reference.entries;
        let alive = |e: &&Expected| {
            e.group == group
                && e.is_inside()
                && e.expires.is_none_or(|at| at > self.now)
                && !self.reference.is_unwanted(e, self.now)
        };
        let is_blocked = |e: &Expected| {
            // Its key is in another's hand, or is left to one that is to be tried again.
            let same = entries
                .iter()
                .filter(|o| o.group == group && o.key == e.key && o.number != e.number);
            e.key.is_some()
                && same.into_iter().any(|o| {
                    o.stands == Stands::InHand || matches!(o.stands, Stands::Delayed(_)) && o.leads
                })
        };
        let ready = entries
            .iter()
            .filter(|e| !matches!(e.stands, Stands::Delayed(_) | Stands::InHand));
        ready
            .filter(alive)
            .filter(|e| !is_blocked(e))
            .min_by_key(|e| e.order)
            .map(|e| e.number)
    }

    pub(super) fn one_in_hand(&mut self) -> Option<Taken<Thing>> {
        let all: Vec<_> = self.in_hand.keys().copied().collect();
        let number = *self.random.one_of(&all)?;
        self.in_hand.remove(&number)
    }

    /// Some item is done with. A request is answered then, or later, or never.
    fn done(&mut self) {
        let Some(taken) = self.one_in_hand() else {
            return;
        };
        let number = taken.item.number;
        self.reference.done(number);
        self.machine.done(&taken);
        if taken.item.call.is_some() && self.random.chance(70) {
            self.answer(number);
        }
    }

    fn bury(&mut self) {
        let Some(taken) = self.one_in_hand() else {
            return;
        };
        let reason = match self.random.below(2) {
            0 => DeadReason::Rejected("no".into()),
            _ => DeadReason::Undecodable("no".into()),
        };
        self.reference.bury(taken.item.number, reason.clone());
        self.change(|machine, fx| machine.bury(taken, reason, fx));
    }

    /// The numbers of what stands in the machine, and where.
    pub(super) fn inside(&self) -> BTreeMap<u32, Spot> {
        let nodes = self.machine.nodes.iter();
        let nodes = nodes.map(|(ticket, node)| (node.item.number, Spot::Node(ticket)));
        let mut inside: BTreeMap<_, _> = nodes.collect();
        for &(_, id) in &self.groups {
            let lane = self.machine.group(id).unwrap().lane.iter();
            inside.extend(lane.map(|(at, thing)| (thing.number, Spot::Lane(id, at))));
        }
        inside
    }

    /// Some item leaves. Of a request that is so when its requester gives up.
    fn remove(&mut self) {
        let inside: Vec<_> = self.inside().into_iter().collect();
        let Some(&(number, spot)) = self.random.one_of(&inside) else {
            return;
        };
        if self.reference.get(number).is_request {
            return self.give_up(number);
        }
        let deliveries = self.reference.get(number).deliveries;
        self.reference.remove(number);
        let (thing, found) = self.machine.remove(spot).unwrap();
        assert_eq!((thing.number, found), (number, deliveries));
        assert!(
            self.machine.remove(spot).is_none(),
            "a stale spot names nothing"
        );
    }

    fn pass_time(&mut self) {
        self.now += ms(self.random.below(12));
        if self.random.chance(50) {
            self.reference.advance(self.now);
            let now = self.now;
            self.change(|machine, fx| machine.advance(now, fx));
        }
    }
}
