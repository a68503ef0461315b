//! A queue that was there before, in an earlier process, is made again: its groups first, then what it remembers, its items and
//! its dead letters, each oldest first.
//!
//! Nothing of that is [noted](Item::note), no bound is asked, and nothing counts as sent. What it leads to is noted as ever:
//! an item whose time to live has ended meanwhile is gone.

use std::time::Instant;

use crate::item::Item;
use crate::machine::{Dead, GroupId, Past, Taken};

use super::Queue;

impl<I: Item> Queue<I> {
    /// Makes a group that once had a consumer, without one, unless it is there; `copier` is that of [`join`](Queue::join). As
    /// with the first consumer, the first group of all gets what was sent before.
    pub fn found(&self, name: &str, copier: fn(&I) -> I) -> GroupId {
        self.copier.get_or_init(|| copier);
        self.change(|state, _| {
            let id = state.found(name);
            self.note_further_groups(state);
            id
        })
    }

    /// Puts an item at the end of its level in a group, or lets it wait there until it is due. Its time to live is what
    /// [`expires_at`](Item::expires_at) says. Where the group is not there any more, the item is let go of.
    ///
    /// One that was handed over leads its key again. It waits until it is due as if its consumer had asked for that: also when
    /// the queue is closed meanwhile.
    pub fn restore(&self, item: I, group: GroupId, past: Past) {
        self.change(|state, fx| state.machine.restore(group, item, past, fx));
    }

    /// Takes an item in that is in somebody's hand, from whom it comes back to this queue: it counts as handed over, and others of
    /// its key wait for it. When that one gives it back it stands where it was restored, among the others. It is not asked when it is
    /// due. Where the group is not there any more, the item is let go of when it comes back.
    pub fn restore_in_hand(&self, item: I, group: GroupId, past: Past) -> Taken<I> {
        self.change(|state, _| state.machine.restore_in_hand(group, item, past))
    }

    /// Puts a dead letter behind the others of its group; if they are too many, the oldest goes. It keeps its id, and those to
    /// come get greater ones.
    pub fn restore_dead(&self, dead: Dead<I>, group: GroupId) {
        self.change(|state, fx| state.machine.restore_dead(group, dead, fx));
    }

    /// An item of this identity was sent at that instant: for the rest of the window, others are duplicates of it. To be
    /// called for the oldest first.
    pub fn remember(&self, identity: &str, since: Instant) {
        self.change(|state, _| state.machine.remember_since(identity, since));
    }

    /// Consumers may be about to come again: from now on requests wait where nobody is there to answer, and none is told so before
    /// [`expect_no_more_consumers`](Queue::expect_no_more_consumers).
    pub fn expect_consumers(&self) {
        self.change(|state, _| state.expects_consumers = true);
    }

    /// Whoever wanted to come again has come. Where there is no consumer by now, requests end, but for those that wait for one.
    pub fn expect_no_more_consumers(&self) {
        self.change(|state, fx| {
            state.expects_consumers = false;
            state.end_unanswerable(fx);
        });
    }

    /// The group that requests go to, and all that is sent before a group has its first consumer.
    pub fn default_group(&self) -> GroupId {
        self.state.lock().whole().default_group
    }
}
