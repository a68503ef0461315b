//! Faults of a durable driver whose process is killed.

use bookdrop::Event;

use super::remade;
use crate::rig::{RigConsumer, RigDelivery, RigDriver, RigProducer};
use crate::{Book, Fault};

impl RigProducer {
    /// What a broken driver queues in place of this event, in the process that is killed.
    pub(crate) fn spoiled_for_kill(&self, event: &Event<Book>) -> Option<Vec<Event<Book>>> {
        let plan = self.ctx.plan();
        if plan.fires_elsewhere_every(10, Fault::LosesOnKill) {
            return Some(Vec::new());
        }
        if plan.fires_elsewhere_every(10, Fault::DuplicatesOnKill) {
            let copy = remade(event, |parts| parts.id = None);
            return Some(vec![event.clone(), copy]);
        }
        if plan.fires_elsewhere_every(10, Fault::DamagesOnKill) {
            return Some(vec![remade(event, |parts| parts.body.bytes.clear())]);
        }
        None
    }
}

impl RigConsumer {
    /// A broken driver settles what it hands over in a process that is killed.
    pub(crate) fn spoiled_for_kill(mut self) -> Self {
        if self
            .ctx
            .plan()
            .fires_elsewhere_every(1, Fault::LosesInHandOnKill)
        {
            self.consumer = self.consumer.auto_ack();
        }
        self
    }
}

impl RigDelivery {
    /// Whether a broken driver confirms an ack, and keeps it for later.
    pub(crate) fn puts_ack_off(&mut self) -> bool {
        let plan = self.ctx.plan().clone();
        let puts_off = plan.fires_elsewhere_every(10, Fault::AckedComesBackOnKill);
        if puts_off {
            plan.keep(self.take());
        }
        puts_off
    }
}

impl RigDriver {
    /// What a broken driver does to what a killed process left, when it is opened again.
    pub(super) fn spoil_what_was_left(&self) {
        let plan = self.ctx.plan();
        if plan.memory().kills > 0 && plan.is(Fault::ForgetsAttemptOnKill) {
            self.exchange(Fault::ForgetsAttemptOnKill, |event| event);
        }
    }
}
