//! Everything under the queue's one lock.

mod admission;
mod groups;
mod seats;

use std::time::{Duration, Instant};

use crate::effects::Effects;
use crate::item::{Cause, Item};
use crate::machine::{CallId, GroupId, Limits, Machine, Moment, Taken};
use crate::timer::Armed;

use super::DEFAULT_GROUP;
use super::line::Line;
use super::waiters::Waiters;
pub(super) use admission::Obstacle;
pub use seats::Seat;
use seats::Seats;

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
    /// Whether consumers may be about to come that were there before the queue was made again.
    pub(super) expects_consumers: bool,
    /// Those who wait for the hands to be empty.
    pub(super) drainers: Waiters,
    pub(super) alarm: Option<(Instant, Armed)>,
    /// The last one who worked on a request and waited for its answer to be unwanted.
    last_worker: u64,
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
            expects_consumers: false,
            drainers: Waiters::new(),
            alarm: None,
            last_worker: 0,
        };
        state.make_seats(default_group);
        state
    }

    // ---- receiving ----

    #[inline]
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
        // After a close nothing waits for the queue's own sake, so that everything comes to its end soon.
        let waived = (self.phase != Phase::Open).then_some(Duration::ZERO);
        let after = after.or(waived);
        self.come_back(taken, fx, |machine, taken, fx| {
            machine.failed(taken, after, now, fx);
        });
    }

    /// What was in hand comes back like this, unless it is a request and the queue was closed.
    pub(super) fn come_back(
        &mut self,
        taken: Taken<I>,
        fx: &mut Effects<I>,
        comes_back: impl FnOnce(&mut Machine<I>, Taken<I>, &mut Effects<I>),
    ) {
        let is_request = taken.item.call().is_some();
        if self.phase != Phase::Open && is_request {
            self.machine.done(&taken);
            let deliveries = taken.attempt();
            return fx.discard(taken.item, Cause::Closed, deliveries);
        }
        comes_back(&mut self.machine, taken, fx);
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

    /// Leaves an answer, and counts it; where it reaches nobody it is given back.
    #[inline]
    pub(super) fn answer(
        &mut self,
        call: Option<CallId>,
        answer: I::Answer,
        fx: &mut Effects<I>,
    ) -> Result<(), I::Answer> {
        let result = match call {
            Some(call) => self.machine.calls.answer(call, answer),
            None => Err(answer),
        };
        match &result {
            Ok(_) => self.machine.counters.answered += 1,
            Err(_) => self.machine.counters.replies_refused += 1,
        }
        result.map(|wakers| fx.wake_all(wakers))
    }

    pub(super) fn next_worker(&mut self) -> u64 {
        self.last_worker += 1;
        self.last_worker
    }

    // ---- the end ----

    pub(super) fn close(&mut self, phase: Phase, fx: &mut Effects<I>) {
        if self.phase >= phase {
            return;
        }
        self.phase = phase;
        self.watch_returns();
        self.machine.waive_backoff();
        self.line.refuse_all(&mut self.machine.calls, fx);
        self.machine.discard_requests(Cause::Closed, |_| true, fx);
    }

    pub(super) fn break_down(&mut self, fx: &mut Effects<I>) {
        for seats in &mut self.seats {
            seats.waiters.notify_all(fx);
        }
        let calls = &mut self.machine.calls;
        self.line
            .discard_requests(calls, Cause::Broken, |_| true, fx);
        self.machine.discard_requests(Cause::Broken, |_| true, fx);
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

    /// Whether a change may have left anything to be put right.
    #[inline]
    pub(super) fn has_follow_up(&self) -> bool {
        self.phase != Phase::Open || self.machine.has_fresh() || !self.line.is_empty()
    }

    /// The next instant of the machine's agenda, if the alarm does not ring by then.
    #[inline]
    pub(super) fn unarmed_instant(&self) -> Option<Instant> {
        let next = self.machine.next_instant()?;
        let is_armed = self.alarm.as_ref().is_some_and(|(at, _)| *at <= next);
        (!is_armed).then_some(next)
    }

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
