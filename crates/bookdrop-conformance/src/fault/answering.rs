//! Faults of settling and answering.

use bookdrop::Answer;

use super::Lie;
use crate::rig::{NotSettled, RigDelivery, SettleRefused};
use crate::{Condition, Fault};

impl RigDelivery {
    /// An answer, as a broken driver gives it.
    pub(crate) async fn answer(self, answer: Condition) -> Result<Answer, SettleRefused> {
        let plan = self.ctx.plan().clone();
        if !self.is_request() {
            if plan.fires(Fault::AcceptsReplyToOneWay) {
                return self.ack().await.map(|()| Answer::Sent);
            }
            return self.put_reply(answer).await;
        }
        if plan.is(Fault::CrossesReplies) {
            return self.answer_crossed(answer).await;
        }
        if self.inner().is_cancelled() && plan.fires(Fault::BlocksOnDeadRequester) {
            return Err(SettleRefused {
                why: NotSettled::Stuck,
                delivery: None,
            });
        }
        let (late, copy) = (self.inner().is_cancelled(), answer.clone());
        let answered = self.put_reply(plan_answer(&plan, answer)).await?;
        if (late && plan.fires(Fault::GivesLateReplyToNext))
            || (!late && plan.fires(Fault::AnswersTwice))
        {
            plan.memory().stale_answer = Some(copy);
        }
        if plan.fires(Fault::SaysLateReplySent) {
            return Ok(Answer::Sent);
        }
        Ok(answered)
    }

    async fn answer_crossed(self, answer: Condition) -> Result<Answer, SettleRefused> {
        let plan = self.ctx.plan().clone();
        let waiting = plan.memory().unanswered.take();
        let Some((former, formers_answer)) = waiting else {
            let mut this = self;
            let delivery = this.take();
            plan.memory().unanswered = Some((delivery, answer));
            return Ok(Answer::Sent);
        };
        plan.fires(Fault::CrossesReplies);
        let _ = former.reply(answer).wait();
        self.put_reply(formers_answer).await
    }

    /// Whether a broken driver settles for good what must come back.
    pub(crate) fn settles_by_mistake(&self) -> bool {
        let plan = self.ctx.plan();
        let later_was_acked = plan
            .memory()
            .acked_up_to
            .is_some_and(|acked| acked > self.number());
        plan.fires(Fault::AcksOnNack) || (later_was_acked && plan.fires(Fault::CumulativeAck))
    }

    /// What a broken driver notes about an ack.
    pub(crate) fn note_ack(&self) {
        let plan = self.ctx.plan();
        if plan.is(Fault::CumulativeAck) {
            let mut memory = plan.memory();
            memory.acked_up_to = memory.acked_up_to.max(Some(self.number()));
        }
        if plan.fires(Fault::CountsAckTwice) {
            plan.lie(Lie::Acked);
        }
        if plan.fires(Fault::AckedComesBackOnRestart) {
            plan.memory().revenant = Some(self.event().clone());
        }
    }

    /// Whether a broken driver thinks that nobody waits.
    pub(crate) fn misjudged(&self, is_cancelled: bool) -> bool {
        let plan = self.ctx.plan();
        (is_cancelled && !plan.fires(Fault::HidesAbandonment))
            || plan.fires(Fault::CriesAbandonment)
    }
}

/// The answer that a broken driver gives in place of this one.
fn plan_answer(plan: &super::Plan, answer: Condition) -> Condition {
    if !plan.is(Fault::RepeatsAnswer) {
        return answer;
    }
    let last = plan.memory().last_answer.replace(answer.clone());
    match last {
        Some(last) if plan.fires_every(100, Fault::RepeatsAnswer) => last,
        _ => answer,
    }
}
