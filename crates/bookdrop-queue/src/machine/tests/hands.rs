//! The steps of a history in which what is in hand comes back, or is found in hand.

use super::entry::{Entry as Expected, Stands};
use super::history::History;
use super::thing::ms;
use crate::machine::{Past, Place};

impl History {
    pub(super) fn failed(&mut self) {
        let Some(taken) = self.one_in_hand() else {
            return;
        };
        let number = taken.item.number;
        // The random part of a wait must not decide on what becomes of a request.
        let chosen = taken.item.call.is_some() || self.style.lends || self.random.chance(30);
        let longest = if self.style.lends { 1 } else { 3 };
        let after = chosen.then(|| ms(self.random.below(longest) * 7));
        let due = self.reference.failed(number, after, self.now);
        let now = self.now;
        self.change(|machine, fx| machine.failed(taken, after, now, fx));
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

    pub(super) fn lost(&mut self) {
        if let Some(taken) = self.one_in_hand() {
            self.reference.lost(taken.item.number);
            self.change(|machine, fx| machine.lost(taken, fx));
        }
    }

    pub(super) fn put_back(&mut self) {
        if let Some(mut taken) = self.one_in_hand() {
            self.reference.put_back(taken.item.number);
            self.change(|machine, fx| {
                machine.uncount(&mut taken);
                machine.put_back(taken, fx);
            });
        }
    }

    pub(super) fn restore_in_hand(&mut self) {
        let (group, id) = self.any_group();
        let mut thing = self.next_thing();
        let (random, style) = (&mut self.random, &self.style);
        let key = random.one_of(style.keys).copied();
        // Whoever makes a queue again finds the oldest of a key in hand, and no other.
        let mut entries = self.reference.entries.iter();
        let is_there = entries.any(|e| e.group == group && e.key == key);
        thing.key = key.filter(|_| !is_there);
        thing.priority = random.below(style.priorities) as u8;
        let past = Past {
            deliveries: 1 + random.below(3) as u32,
            failures: random.below(2) as u32,
            due: None,
        };
        let expected = Expected::of(&thing);
        self.reference.restore_in_hand(group, expected, past);
        let taken = self.machine.restore_in_hand(id, thing, past);
        self.put_in_hand(taken);
    }
}
