//! What is in hand is done with, or comes back.

use std::time::{Duration, Instant};

use crate::effects::Effects;
use crate::item::{Cause, DeadReason, Item};

use super::{Machine, Taken};

impl<I: Item> Machine<I> {
    /// The item is done with: it leaves the queue for good.
    pub(crate) fn done(&mut self, taken: &Taken<I>) {
        let Some(group) = self.group_mut(taken.hand.group) else {
            return;
        };
        group.in_hand -= 1;
        if taken.hand.leads {
            self.release_key(taken.hand.group, &taken.item);
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
        taken.hand.failures += 1;
        let failures = taken.hand.failures;
        if self.group(taken.hand.group).is_none() {
            return fx.discard(taken.item, Cause::GroupRemoved, taken.hand.deliveries);
        }
        if !taken.item.is_wanted() {
            self.done(&taken);
            return fx.discard(taken.item, Cause::GivenUp, taken.hand.deliveries);
        }
        if failures >= self.limits.max_attempts {
            return self.bury(taken, DeadReason::MaxAttempts, fx);
        }
        if taken.hand.deliveries >= self.limits.max_deliveries {
            return self.bury(taken, DeadReason::MaxDeliveries, fx);
        }
        taken.hand.backs_off = after.is_none();
        let random = self.next_random();
        let wait = after
            .or_else(|| self.limits.backoff.wait(failures, random))
            .filter(|d| !d.is_zero());
        let due = wait.map(|wait| crate::clock::after(now, wait));
        let deadline = taken.item.expires_at().filter(|_| taken.item.is_request());
        if deadline.is_some_and(|deadline| due.unwrap_or(now) >= deadline) {
            self.done(&taken);
            return fx.discard(taken.item, Cause::RetryTooLate, taken.hand.deliveries);
        }
        self.counters.returned += 1;
        if let Some(group) = self.group_mut(taken.hand.group) {
            group.in_hand -= 1;
        }
        self.put_in(taken.item, taken.hand, due, false);
    }

    fn next_random(&mut self) -> u64 {
        // xorshift64: enough to spread what failed together.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 16
    }
}
