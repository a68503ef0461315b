//! Everything under the queue's one lock.

mod admission;
mod groups;

use std::time::{Duration, Instant};

use crate::effects::Effects;
use crate::item::{Cause, Item};
use crate::machine::{GroupId, Limits, Machine, Moment, Taken};
use crate::timer::Armed;

use super::DEFAULT_GROUP;
use super::line::Line;
use super::waiters::Waiters;
pub(super) use admission::Obstacle;

/// A queue's life: each phase is final but the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Open,
    /// Nothing more is taken in; what is ready is still handed out.
    Closed,
    /// Nothing is handed out either.
    Drained,
}

pub(super) struct State<I: Item> {
    pub(super) machine: Machine<I>,
    pub(super) line: Line<I>,
    pub(super) phase: Phase,
    /// The consumers of each group, by the group's index.
    seats: Vec<Seats>,
    /// The groups that get what is sent, in the order in which they were joined: an offer that stood in line while a
    /// group was joined has no copy for the last ones.
    ///
    /// Invariant: never empty. Where no group has a consumer yet, the default group collects what is sent.
    subscribers: Vec<GroupId>,
    /// Whether any group was joined (or the backlog still waits for the first one).
    founded: bool,
    pub(super) default_group: GroupId,
    /// Those who wait for the hands to be empty.
    pub(super) drainers: Waiters,
    pub(super) alarm: Option<(Instant, Armed)>,
}

/// The consumers of one group.
struct Seats {
    taken: usize,
    waiters: Waiters,
}

impl<I: Item> State<I> {
    pub(super) fn new(limits: Limits, seed: u64) -> Self {
        let mut machine = Machine::new(limits, seed);
        let default_group = machine.add_group(DEFAULT_GROUP, true);
        let mut state = State {
            machine,
            line: Line::new(),
            phase: Phase::Open,
            seats: Vec::new(),
            subscribers: vec![default_group],
            founded: false,
            default_group,
            drainers: Waiters::new(),
            alarm: None,
        };
        state.make_seats(default_group);
        state
    }

    // ---- receiving ----

    pub(super) fn take(
        &mut self,
        id: GroupId,
        now: &mut Moment,
        fx: &mut Effects<I>,
    ) -> Option<Taken<I>> {
        match self.phase {
            Phase::Drained => None,
            _ => self.machine.take(id, now, fx),
        }
    }

    /// The work on an item failed.
    pub(super) fn failed(
        &mut self,
        taken: Taken<I>,
        after: Option<Duration>,
        now: Instant,
        fx: &mut Effects<I>,
    ) {
        if self.phase != Phase::Open && taken.item.is_request() {
            self.machine.done(&taken);
            let deliveries = taken.attempt();
            return fx.discard(taken.item, Cause::Closed, deliveries);
        }
        let is_request = taken.item.is_request();
        // After a close nothing waits for the queue's own sake, so that everything comes to its end soon.
        let waived = (self.phase != Phase::Open).then_some(Duration::ZERO);
        self.machine.failed(taken, after.or(waived), now, fx);
        if is_request {
            // The last consumer may have left while it was in hand.
            self.end_unanswerable(fx);
        }
    }

    /// Whether this group's consumers, who found nothing ready, have nothing more to wait for. After a close that is so
    /// unless the settlement of what somebody has in hand may free the key of what is queued.
    pub(super) fn is_over(&self, id: GroupId) -> bool {
        match self.phase {
            Phase::Drained => true,
            Phase::Closed => !self.machine.waits_for_keys(id),
            Phase::Open => self.machine.group_name(id).is_none(),
        }
    }

    pub(super) fn count_answer(&mut self, reached: bool) {
        match reached {
            true => self.machine.counters.answered += 1,
            false => self.machine.counters.replies_refused += 1,
        }
    }

    // ---- the end ----

    pub(super) fn close(&mut self, phase: Phase, fx: &mut Effects<I>) {
        if self.phase >= phase {
            return;
        }
        self.phase = phase;
        self.machine.waive_backoff();
        self.line.refuse_all(fx);
        self.machine.discard_requests(Cause::Closed, |_| true, fx);
        self.seats
            .iter_mut()
            .for_each(|seats| seats.waiters.notify_all(fx));
    }

    /// Wakes the consumers of groups whose end has come.
    fn tell_those_at_the_end(&mut self, fx: &mut Effects<I>) {
        for id in self.machine.group_ids().collect::<Vec<_>>() {
            if self.is_over(id) {
                self.waiters(id).notify_all(fx);
            }
        }
    }

    // ---- after each change ----

    /// Puts right what a change may have left: who can be let in now, who has to be woken.
    pub(super) fn follow_up(&mut self, fx: &mut Effects<I>) {
        match self.phase {
            Phase::Open => self.let_in(fx),
            _ => self.tell_those_at_the_end(fx),
        }
        if self.machine.take_has_fresh() {
            for (index, seats) in self.seats.iter_mut().enumerate() {
                let fresh = self.machine.take_fresh(index);
                seats.waiters.notify(fresh, fx);
            }
        }
        if self.phase == Phase::Drained && self.machine.in_hand() == 0 {
            self.drainers.notify_all(fx);
        }
    }
}
