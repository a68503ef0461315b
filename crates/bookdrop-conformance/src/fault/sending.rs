//! Faults on the way in: what happens to an event between a producer and the queue.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bookdrop::{Event, Producer};

use super::remade;
use crate::fault::Lie;
use crate::rig::{NoReply, NotSent, Refused, RigProducer, Unanswered};
use crate::{Book, Condition, Fault};

/// The header in which a broken driver notes when a delayed event is due.
pub(crate) const DUE: &str = "due-at-ms";

impl RigProducer {
    /// The events that a broken driver queues in place of this one.
    pub(crate) fn tampered(&self, event: Event<Book>) -> Vec<Event<Book>> {
        let plan = self.ctx.plan();
        self.note_for_restart(&event, false);
        if let Some(spoiled) = self.spoiled_for_kill(&event) {
            return spoiled;
        }
        if plan.fires_every(1_000, Fault::LosesOneInThousand)
            || self.drops_without_consumer()
            || self.is_remembered(&event)
        {
            return Vec::new();
        }
        if plan.fires_every(100, Fault::Duplicates) {
            let copy = remade(&event, |parts| parts.id = None);
            return vec![event, copy];
        }
        if plan.is(Fault::SwapsTwo) {
            return self.swapped(event);
        }
        vec![self.changed(event)]
    }

    /// A broken driver remembers the id of what it refused.
    pub(crate) fn remember(&self, refused: &Refused) {
        let plan = self.ctx.plan();
        if let (true, Some(event)) = (plan.is(Fault::RemembersRefusedIds), &refused.event) {
            plan.memory().refused_ids.push(event.id().to_owned());
        }
    }

    fn is_remembered(&self, event: &Event<Book>) -> bool {
        let plan = self.ctx.plan();
        plan.is(Fault::RemembersRefusedIds)
            && plan.memory().refused_ids.iter().any(|id| id == event.id())
            && plan.fires(Fault::RemembersRefusedIds)
    }

    fn drops_without_consumer(&self) -> bool {
        let plan = self.ctx.plan();
        plan.is(Fault::DropsWithoutConsumer)
            && self.driver.driver.stats().wait().unwrap().consumers == 0
            && plan.fires(Fault::DropsWithoutConsumer)
    }

    fn swapped(&self, event: Event<Book>) -> Vec<Event<Book>> {
        let plan = self.ctx.plan();
        if let Some(overtaken) = plan.memory().overtaken.take() {
            return vec![event, overtaken];
        }
        if plan.fires_every(50, Fault::SwapsTwo) {
            plan.memory().overtaken = Some(event);
            return Vec::new();
        }
        vec![event]
    }

    fn changed(&self, event: Event<Book>) -> Event<Book> {
        let plan = self.ctx.plan();
        if event.key().is_some() && plan.fires(Fault::ForgetsKeys) {
            return remade(&event, |parts| parts.key = None);
        }
        if plan.fires(Fault::OneKeyForAll) {
            return remade(&event, |parts| parts.key = Some("one".into()));
        }
        if event.delay().is_some() {
            return self.with_changed_delay(event);
        }
        if event.time_to_live().is_some() && plan.fires(Fault::IgnoresTimeToLive) {
            return remade(&event, |parts| parts.time_to_live = None);
        }
        if event.priority() > 0 && plan.fires(Fault::IgnoresPriority) {
            return remade(&event, |parts| parts.priority = 0);
        }
        if plan.fires(Fault::ForgetsIds) || self.forgot_ids() {
            return remade(&event, |parts| parts.id = None);
        }
        event
    }

    fn with_changed_delay(&self, event: Event<Book>) -> Event<Book> {
        let plan = self.ctx.plan();
        if plan.fires(Fault::IgnoresDelay) {
            return remade(&event, |parts| parts.delay = None);
        }
        if plan.fires(Fault::DeliversEarly) {
            return remade(&event, |parts| {
                parts.delay = parts.delay.map(|delay| delay / 2)
            });
        }
        if plan.fires(Fault::DelayBlocksLine) {
            return remade(&event, |parts| {
                let due = now_ms() + parts.delay.take().unwrap_or_default().as_millis();
                parts.headers.push((DUE.into(), due.to_string()));
            });
        }
        event
    }

