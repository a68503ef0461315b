//! The steps of a history that whoever looks after a queue takes: emptying, dead letters, groups.

use super::entry::GroupNumber;
use super::history::History;
use super::thing::Answer;
use crate::item::{Cause, Item};
use crate::machine::GroupId;

impl History {
    pub(super) fn discard_where(&mut self) {
        let cause = Cause::Purged;
        let discarded = match self.random.below(4) {
            0 => return self.discard_requests(),
            1 => [
                self.reference.discard_where(&cause, |e| e.is_plain()),
                self.change(|machine, fx| {
                    machine.discard_where(cause, |thing| thing.is_plain(), fx)
                }),
            ],
            2 => [
                self.reference.discard_where(&cause, |e| e.number % 3 == 0),
                self.change(|machine, fx| {
                    machine.discard_where(cause, |thing| thing.number % 3 == 0, fx)
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
        let taken = self.machine.take_all();
        let left: Vec<_> = taken
            .iter()
            .map(|(id, n, thing)| (*id, *n, thing.number))
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
        // Whoever empties a queue for good tells those who still wait.
        for (.., thing) in taken {
            if let Some(call) = thing.call {
                self.reference
                    .tell(thing.number, Answer::Told(Cause::Closed));
                self.change(|_, fx| fx.tell(call, Cause::Closed));
            }
        }
    }

    pub(super) fn displace(&mut self) {
        let (group, id) = self.any_group();
        let expected = self.reference.displace_oldest(group);
        let found = self.change(|machine, fx| machine.displace_oldest(&[id], fx));
        assert_eq!(found, expected);
    }

    pub(super) fn replay(&mut self) {
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
        let dead = self.machine.dead(id).find(|dead| dead.id == dead_id);
        let deliveries = dead.unwrap().deliveries;
        assert_eq!(deliveries, self.reference.get(number).deliveries);
        self.reference.replay(number);
        let now = self.now;
        self.change(|machine, fx| {
            assert!(machine.replay(id, dead_id, now, fx));
            assert!(!machine.replay(id, dead_id, now, fx));
        });
    }

    pub(super) fn add_group(&mut self) -> (GroupNumber, GroupId) {
        let group = self.reference.add_group();
        let id = self.machine.add_group(&format!("group {group}"), true);
        self.groups.push((group, id));
        (group, id)
    }

    pub(super) fn change_groups(&mut self) {
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
                self.change(|machine, fx| machine.remove_group(id, fx));
                assert_eq!(self.machine.group_name(id), None);
            }
            _ => {}
        }
    }
}
