//! What is in hand is done with, or comes back.

use std::time::{Duration, Instant};

use crate::effects::Effects;
use crate::item::{Cause, DeadReason, Item};
use crate::note::{Note, note};

use super::{GroupId, Machine, Taken};

impl<I: Item> Machine<I> {
    /// Items of this group were done with that nobody waited for, and nobody told it then.
    pub(crate) fn were_done(&mut self, id: GroupId, count: u64) {
        self.counters.acked += count;
        if let Some(group) = self.group_mut(id) {
            group.in_hand -= count as usize;
        }
    }

    /// The item is done with: it leaves the queue for good.
    #[inline]
    pub(crate) fn done(&mut self, taken: &Taken<I>) {
        let Some(group) = self.group_mut(taken.hand().group) else {
            return;
        };
        group.in_hand -= 1;
        if taken.hand().leads {
            self.release_key(taken.hand().group, &taken.item);
        }
    }

    /// The work failed: the item comes back, at once, after the driver's wait or after this one; or it becomes a dead
    /// letter; or, when its requester has left or would have by then, it is let go of.
    pub(crate) fn failed(
        &mut self,
        mut taken: Taken<I>,
        after: Option<Duration>,
        now: Instant,
        fx: &mut Effects<I>,
    ) {
        let hand = taken.item.hand_mut();
        hand.failures += 1;
        hand.backs_off = after.is_none();
        let hand = *hand;
        let failures = hand.failures;
        let Some(taken) = self.keep_wanted(taken, fx) else {
            return;
        };
        if failures >= self.limits.max_attempts {
            return self.bury(taken, DeadReason::MaxAttempts, fx);
        }
        if hand.deliveries >= self.limits.max_deliveries {
            return self.bury(taken, DeadReason::MaxDeliveries, fx);
        }
        let random = self.next_random();
        let wait = after
            .or_else(|| self.limits.backoff.wait(failures, random))
            .filter(|d| !d.is_zero());
        let due = wait.map(|wait| crate::clock::after(now, wait));
        let call = taken.item.call();
        let deadline = call.and_then(|call| self.calls.get(call).map(|call| call.deadline));
        let ends = [deadline, taken.item.expires_at().filter(|_| call.is_some())];
        let mut ends = ends.into_iter().flatten();
        if ends.any(|end| due.unwrap_or(now) >= end) {
            self.done(&taken);
            return fx.discard(taken.item, Cause::RetryTooLate, hand.deliveries);
        }
        self.counters.returned += 1;
        self.come_back(taken, due);
    }

    /// Nobody knows what became of the work: the item comes back at once. It was handed over, and did not fail.
    pub(crate) fn lost(&mut self, taken: Taken<I>, fx: &mut Effects<I>) {
        let Some(taken) = self.keep_wanted(taken, fx) else {
            return;
        };
        if taken.attempt() >= self.limits.max_deliveries {
            return self.bury(taken, DeadReason::MaxDeliveries, fx);
        }
        self.counters.returned += 1;
        self.come_back(taken, None);
    }

    /// What was taken never reached its consumer: it was not handed over, and is to be [put back](Machine::put_back).
    pub(crate) fn uncount(&mut self, taken: &mut Taken<I>) {
        taken.item.hand_mut().deliveries -= 1;
        self.counters.handed_over -= 1;
    }

    /// The item comes back as if it had never been taken.
    pub(crate) fn put_back(&mut self, taken: Taken<I>, fx: &mut Effects<I>) {
        if let Some(taken) = self.keep_wanted(taken, fx) {
            self.come_back(taken, None);
        }
    }

    /// Lets go of what is to come back and nobody wants any more: its group was removed, or its requester has left.
    fn keep_wanted(&mut self, taken: Taken<I>, fx: &mut Effects<I>) -> Option<Taken<I>> {
        let hand = *taken.hand();
        if self.group(hand.group).is_none() {
            fx.discard(taken.item, Cause::GroupRemoved, hand.deliveries);
            return None;
        }
        let call = taken.item.call();
        if call.is_some_and(|call| !self.calls.is_awaited(call)) {
            self.done(&taken);
            fx.discard(taken.item, Cause::GivenUp, hand.deliveries);
            return None;
        }
        Some(taken)
    }

    /// Puts what was in hand back where its age says, or lets it wait until it is due.
    fn come_back(&mut self, mut taken: Taken<I>, due: Option<Instant>) {
        let hand = *taken.hand();
        if let Some(group) = self.group_mut(hand.group) {
            group.in_hand -= 1;
        }
        note(&mut taken.item, Note::Returned { due });
        self.put_in(taken.item, hand, due, false);
    }

    fn next_random(&mut self) -> u64 {
        // xorshift64: enough to spread what failed together.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 16
    }
}
