//! Faults on the way out: what happens to an event between the queue and a consumer.

use std::time::Duration;

use bookdrop::{Consumer, Delivery, Event};

use super::remade;
use super::sending::{DUE, now_ms};
use crate::rig::{NotReceived, RigConsumer, RigDelivery, RigDriver};
use crate::{Book, Condition, Fault};

impl RigConsumer {
    /// A delivery as a broken driver hands it over.
    pub(crate) async fn admit(
        &self,
        delivery: Delivery<Book, Condition>,
    ) -> Result<RigDelivery, NotReceived> {
        self.wait_until_due(&delivery).await?;
        let shown = self.doctored(&delivery);
        Ok(RigDelivery::new(&self.driver, delivery, shown))
    }

    /// The content that a broken driver shows in place of what was sent.
    fn doctored(&self, event: &Delivery<Book, Condition>) -> Option<Event<Book>> {
        let plan = self.ctx.plan();
        if plan.fires(Fault::DamagesBody) {
            return Some(remade(event, |parts| match parts.body.bytes.last_mut() {
                Some(byte) => *byte ^= 1,
                None => parts.body.number ^= 1,
            }));
        }
        if plan.fires(Fault::LosesHeader) {
            return Some(remade(event, |parts| drop(parts.headers.pop())));
        }
        if plan.fires(Fault::LosesValues) {
            return Some(remade(event, |parts| parts.values.clear()));
        }
        if plan.fires(Fault::LosesKey) {
            return Some(remade(event, |parts| parts.key = None));
        }
        if event.attempt() > 1 && plan.fires(Fault::ChangesIdOnRedelivery) {
            return Some(remade(event, |parts| parts.id = Some("another".into())));
        }
        if plan.fires(Fault::CutsLargeBody) {
            return Some(remade(event, |parts| parts.body.bytes.truncate(65_536)));
        }
        if plan.fires(Fault::ManglesText) {
            return Some(remade(event, |parts| {
                parts.body.text = parts
                    .body
                    .text
                    .chars()
                    .map(|c| if c.is_ascii() { c } else { '?' })
                    .collect();
            }));
        }
        None
    }

    /// A broken driver that keeps delayed events in the line waits here.
    async fn wait_until_due(&self, event: &Delivery<Book, Condition>) -> Result<(), NotReceived> {
        let Some(due) = event.header(DUE).and_then(|due| due.parse::<u128>().ok()) else {
            return Ok(());
        };
        let wait = due.saturating_sub(now_ms()).min(3_600_000) as u64;
        let wait = Duration::from_millis(wait);
        if wait > self.ctx.patience() {
            self.ctx.pause(self.ctx.patience()).await;
            return Err(NotReceived::Stuck);
        }
        self.ctx.pause(wait).await;
        Ok(())
    }

    /// A broken driver that hands over one at a time waits here.
    pub(crate) async fn wait_for_turn(&self) -> Result<(), NotReceived> {
        let plan = self.ctx.plan();
        let started = std::time::Instant::now();
        while plan.is(Fault::OneAtATime) && plan.memory().in_hand > 0 {
            plan.fires(Fault::OneAtATime);
            if started.elapsed() > self.ctx.patience() {
                return Err(NotReceived::Stuck);
            }
            self.ctx.pause(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// A broken driver takes several and keeps them.
    pub(crate) async fn receive_from_hoard(&mut self) -> Result<RigDelivery, NotReceived> {
        if self.hoard.is_empty() {
            let batch = super::super::rig::awaited(&self.ctx, self.consumer.receive_batch(8)).await;
            let batch = batch
                .map_err(|_| NotReceived::Stuck)?
                .map_err(|_| NotReceived::Closed)?;
            self.hoard.extend(batch);
            self.ctx.plan().fires(Fault::HoldsHostages);
        }
        let delivery = self.hoard.pop_front().ok_or(NotReceived::Stuck)?;
        self.admit(delivery).await
    }

    /// How a receiver learns that nothing comes any more.
    pub(crate) fn end(&self) -> NotReceived {
        if self.ctx.plan().fires(Fault::ReceiverMissesClose) {
            NotReceived::Stuck
        } else {
            NotReceived::Closed
        }
    }
}

impl RigDriver {
    /// A broken driver hands an event to a receiver that has gone.
    pub(crate) fn lose_one(&self, fault: Fault) {
        let mut consumer = Consumer::new(&self.driver);
        if let Ok(delivery) = consumer.try_receive().wait() {
            self.ctx.plan().fires(fault);
            let _ = delivery.ack().wait();
        }
    }
}
