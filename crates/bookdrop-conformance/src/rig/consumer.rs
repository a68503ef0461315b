//! A consumer under test.

use std::collections::VecDeque;
use std::time::Duration;

use bookdrop::{Consumer, TryReceiveError};
use futures_lite::{FutureExt, StreamExt};

use super::{NotReceived, RigDelivery, RigDriver, Started, Stuck, finish};
use crate::{Book, Condition, Context, Fault};

/// A consumer under test; clones compete.
pub struct RigConsumer {
    pub(crate) ctx: Context,
    pub(crate) consumer: Consumer<Book, Condition>,
    /// What a broken driver keeps to itself.
    pub(crate) hoard: VecDeque<bookdrop::Delivery<Book, Condition>>,
    pub(crate) driver: RigDriver,
}

impl Clone for RigConsumer {
    fn clone(&self) -> Self {
        if self.ctx.plan().is(Fault::BroadcastsWithinGroup) {
            return self.driver.consumer();
        }
        Self::new(&self.driver, self.consumer.clone())
    }
}

impl RigConsumer {
    pub(crate) fn new(driver: &RigDriver, consumer: Consumer<Book, Condition>) -> Self {
        Self {
            ctx: driver.ctx.clone(),
            consumer,
            hoard: VecDeque::new(),
            driver: driver.clone(),
        }
        .spoiled_for_kill()
    }

    /// Settles everything as it is handed over.
    pub fn auto_ack(mut self) -> Self {
        if !self.ctx.plan().fires(Fault::IgnoresAutoAck) {
            self.consumer = self.consumer.auto_ack();
        }
        self
    }

    /// Waits for the next event.
    pub async fn receive(&mut self) -> Result<RigDelivery, NotReceived> {
        if self.ctx.plan().is(Fault::HoldsHostages) {
            return self.receive_from_hoard().await;
        }
        self.wait_for_turn().await?;
        let received = finish!(self.ctx, self.consumer.receive());
        match received {
            Ok(Ok(delivery)) => self.admit(delivery).await,
            Ok(Err(_)) => Err(self.end()),
            Err(Stuck) => Err(NotReceived::Stuck),
        }
    }

    /// Takes the next event if one is ready.
    pub async fn try_receive(&mut self) -> Result<Option<RigDelivery>, NotReceived> {
        if let Some(delivery) = self.hoard.pop_front() {
            return self.admit(delivery).await.map(Some);
        }
        let received = finish!(self.ctx, self.consumer.try_receive());
        match received {
            Ok(Ok(delivery)) => self.admit(delivery).await.map(Some),
            Ok(Err(TryReceiveError::Empty)) => Ok(None),
            Ok(Err(_)) => Err(NotReceived::Closed),
            Err(Stuck) => Err(NotReceived::Stuck),
        }
    }

    /// Waits for at least one event, and takes as many as are ready up to this number.
    pub async fn receive_batch(&mut self, max: usize) -> Result<Vec<RigDelivery>, NotReceived> {
        let received = finish!(self.ctx, self.consumer.receive_batch(max));
        let batch = match received {
            Ok(Ok(batch)) => batch,
            Ok(Err(_)) => return Err(self.end()),
            Err(Stuck) => return Err(NotReceived::Stuck),
        };
        let mut admitted = Vec::with_capacity(batch.len());
        for delivery in batch {
            admitted.push(self.admit(delivery).await?);
        }
        Ok(admitted)
    }

    /// The next item of the stream; on plain threads, where there are no streams, the next event.
    pub async fn next(&mut self) -> Result<RigDelivery, NotReceived> {
        if self.ctx.blocking() {
            return self.receive().await;
        }
        let ctx = self.ctx.clone();
        match super::awaited(&ctx, self.consumer.next()).await {
            Ok(Some(Ok(delivery))) => self.admit(delivery).await,
            Ok(_) => Err(self.end()),
            Err(Stuck) => Err(NotReceived::Stuck),
        }
    }

    /// Waits for an event that must not come, for so long.
    pub async fn receive_within(
        &mut self,
        limit: Duration,
    ) -> Result<Option<RigDelivery>, NotReceived> {
        if self.ctx.blocking() {
            let received = self.consumer.receive().wait_for(limit);
            return match received {
                Ok(Ok(delivery)) => self.admit(delivery).await.map(Some),
                Ok(Err(_)) => Err(NotReceived::Closed),
                Err(_) => Ok(None),
            };
        }
        let pause = self.ctx.clone();
        let limit = async {
            pause.pause(limit).await;
            Ok(None)
        };
        async { self.receive().await.map(Some) }.or(limit).await
    }

    /// Starts a `receive` that is polled by hand.
    pub fn start_receive(&mut self) -> Started<'_, Result<RigDelivery, NotReceived>> {
        let driver = self.driver.clone();
        let this = self.lent();
        let receiving = Started::new(async move { this.consumer.receive().await });
        if driver.ctx.plan().is(Fault::LosesOnCancel) {
            return receiving.on_cancel(move |waiting| {
                drop(waiting);
                driver.lose_one(Fault::LosesOnCancel);
            });
        }
        receiving
    }

    /// Starts a `receive_batch` that is polled by hand.
    pub fn start_receive_batch(
        &mut self,
        max: usize,
    ) -> Started<'_, Result<Vec<RigDelivery>, NotReceived>> {
        let this = self.lent();
        Started::new(async move { this.consumer.receive_batch(max).await })
    }

    fn lent(&mut self) -> Lent<'_> {
        let by_hand = self.ctx.by_hand();
        Lent {
            ctx: std::mem::replace(&mut self.ctx, by_hand),
            consumer: self,
        }
    }
}

/// A consumer whose operations are polled by hand for a while, and then end as before.
struct Lent<'a> {
    ctx: Context,
    consumer: &'a mut RigConsumer,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        std::mem::swap(&mut self.ctx, &mut self.consumer.ctx);
    }
}
