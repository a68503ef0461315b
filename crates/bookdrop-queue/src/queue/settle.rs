//! Settling what is in hand.
//!
//! A consumer's loan of its seat comes back after each of these. That return was counted here, so it is not to be counted
//! again: see `State::expect_return`. Until it has come back it stands for one that came back without a word, which is not
//! counted meanwhile. So it is given back without a word, too; and where that is refused, since somebody waits for empty
//! hands, it is dropped, and then the queue is told by [`Queue::recount`].

use std::time::Duration;

use crate::item::{DeadReason, Item};
use crate::machine::{Machine, Taken};
use crate::note::{Note, note};

use super::{Queue, Reader};

impl<I: Item> Queue<I> {
    /// The item is done with; it is given back, since it is not the queue's any more.
    ///
    /// For an item that [leads nobody](Taken::leads_nobody) it is enough to
    /// [give the loan back](crate::Loan::give_back), if that can be done without a word and the item need not be
    /// [told](Item::note).
    pub fn ack(&self, reader: Reader, mut taken: Taken<I>) -> I {
        self.change(|state, _| {
            state.machine.done(&taken);
            note(&mut taken.item, Note::Gone);
            state.machine.counters.acked += 1;
            state.expect_return(reader);
        });
        taken.item
    }

    /// A loan came back that could not be [given back](crate::Loan::give_back) without a word, after its delivery was settled
    /// by one of the others.
    pub fn recount(&self) {
        self.change(|state, _| state.count_returns());
    }

    /// The work failed: the item comes back, after the queue's own wait or after this one, or is a dead letter.
    pub fn failed(&self, reader: Reader, taken: Taken<I>, after: Option<Duration>) {
        let now = crate::clock::now();
        self.change(|state, fx| {
            state.expect_return(reader);
            state.failed(taken, after, now, fx);
        });
    }

    /// Whoever had the item is gone, or gives it up unseen: it comes back at once. It was handed over and did not fail, so
    /// [`max_deliveries`](crate::Limits::max_deliveries) alone can make a dead letter of it.
    pub fn lost(&self, reader: Reader, taken: Taken<I>) {
        self.change(|state, fx| {
            state.expect_return(reader);
            state.come_back(taken, fx, Machine::lost);
        });
    }

    /// The item was taken, and never reached its consumer: it comes back at once, and was not handed over.
    pub fn put_back(&self, reader: Reader, mut taken: Taken<I>) {
        self.change(|state, fx| {
            state.expect_return(reader);
            // First: a requester that is told of its end is told that nobody had it.
            state.machine.uncount(&mut taken);
            state.come_back(taken, fx, Machine::put_back);
        });
    }

    /// The item failed for good.
    pub fn bury(&self, reader: Reader, taken: Taken<I>, reason: DeadReason) {
        self.change(|state, fx| {
            state.expect_return(reader);
            state.machine.bury(taken, reason, fx);
        });
    }
}
