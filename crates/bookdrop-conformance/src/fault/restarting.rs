//! Faults of a durable driver that is opened again.

use bookdrop::{Consumer, Event, Producer};

use super::remade;
use crate::rig::{RigDriver, RigProducer};
use crate::{Book, Fault};

impl RigDriver {
    /// What a broken driver does to what it holds while it is opened again.
    pub(crate) fn spoil_restart(&self) {
        let plan = self.ctx.plan();
        if plan.is_sound() {
            return;
        }
        let (revenant, may_forget) = {
            let mut memory = plan.memory();
            memory.restarts += 1;
            let may_forget = std::mem::take(&mut memory.may_forget);
            (memory.revenant.take(), may_forget)
        };
        if let Some(event) = revenant {
            self.put_again(event);
        }
        self.spoil_what_was_left();
        if plan.is(Fault::ForgetsOnRestart) {
            self.lose_one(Fault::ForgetsOnRestart);
        }
        if plan.is(Fault::ForgetsAttemptOnRestart) {
            self.exchange(Fault::ForgetsAttemptOnRestart, |event| event);
        }
        if may_forget && plan.is(Fault::ForgetsKeysOnRestart) {
            let keyless = |event| remade(&event, |parts| parts.key = None);
            self.exchange(Fault::ForgetsKeysOnRestart, keyless);
        }
        if may_forget && plan.is(Fault::ForgetsPriorityOnRestart) {
            let calm = |event| remade(&event, |parts| parts.priority = 0);
            self.exchange(Fault::ForgetsPriorityOnRestart, calm);
        }
        if plan.fires(Fault::LosesDeadLettersOnRestart) {
            let _ = self.driver.dead_letters().discard_all().wait();
        }
        if plan.fires(Fault::ForgetsGroupsOnRestart) {
            let mut groups = self.driver.groups().wait().unwrap_or_default();
            groups.retain(|group| group != "default");
            for group in groups {
                let _ = self.driver.remove_group(&group).wait();
            }
        }
        if plan.memory().closes > 0 && plan.fires(Fault::StaysClosedOnRestart) {
            let _ = self.driver.close().wait();
        }
    }

    /// Takes everything that is ready out, and sends it again, changed.
    pub(super) fn exchange(&self, fault: Fault, change: impl Fn(Event<Book>) -> Event<Book>) {
        let mut consumer = Consumer::new(&self.driver);
        let mut all = Vec::new();
        while let Ok(delivery) = consumer.try_receive().wait() {
            all.extend(delivery.into_event().wait());
        }
        for event in all {
            self.ctx.plan().fires(fault);
            self.put_again(change(event));
        }
    }

    /// An id that was sent before would make it a duplicate. A queue that what returned has made too full loses it: nobody is there
    /// yet to make room.
    fn put_again(&self, event: Event<Book>) {
        let event = remade(&event, |parts| parts.id = None);
        let _ = Producer::new(&self.driver).try_send(event).wait();
    }
}

impl RigProducer {
    /// A broken driver remembers what it gets wrong when it is opened again.
    pub(crate) fn note_for_restart(&self, event: &Event<Book>, is_request: bool) {
        let plan = self.ctx.plan();
        if (event.key().is_some() && plan.is(Fault::ForgetsKeysOnRestart))
            || (event.priority() > 0 && plan.is(Fault::ForgetsPriorityOnRestart))
        {
            plan.memory().may_forget = true;
        }
        if is_request && plan.fires(Fault::KeepsRequestsOnRestart) {
            plan.memory().revenant = Some(event.clone());
        }
        if event.delay().is_some() && plan.fires(Fault::ForgetsDelayOnRestart) {
            plan.memory().revenant = Some(remade(event, |parts| parts.delay = None));
        }
        if event.time_to_live().is_some() && plan.fires(Fault::ForgetsTimeToLiveOnRestart) {
            plan.memory().revenant = Some(remade(event, |parts| parts.time_to_live = None));
        }
    }

    /// Whether a broken driver does not know ids any more.
    pub(crate) fn forgot_ids(&self) -> bool {
        let plan = self.ctx.plan();
        plan.is(Fault::ForgetsIdsOnRestart)
            && plan.memory().restarts > 0
            && plan.fires(Fault::ForgetsIdsOnRestart)
    }
}
