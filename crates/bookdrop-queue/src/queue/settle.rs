//! Settling what is in hand.

use std::time::Duration;

use crate::item::{DeadReason, Item};
use crate::machine::Taken;

use super::Queue;

impl<I: Item> Queue<I> {
    /// The item is done with; it is given back, since it is not the queue's any more.
    pub fn ack(&self, taken: Taken<I>) -> I {
        self.change(|state, _| {
            state.machine.done(&taken);
            state.machine.counters.acked += 1;
        });
        taken.item
    }

    /// The item is done with, and was answered: `answer` runs under the lock and says whether the answer reached
    /// somebody. It must not call foreign code.
    pub fn answer(&self, taken: Taken<I>, answer: impl FnOnce() -> bool) -> I {
        self.change(|state, _| {
            state.machine.done(&taken);
            state.count_answer(answer());
        });
        taken.item
    }

    /// An answer to an item that was settled before: as in [`answer`](Queue::answer).
    pub fn answer_later(&self, answer: impl FnOnce() -> bool) {
        self.change(|state, _| state.count_answer(answer()));
    }

    /// The work failed: the item comes back, after the queue's own wait or after this one, or is a dead letter.
    pub fn failed(&self, taken: Taken<I>, after: Option<Duration>) {
        let now = crate::clock::now();
        self.change(|state, fx| state.failed(taken, after, now, fx));
    }

    /// The item failed for good.
    pub fn bury(&self, taken: Taken<I>, reason: DeadReason) {
        self.change(|state, fx| state.machine.bury(taken, reason, fx));
    }
}
