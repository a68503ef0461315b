//! A delivery under test.

use std::time::{Duration, Instant};

use bookdrop::{Answer, Delivery, Event, Failure, Reply, SettleError};

use super::{NotSettled, RigDriver, SettleRefused, Stuck, finish};
use crate::{Book, Condition, Context, Fault};

/// One event in hand.
pub struct RigDelivery {
    pub(crate) ctx: Context,
    delivery: Option<Delivery<Book, Condition>>,
    /// What a broken driver shows in place of the event.
    shown: Option<Box<Event<Book>>>,
    driver: RigDriver,
}

type Library<T> = Result<T, SettleError<Book, Condition>>;

impl RigDelivery {
    pub(crate) fn new(
        driver: &RigDriver,
        delivery: Delivery<Book, Condition>,
        shown: Option<Event<Book>>,
    ) -> Self {
        driver.ctx.plan().memory().in_hand += 1;
        let shown = shown.map(Box::new);
        Self {
            ctx: driver.ctx.clone(),
            delivery: Some(delivery),
            shown,
            driver: driver.clone(),
        }
    }

    pub(crate) fn inner(&self) -> &Delivery<Book, Condition> {
        self.delivery
            .as_ref()
            .expect("a delivery is in hand until it is settled")
    }

    pub(crate) fn take(&mut self) -> Delivery<Book, Condition> {
        self.ctx.plan().memory().in_hand -= 1;
        self.delivery.take().expect("a delivery is settled once")
    }

    /// The same delivery with every operation polled by hand.
    pub(crate) fn by_hand(mut self) -> Self {
        self.ctx = self.ctx.by_hand();
        self
    }

    /// The event.
    pub fn event(&self) -> &Event<Book> {
        self.shown.as_deref().unwrap_or(self.inner())
    }

    /// The number of the book.
    pub fn number(&self) -> u64 {
        self.event().body().number
    }

    /// How many times it was handed over, this time included.
    pub fn attempt(&self) -> u32 {
        if self.ctx.plan().fires(Fault::ForgetsAttempt) {
            1
        } else {
            self.inner().attempt()
        }
    }

    /// How many times it failed.
    pub fn failures(&self) -> u32 {
        self.inner().failures()
    }

    /// Whether somebody waits for an answer.
    pub fn is_request(&self) -> bool {
        self.inner().is_request()
    }

    /// Until when.
    pub fn deadline(&self) -> Option<Instant> {
        self.inner().deadline()
    }

    /// The group it was handed over to.
    pub fn group(&self) -> &str {
        self.inner().group()
    }

    /// Whether nobody waits for the answer any more.
    pub fn is_cancelled(&self) -> bool {
        self.misjudged(self.inner().is_cancelled())
    }

    /// Waits until nobody waits for the answer any more.
    pub async fn cancelled(&self) {
        if self.ctx.plan().fires(Fault::HidesAbandonment) {
            std::future::pending::<()>().await;
        }
        if !self.ctx.plan().fires(Fault::CriesAbandonment) {
            wait_or_for_ever(finish!(self.ctx, self.inner().cancelled())).await;
        }
    }

    /// Done.
    pub async fn ack(mut self) -> Result<(), SettleRefused> {
        if self.ctx.plan().fires(Fault::AckComesBack) {
            drop(self.take());
            return Ok(());
        }
        if self.puts_ack_off() {
            return Ok(());
        }
        self.note_ack();
        let delivery = self.take();
        let settled = finish!(self.ctx, delivery.ack());
        self.settled(settled)
    }

    /// Again.
    pub async fn nack(mut self) -> Result<(), SettleRefused> {
        if self.settles_by_mistake() {
            return self.ack().await;
        }
        let delivery = self.take();
        if delivery.is_request() && self.ctx.plan().fires(Fault::NackAnswers) {
            let settled = finish!(self.ctx, delivery.fail(Failure::new("nack")));
            return self.settled(settled.map(|settled| settled.map(drop)));
        }
        let settled = finish!(self.ctx, delivery.nack());
        self.settled(settled)
            .or_else(|refused| self.overlooked(refused))
    }

    /// Again, as if nobody had worked on it.
    pub async fn release(mut self) -> Result<(), SettleRefused> {
        if self.ctx.plan().fires(Fault::AcksOnRelease) {
            return self.ack().await;
        }
        if self.ctx.plan().fires(Fault::FailsOnRelease) {
            return self.nack().await;
        }
        let delivery = self.take();
        let settled = finish!(self.ctx, delivery.release());
        self.settled(settled)
    }

    /// Again, later.
    pub async fn retry_after(mut self, pause: Duration) -> Result<(), SettleRefused> {
        let pause = if self.ctx.plan().fires(Fault::RetriesEarly) {
            Duration::ZERO
        } else {
            pause
        };
        let delivery = self.take();
        let settled = finish!(self.ctx, delivery.retry_after(pause));
        self.settled(settled)
    }

    /// To the dead letters.
    pub async fn reject(mut self, why: &str) -> Result<(), SettleRefused> {
        let delivery = self.take();
        let settled = finish!(self.ctx, delivery.reject(why));
        self.settled(settled)
    }

