//! One random history: what happens to the machine happens to the [`Reference`], too.

use std::collections::BTreeMap;
use std::time::Instant;

use super::entry::{Entry as Expected, GroupNumber, Stands};
use super::reference::Reference;
use super::style::{Random, Style};
use super::thing::{Log, Thing, at, change, machine, ms, number};
use crate::item::{Cause, DeadReason};
use crate::machine::{Backoff, GroupId, Limits, Machine, Place, Taken};

/// One history.
pub(super) struct History {
    pub(super) random: Random,
    pub(super) machine: Machine<Thing>,
    pub(super) reference: Reference,
    pub(super) log: Log,
    pub(super) now: Instant,
    pub(super) groups: Vec<(GroupNumber, GroupId)>,
    /// Groups that were removed.
    gone: Vec<(GroupNumber, GroupId)>,
    pub(super) in_hand: BTreeMap<u32, Taken<Thing>>,
    next_number: u32,
    /// What this history is made of.
    style: Style,
}

impl History {
    pub(super) fn new(seed: u64) -> Self {
        let limits = Limits {
            capacity: 8,
            max_delayed: 4,
            max_attempts: 4,
            max_deliveries: 5,
            max_dead: 3,
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
            now: Instant::now(),
            groups: Vec::new(),
            gone: Vec::new(),
            in_hand: BTreeMap::new(),
            next_number: 0,
            style: Style::of(seed),
        };
        history.add_group();
        history
    }

    // ---- what happens ----

