//! What the directed tests stand on.

use std::time::{Duration, Instant};

use super::thing::{Log, Thing, Told, at, change, machine, number};
use crate::effects::Effects;
use crate::machine::{GroupId, Limits, Machine, Taken};

/// A machine with one group, and the instant at which all happens.
pub(super) struct Bench {
    pub(super) machine: Machine<Thing>,
    pub(super) group: GroupId,
    pub(super) log: Log,
    pub(super) told: Told,
    pub(super) now: Instant,
}

impl Bench {
    pub(super) fn new(limits: Limits) -> Self {
        let mut machine = machine(limits);
        let group = machine.add_group("default", true);
        Bench {
            machine,
            group,
            log: Log::default(),
            told: Told::new(),
            now: Instant::now(),
        }
    }

    pub(super) fn change<R>(
        &mut self,
        what: impl FnOnce(&mut Machine<Thing>, &mut Effects<Thing>) -> R,
    ) -> R {
        change(&mut self.machine, &mut self.told, what)
    }

    pub(super) fn thing(&self, number: u32) -> Thing {
        Thing::new(number, &self.log)
    }

    /// One whose requester waits, and looks at the clock by itself.
    pub(super) fn request(&mut self, number: u32, deadline: Instant) -> Thing {
        let call = self.machine.calls.open(deadline, false, None);
        self.thing(number).asking(call)
    }

    pub(super) fn advance(&mut self) {
        let now = self.now;
        self.change(|machine, fx| machine.advance(now, fx));
    }

    pub(super) fn displace(&mut self) -> bool {
        let group = self.group;
        self.change(|machine, fx| machine.displace_oldest(&[group], fx))
    }

    pub(super) fn push(&mut self, thing: Thing) {
        self.push_due(thing, None);
    }

    pub(super) fn push_due(&mut self, thing: Thing, due: Option<Instant>) {
        let group = self.group;
        self.change(|machine, fx| machine.push(group, thing, due, fx));
    }

    pub(super) fn take(&mut self) -> Option<Taken<Thing>> {
        let (group, mut now) = (self.group, at(self.now));
        self.change(|machine, fx| machine.take(group, &mut now, fx))
    }

    pub(super) fn take_number(&mut self) -> Option<u32> {
        number(&self.take())
    }

    pub(super) fn failed(&mut self, taken: Taken<Thing>, after: Option<Duration>) {
        let now = self.now;
        self.change(|machine, fx| machine.failed(taken, after, now, fx));
    }

    pub(super) fn fresh(&mut self) -> usize {
        self.machine.take_fresh(0)
    }

    /// How long the next wait is that the agenda knows of.
    pub(super) fn wait(&self) -> Duration {
        self.machine.next_instant().expect("something waits") - self.now
    }

    /// Whatever is left, in the order in which it is handed over.
    pub(super) fn take_all_numbers(&mut self) -> Vec<u32> {
        std::iter::from_fn(|| self.take_number()).collect()
    }
}
