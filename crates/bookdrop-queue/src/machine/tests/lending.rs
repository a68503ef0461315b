//! The step of a history in which a lane is lent out: plain items come and go without the machine.

use super::entry::{Entry, GroupNumber};
use super::history::History;
use super::thing::{Thing, at};
use crate::item::Item;
use crate::machine::{GroupId, Taken};

impl History {
    pub(super) fn lend(&mut self) {
        let (group, id) = self.any_group();
        self.ring();
        let may = self.machine.is_lane_next(id) && !self.machine.has_requests();
        assert_eq!(
            may,
            self.reference.is_all_plain(group),
            "whether a lane may be lent"
        );
        if !may {
            return;
        }
        let (limit, mut last_order) = self.machine.lend_lane(id, &mut self.express);
        // As many as the group has room for, beside those that wait for their key.
        let expected = 8_usize.saturating_sub(self.reference.parked(group));
        assert_eq!(limit, expected, "how much room is lent");
        // One that has no room is not lent.
        if limit == 0 {
            return assert_eq!(self.express.len(), 0);
        }
        let mut auto_acked = 0;
        for _ in 0..self.random.below(20) {
            assert_eq!(
                self.express.len(),
                self.reference.depths(group)[0] - self.reference.parked(group)
            );
            match self.random.below(3) {
                0 if self.express.len() < limit => {
                    let thing = self.next_thing();
                    self.reference.push_lent(group, Entry::of(&thing));
                    last_order += 1;
                    self.express.push(last_order, thing);
                }
                1 => self.put_back_lent(),
                _ => auto_acked += u64::from(self.take_lent(group, id)),
            }
            self.lent += 1;
        }
        self.machine
            .take_lane_back(id, &mut self.express, last_order, auto_acked);
        assert_eq!(self.express.len(), 0);
    }

    /// What falls due while the machine is not asked is the alarm's affair: here no time passes.
    fn ring(&mut self) {
        self.reference.advance(self.now);
        let now = self.now;
        self.change(|machine, fx| machine.advance(now, fx));
    }

    /// Takes the first of a lane in the simple way, unless there is more to it.
    pub(super) fn take_simply(&mut self, id: GroupId) -> Option<Taken<Thing>> {
        self.ring();
        if !self.machine.is_lane_next(id) {
            return None;
        }
        let mut item = self.machine.take_from_lane(id, false, &mut at(self.now))?;
        let hand = item.hand_mut();
        *hand = hand.first(id);
        Some(Taken { item })
    }

    /// Somebody holds some for a while, and puts them back.
    fn put_back_lent(&mut self) {
        let count = self.random.below(5) as usize;
        let held: Vec<_> = std::iter::from_fn(|| self.express.pop())
            .take(count)
            .collect();
        let front_first = held.into_iter().rev();
        front_first.for_each(|thing| self.express.put_back(thing));
        self.express.check();
    }

    /// True when something was taken that was settled with it.
    fn take_lent(&mut self, group: GroupNumber, id: GroupId) -> bool {
        let mut item = self.express.pop();
        let expected = self.reference.take(group, self.now);
        assert_eq!(item.as_ref().map(|item| item.number), expected);
        let Some(mut item) = item.take() else {
            return false;
        };
        let hand = item.hand_mut();
        *hand = hand.first(id);
        let is_settled = self.random.chance(30);
        match is_settled {
            true => {
                self.reference.done(item.number);
                self.reference.counters.acked += 1;
            }
            false => self.put_in_hand(Taken { item }),
        }
        is_settled
    }
}
