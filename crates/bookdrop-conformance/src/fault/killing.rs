//! Faults of a durable driver whose process is killed.

use crate::Fault;
use crate::rig::{RigConsumer, RigDriver};

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

impl RigDriver {
    /// What a broken driver does to what a killed process left, when it is opened again.
    pub(super) fn spoil_what_was_left(&self) {
        let plan = self.ctx.plan();
        if plan.memory().kills > 0 && plan.is(Fault::ForgetsAttemptOnKill) {
            self.exchange(Fault::ForgetsAttemptOnKill, |event| event);
        }
    }
}