    /// Asks for more time.
    pub async fn extend(&mut self) -> Result<(), bookdrop::Error> {
        let delivery = self
            .delivery
            .as_mut()
            .expect("a delivery is in hand until it is settled");
        finish!(self.ctx, delivery.extend()).unwrap_or(Ok(()))
    }

    /// Answers.
    pub async fn reply(self, answer: Condition) -> Result<Answer, SettleRefused> {
        self.answer(answer).await
    }

    /// Answers, as the driver does it.
    pub(crate) async fn put_reply(mut self, answer: Condition) -> Result<Answer, SettleRefused> {
        let delivery = self.take();
        let settled = finish!(self.ctx, delivery.reply(answer));
        self.settled(settled)
    }

    /// Answers with an error.
    pub async fn fail(mut self, failure: Failure) -> Result<Answer, SettleRefused> {
        if !self.is_request() && self.ctx.plan().fires(Fault::AcceptsReplyToOneWay) {
            return self.ack().await.map(|()| Answer::Sent);
        }
        let delivery = self.take();
        let settled = finish!(self.ctx, delivery.fail(failure));
        self.settled(settled)
    }

    /// Does the work and answers with its result.
    pub async fn reply_with<F>(mut self, work: F) -> Result<Answer, SettleRefused>
    where
        F: AsyncFnOnce(&Event<Book>) -> Result<Condition, Failure>,
    {
        let plan = self.ctx.plan().clone();
        let too_early = !self.is_request() && plan.fires(Fault::WorksBeforeRefusing);
        if too_early || (self.inner().is_cancelled() && plan.fires(Fault::RunsWorkRegardless)) {
            let answer = work(self.event()).await;
            let delivery = self.take();
            let settled = finish!(self.ctx, delivery.reply_with(async move |_| answer));
            return self.settled(settled);
        }
        let delivery = self.take();
        let settled = finish!(self.ctx, delivery.reply_with(work));
        self.settled(settled)
    }

    /// Done, and the event is the caller's.
    pub async fn into_event(mut self) -> Result<Event<Book>, SettleRefused> {
        let delivery = self.take();
        let settled = finish!(self.ctx, delivery.into_event());
        self.settled(settled)
    }

    /// Takes a request apart.
    pub async fn into_parts(mut self) -> Result<(Event<Book>, RigReply), SettleRefused> {
        let delivery = self.take();
        let settled = finish!(self.ctx, delivery.into_parts());
        let ctx = self.ctx.clone();
        self.settled(settled)
            .map(|(event, reply)| (event, RigReply { ctx, reply }))
    }

    fn settled<T>(&self, settled: Result<Library<T>, Stuck>) -> Result<T, SettleRefused> {
        match settled {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                let why = NotSettled::from(error.kind());
                let delivery = error.into_delivery();
                Err(SettleRefused {
                    why,
                    delivery: self.given_back(delivery),
                })
            }
            Err(Stuck) => Err(SettleRefused {
                why: NotSettled::Stuck,
                delivery: None,
            }),
        }
    }

    /// A broken driver does not mind a second settlement.
    fn overlooked(&self, refused: SettleRefused) -> Result<(), SettleRefused> {
        let overlooks = refused.why == NotSettled::AutoAcked
            && self.ctx.plan().fires(Fault::AcceptsSecondSettlement);
        if overlooks { Ok(()) } else { Err(refused) }
    }

    fn given_back(&self, delivery: Delivery<Book, Condition>) -> Option<Box<RigDelivery>> {
        if self.ctx.plan().fires(Fault::SettlesRefused) {
            let _ = delivery.ack().wait();
            return None;
        }
        Some(Box::new(RigDelivery::new(&self.driver, delivery, None)))
    }
}

impl Drop for RigDelivery {
    fn drop(&mut self) {
        if self.delivery.is_none() {
            return;
        }
        let delivery = self.take();
        if self.ctx.plan().fires(Fault::LosesDropped) {
            let _ = delivery.ack().wait();
        }
    }
}

/// The answer to a request that was taken apart.
pub struct RigReply {
    ctx: Context,
    reply: Reply<Condition>,
}

impl RigReply {
    /// Answers.
    pub async fn send(self, answer: Condition) -> Option<Answer> {
        finish!(self.ctx, self.reply.send(answer)).ok()?.ok()
    }

    /// Answers with an error.
    pub async fn fail(self, failure: Failure) -> Option<Answer> {
        finish!(self.ctx, self.reply.fail(failure)).ok()?.ok()
    }

    /// Whether nobody waits for the answer any more.
    pub fn is_cancelled(&self) -> bool {
        self.reply.is_cancelled()
    }

    /// Waits until nobody waits for the answer any more.
    pub async fn cancelled(&self) {
        wait_or_for_ever(finish!(self.ctx, self.reply.cancelled())).await;
    }
}

/// Waits on where an operation has not ended within the suite's patience: whoever asked has a limit too.
async fn wait_or_for_ever(ended: Result<(), Stuck>) {
    if ended.is_err() {
        std::future::pending::<()>().await;
    }
}
