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
        if self.group(hand.group).is_none() {
            return fx.discard(taken.item, Cause::GroupRemoved, hand.deliveries);
        }
        let call = taken.item.call();
        if call.is_some_and(|call| !self.calls.is_awaited(call)) {
            self.done(&taken);
            return fx.discard(taken.item, Cause::GivenUp, hand.deliveries);
        }
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
        let deadline = call.and_then(|call| self.calls.get(call).map(|call| call.deadline));
        let ends = [deadline, taken.item.expires_at().filter(|_| call.is_some())];
        let mut ends = ends.into_iter().flatten();
        if ends.any(|end| due.unwrap_or(now) >= end) {
            self.done(&taken);
            return fx.discard(taken.item, Cause::RetryTooLate, hand.deliveries);
        }
        self.counters.returned += 1;
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