    pub(super) fn step(&mut self) {
        match self.random.below(100) {
            0..=29 => self.push(),
            30..=54 => self.take(),
            55..=63 => self.done(),
            64..=75 => self.failed(),
            76..=77 => self.bury(),
            78..=82 => self.remove(),
            83..=85 => self.unwanted(),
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

    fn any_group(&mut self) -> (GroupNumber, GroupId) {
        if self.random.chance(3) && !self.gone.is_empty() {
            return *self.random.one_of(&self.gone).unwrap();
        }
        *self.random.one_of(&self.groups).unwrap()
    }

    fn push(&mut self) {
        let (group, id) = self.any_group();
        let (random, style) = (&mut self.random, &self.style);
        self.next_number += 1;
        let mut thing = Thing::new(self.next_number, &self.log);
        thing.key = random
            .chance(50)
            .then(|| random.one_of(style.keys).copied())
            .flatten();
        thing.priority = random.below(style.priorities) as u8;
        thing.is_request = random.chance(style.requests);
        thing.is_watched = !thing.is_request || random.chance(30);
        let limited = thing.is_request || style.expiry && random.chance(40);
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
        let entry = Expected {
            number: thing.number,
            group,
            key: thing.key,
            // The machine knows of ten.
            priority: thing.priority.min(9),
            expires: thing.expires,
            is_request: thing.is_request,
            is_watched: thing.is_watched,
            is_wanted: true,
            stands: Stands::Ready,
            order: 0,
            deliveries: 0,
            failures: 0,
            leads: false,
            backs_off: false,
            dead_id: 0,
        };
        self.reference.push(group, entry, due);
        change(|fx| self.machine.push(id, thing, due, fx));
    }

    fn take(&mut self) {
        let (group, id) = self.any_group();
        let plain = self.plain_answer(group);
        let expected = self.reference.take(group, self.now);
        let taken = change(|fx| self.machine.take(id, &mut at(self.now), fx));
        assert_eq!(number(&taken), expected, "what was taken");
        if self.style.is_plain() {
            assert_eq!(expected, plain, "what the plain rule says");
        }
        if let Some(taken) = taken {
            assert_eq!(
                taken.attempt(),
                self.reference.get(taken.item.number).deliveries
            );
            self.in_hand.insert(taken.item.number, taken);
        }
    }

    /// The oldest whose key is free and whose time has not passed.
    fn plain_answer(&mut self, group: GroupNumber) -> Option<u32> {
        if !self.reference.exists(group) {
            return None;
        }
        // What falls due now has happened before: it is no part of the rule.
        self.reference.advance(self.now);
        let entries = &self.reference.entries;
        let alive = |e: &&Expected| {
            e.group == group && e.is_inside() && e.expires.is_none_or(|at| at > self.now)
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

    fn one_in_hand(&mut self) -> Option<Taken<Thing>> {
        let all: Vec<_> = self.in_hand.keys().copied().collect();
        let number = *self.random.one_of(&all)?;
        self.in_hand.remove(&number)
    }

    fn done(&mut self) {
        let Some(taken) = self.one_in_hand() else {
            return;
        };
        self.reference.done(taken.item.number);
        self.machine.done(&taken);
    }

    fn failed(&mut self) {
        let Some(taken) = self.one_in_hand() else {
            return;
        };
        let number = taken.item.number;
        // The random part of a wait must not decide on what becomes of a request.
        let chosen = taken.item.is_request || self.random.chance(30);
        let after = chosen.then(|| ms(self.random.below(3) * 7));
        let due = self.reference.failed(number, after, self.now);
        change(|fx| self.machine.failed(taken, after, self.now, fx));
        if let Some((least, most)) = due {
            let found = self
                .machine
                .nodes
                .iter()
                .find(|(_, node)| node.item.number == number);
            let Some(Place::Delayed { due }) = found.map(|(_, node)| node.place) else {
                panic!("{number} has to wait");
            };
            assert!(
                least <= due && due <= most,
                "{number} waits too long or too short"
            );
            self.reference.get_mut(number).stands = Stands::Delayed(due);
        }
    }

    fn bury(&mut self) {
        let Some(taken) = self.one_in_hand() else {
            return;
        };
        let reason = DeadReason::Rejected("no".into());
        self.reference.bury(taken.item.number, reason.clone());
        change(|fx| self.machine.bury(taken, reason, fx));
    }

    fn inside(&self) -> Vec<u32> {
        self.machine
            .nodes
            .iter()
            .map(|(_, node)| node.item.number)
            .collect()
    }

    /// Some item leaves, as when its requester gives up.
    fn remove(&mut self) {
        let Some(&number) = self.random.one_of(&self.inside()) else {
            return;
        };
        let found = self
            .machine
            .nodes
            .iter()
            .find(|(_, node)| node.item.number == number);
        let ticket = found.unwrap().0;
        let deliveries = self.reference.get(number).deliveries;
        self.reference.remove(number);
        let (thing, found) = self.machine.remove(ticket).unwrap();
        assert_eq!((thing.number, found), (number, deliveries));
        assert!(
            self.machine.remove(ticket).is_none(),
            "a stale ticket names nothing"
        );
    }

    /// A requester gives up while the work is under way.
    fn unwanted(&mut self) {
        let requests: Vec<_> = self
            .in_hand
            .values()
            .filter(|t| t.item.is_request)
            .collect();
        if let Some(taken) = self.random.one_of(&requests) {
            taken.item.wanted.set(false);
            self.reference.get_mut(taken.item.number).is_wanted = false;
        }
    }

    fn pass_time(&mut self) {
        self.now += ms(self.random.below(12));
        if self.random.chance(50) {
            self.reference.advance(self.now);
            change(|fx| self.machine.advance(self.now, fx));
        }
    }

    fn discard_where(&mut self) {
        let cause = Cause::Purged;
        let discarded = match self.random.below(3) {
            0 => [
                self.reference.discard_where(&cause, |e| e.is_request),
                change(|fx| {
                    self.machine
                        .discard_where(cause, |thing| thing.is_request, fx)
                }),
            ],
            1 => [
                self.reference.discard_where(&cause, |e| e.number % 3 == 0),
                change(|fx| {
                    self.machine
                        .discard_where(cause, |thing| thing.number % 3 == 0, fx)
                }),
            ],
            _ => return self.take_all(),
        };
        assert_eq!(discarded[0], discarded[1], "how many went");
    }

    fn take_all(&mut self) {
        if self.random.chance(70) {
            return;
        }
        let mut expected: Vec<_> = self
            .reference
            .entries
            .iter()
            .filter(|e| e.is_inside())
            .cloned()
            .collect();
        expected.sort_by_key(|e| e.order);
        let left = self.machine.take_all();
        let left: Vec<_> = left
            .into_iter()
            .map(|(id, n, thing)| (id, n, thing.number))
            .collect();
        let id_of = |number| self.groups.iter().find(|(n, _)| *n == number).unwrap().1;
        let expected: Vec<_> = expected
            .iter()
            .map(|e| (id_of(e.group), e.deliveries, e.number))
            .collect();
        assert_eq!(left, expected, "what was left");
        expected
            .into_iter()
            .for_each(|(_, _, number)| self.reference.remove(number));
    }

    fn displace(&mut self) {
        let (group, id) = self.any_group();
        let expected = self.reference.displace_oldest(group);
        let found = change(|fx| self.machine.displace_oldest(id, fx));
        assert_eq!(found, expected);
    }

    fn replay(&mut self) {
        let (group, id) = self.any_group();
        let dead = self.reference.dead(group);
        let found: Vec<_> = self
            .machine
            .dead(id)
            .map(|dead| (dead.item.number, dead.id))
            .collect();
        if !self.reference.exists(group) {
            return assert!(found.is_empty());
        }
        assert_eq!(found.iter().map(|(n, _)| *n).collect::<Vec<_>>(), dead);
        let Some(&(number, dead_id)) = self.random.one_of(&found) else {
            return;
        };
        if self.random.chance(20) {
            let all = self.machine.take_all_dead(id);
            assert_eq!(
                all.into_iter().map(|d| d.item.number).collect::<Vec<_>>(),
                dead
            );
            return dead
                .into_iter()
                .for_each(|number| self.reference.remove(number));
        }
        let dead = self.machine.take_dead(id, dead_id).unwrap();
        assert!(self.machine.take_dead(id, dead_id).is_none());
        assert_eq!(dead.deliveries, self.reference.get(number).deliveries);
        self.reference.replay(number);
        change(|fx| self.machine.push(id, dead.item, None, fx));
    }

    fn add_group(&mut self) -> (GroupNumber, GroupId) {
        let group = self.reference.add_group();
        let id = self.machine.add_group(&format!("group {group}"), true);
        self.groups.push((group, id));
        (group, id)
    }

    fn change_groups(&mut self) {
        match (self.groups.len(), self.random.below(3)) {
            (1 | 2, 0) => drop(self.add_group()),
            (1 | 2, 1) => {
                let from = *self.random.one_of(&self.groups).unwrap();
                let to = self.add_group();
                self.reference.move_one_way(from.0, to.0);
                self.machine.move_one_way(from.1, to.1);
            }
            (2 | 3, _) => {
                let at = self.random.below(self.groups.len() as u64) as usize;
                let (group, id) = self.groups.remove(at);
                self.gone.push((group, id));
                self.reference.remove_group(group);
                change(|fx| self.machine.remove_group(id, fx));
                assert_eq!(self.machine.group_name(id), None);
            }
            _ => {}
        }
    }
}