    /// The producer that a broken driver sends with.
    pub(crate) fn routed(&self) -> Cow<'_, Producer<Book, Condition>> {
        let plan = self.ctx.plan();
        if plan.fires_every(10, Fault::CrossesDrivers)
            && let Some(first) = &plan.memory().first_driver
        {
            return Cow::Owned(Producer::new(first));
        }
        Cow::Borrowed(&self.producer)
    }

    pub(crate) fn miss_close(&self, refused: Refused) -> Result<(), Refused> {
        let plan = self.ctx.plan();
        if refused.why == NotSent::Closed && plan.fires(Fault::SenderMissesClose) {
            return Err(Refused {
                why: NotSent::Stuck,
                event: refused.event,
            });
        }
        Err(refused)
    }

    /// A request, as a broken driver handles it.
    pub(crate) async fn ask(
        &self,
        event: Event<Book>,
        timeout: Duration,
        patiently: bool,
    ) -> Result<Condition, Unanswered> {
        let plan = self.ctx.plan();
        self.note_for_restart(&event, true);
        let timeout = self.changed_timeout(timeout);
        if plan.is(Fault::HandsOverGivenUp) {
            return self.ask_in_background(event, timeout).await;
        }
        let patiently = patiently || self.is_patient_by_mistake();
        // What was left over from the request before.
        let stale = plan.memory().stale_answer.take();
        let answer = self.put_request(event, timeout, patiently).await;
        answer
            .map(|answer| stale.unwrap_or(answer))
            .map_err(|unanswered| self.misreported(unanswered))
    }

    fn changed_timeout(&self, timeout: Duration) -> Duration {
        let plan = self.ctx.plan();
        if plan.fires(Fault::TimesOutEarly) {
            return timeout / 2;
        }
        if plan.fires(Fault::NeverTimesOut) {
            return timeout.saturating_mul(10_000);
        }
        timeout
    }

    fn is_patient_by_mistake(&self) -> bool {
        let plan = self.ctx.plan();
        let misses = plan.is(Fault::MissesLastConsumerLeaving)
            && self.driver.driver.stats().wait().unwrap().consumers > 0;
        plan.fires(Fault::WaitsOutNoConsumer)
            || (misses && plan.fires(Fault::MissesLastConsumerLeaving))
    }

    /// The requester gives up by itself, and the driver never hears of it.
    async fn ask_in_background(
        &self,
        event: Event<Book>,
        timeout: Duration,
    ) -> Result<Condition, Unanswered> {
        let this = self.clone();
        let given_up = self.ctx.pause(timeout);
        let asking = self.ctx.spawn(async move {
            this.put_request(event, Duration::from_secs(3_600), false)
                .await
        });
        let answer = futures_lite::future::or(async { asking.await.ok() }, async {
            given_up.await;
            None
        });
        let answer = answer.await;
        self.ctx.plan().fires(Fault::HandsOverGivenUp);
        answer.unwrap_or(Err(Unanswered {
            why: NoReply::Deadline,
            event: None,
        }))
    }

    fn misreported(&self, mut unanswered: Unanswered) -> Unanswered {
        let plan = self.ctx.plan();
        unanswered.why = match unanswered.why {
            NoReply::Failed(_) if plan.fires(Fault::FailureAsDeadline) => NoReply::Deadline,
            NoReply::Failed(failure) if plan.fires(Fault::LosesFailureCode) => {
                NoReply::Failed(bookdrop::Failure::new(failure.message()))
            }
            NoReply::NoConsumer if plan.fires(Fault::NoConsumerAsDeadline) => NoReply::Deadline,
            NoReply::Closed if plan.fires(Fault::ClosedAsDeadline) => NoReply::Deadline,
            NoReply::Closed if plan.fires(Fault::RequesterMissesClose) => NoReply::Stuck,
            NoReply::Deadline if plan.fires(Fault::DeadlineAsFailure) => {
                NoReply::Failed(bookdrop::Failure::new("deadline"))
            }
            why => why,
        };
        if matches!(unanswered.why, NoReply::Deadline) {
            self.leave_something_behind(
                unanswered.event.as_ref().map(|event| remade(event, |_| ())),
            );
        }
        if plan.fires(Fault::KeepsUntakenEvent) {
            unanswered.event = None;
        }
        unanswered
    }

    /// What a broken driver does not clean up after a request that ended without a reply.
    pub(crate) fn leave_something_behind(&self, event: Option<Event<Book>>) {
        let plan = self.ctx.plan();
        if plan.fires(Fault::LeavesRequest) || plan.fires(Fault::LeaksDeadRequester) {
            plan.lie(Lie::WaitingRequests);
        }
        if plan.is(Fault::LeavesEntry)
            && let Some(event) = event
        {
            plan.fires(Fault::LeavesEntry);
            let _ = self
                .producer
                .try_send(event.with_id(format!("left-{}", self.ctx.number())))
                .wait();
        }
    }
}

pub(crate) fn now_ms() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis()
}
