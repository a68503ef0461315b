//! The fast way through the queue, for what most users do most of the time: plain items, one group, room in the queue,
//! nobody who waits.
//!
//! While it is like that, sending and receiving touch nothing but what lies here. Everything else takes the express
//! back into the state first, and lets it go again afterwards if it may. Where there are several groups it never runs.

use std::ops::{Deref, DerefMut};

use crate::item::Item;
use crate::machine::{Calls, GroupId, Lane, Moment};

use super::hold::{Hold, Holders};
use super::receive::Reader;
use super::state::State;

/// Why nothing was sent or received in the simple way.
///
/// It is a word: a `Result` with something to be handed over is then moved in words, as that is by itself. Were it a byte, the
/// rest would be moved in pieces that lie across them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum NotExpress {
    /// There was no room, or nothing to be handed over: whoever cannot do without it has to wait.
    HasToWait,
    /// The same, and others wait already.
    HasToWaitBehindOthers,
    /// There may be room, or something to be handed over, all the same.
    Unknown,
}

/// Everything under the queue's lock; the express lies beside the lock itself.
#[repr(C)]
pub(super) struct Guarded<I: Item> {
    express: Express<I>,
    state: State<I>,
}

/// What a plain send and a plain receive touch.
///
/// Invariant: it runs (its limit is not zero) only while a plain item that is sent has nothing to do but to stand at the
/// end of the lane of the one group, and a consumer that comes has nothing to do but to take the first. When that is so,
/// [`State::express_group`] says.
///
/// With the lock before it, what each send and receive writes is one cache line.
#[repr(C)]
struct Express<I> {
    /// The lane of the one group, lent by the machine; empty while it does not run.
    lane: Lane<I>,
    /// The order of the last item that was sent.
    last_order: u64,
    /// Items that were settled with the hand-over since it was let go.
    auto_acked: u64,
    /// So many items may stand in the lane or be held ahead.
    limit: usize,
    group: GroupId,
    /// Whether the group has several consumers.
    has_rivals: bool,
    holders: Holders<I>,
}

/// All of the state, with the express back in it; it is let go with the guard.
pub(super) struct Whole<'a, I: Item>(&'a mut Guarded<I>);

impl<I: Item> Guarded<I> {
    /// Bytes up to the end of what each send and receive writes.
    #[cfg(all(test, not(any(loom, shuttle))))]
    pub(super) const WRITTEN: usize = std::mem::offset_of!(Self, express.limit);

    pub(super) fn new(state: State<I>) -> Self {
        Guarded {
            express: Express {
                lane: Lane::new(),
                limit: 0,
                last_order: 0,
                auto_acked: 0,
                group: GroupId::default(),
                has_rivals: false,
                holders: Holders::new(),
            },
            state,
        }
    }

    /// Takes a plain item in, unless there is more to it than that.
    #[inline(always)]
    pub(super) fn send(&mut self, item: I) -> Result<(), I> {
        let express = &mut self.express;
        // While it does not run, nothing stands in it and nothing is held: zero of zero seems full.
        if express.seems_full() && (express.limit == 0 || express.is_full()) {
            return Err(item);
        }
        express.last_order += 1;
        express.lane.push(express.last_order, item);
        Ok(())
    }

    /// Why [`send`](Guarded::send) gave the item back.
    pub(super) fn why_not_sent(&self) -> NotExpress {
        match self.express.limit {
            0 => NotExpress::Unknown,
            // Who stands in line keeps the express from running.
            _ => NotExpress::HasToWait,
        }
    }

    /// Hands over the next item, unless there is none or more to it than that.
    #[inline(always)]
    pub(super) fn receive(&mut self, reader: Reader) -> Result<I, NotExpress> {
        let express = &mut self.express;
        if express.limit == 0 || express.group != reader.group {
            return self.receive_beside(reader);
        }
        if express.lane.position() >= express.holders.until {
            express.call_back();
        }
        let Some(item) = express.lane.pop() else {
            return Err(self.nothing_for(reader));
        };
        express.auto_acked += u64::from(reader.auto_ack);
        Ok(item)
    }

    #[cold]
    fn nothing_for(&mut self, reader: Reader) -> NotExpress {
        match self.state.waiters(reader.group).len() {
            0 => NotExpress::HasToWait,
            _ => NotExpress::HasToWaitBehindOthers,
        }
    }

    /// The same where the express does not run, as it is with several groups and with requests: a consumer may have as little to do
    /// all the same. (Not one with automatic ack: whoever answers a request is lent the seat, and to ask for that would cost it
    /// more than it saves.)
    #[inline(never)]
    fn receive_beside(&mut self, reader: Reader) -> Result<I, NotExpress> {
        let (group, state) = (reader.group, &mut self.state);
        let is_lent = self.express.limit > 0;
        let needs_seat = reader.auto_ack && state.machine.has_requests();
        if is_lent || needs_seat || !state.may_take_from_lane(group) {
            return Err(NotExpress::Unknown);
        }
        let machine = &mut state.machine;
        let item = machine.take_from_lane(group, reader.auto_ack, &mut Moment::now());
        if let Some(item) = item {
            return Ok(item);
        }
        match machine.has_ready(group) {
            true => Err(NotExpress::Unknown),
            false => Err(self.nothing_for(reader)),
        }
    }

    /// Lets a consumer that has just received hold some more ahead, so that it comes back less often. One among several does so
    /// only where they fight for the lock.
    #[inline]
    pub(super) fn hold_ahead(&mut self, hold: &mut Hold<I>, is_fought_for: bool) {
        let Express {
            lane,
            holders,
            has_rivals,
            ..
        } = &mut self.express;
        if (is_fought_for || !*has_rivals) && lane.len() > 1 {
            holders.hold(lane, hold, *has_rivals);
        }
    }

    /// The requests that wait for an answer: no plain item is one, so the express need not come back for them.
    #[inline]
    pub(super) fn calls(&mut self) -> &mut Calls<I::Answer> {
        &mut self.state.machine.calls
    }

    /// All of the state.
    #[inline]
    pub(super) fn whole(&mut self) -> Whole<'_, I> {
        self.express.come_back(&mut self.state);
        Whole(self)
    }
}

impl<I: Item> Express<I> {
    /// Whether it is full unless consumers have handed over meanwhile what they held.
    #[inline]
    fn seems_full(&self) -> bool {
        self.lane.len() + self.holders.held >= self.limit
    }

    #[cold]
    fn is_full(&mut self) -> bool {
        self.holders.recount();
        self.seems_full()
    }

    #[inline]
    fn come_back(&mut self, state: &mut State<I>) {
        if self.limit == 0 {
            return;
        }
        if self.holders.has_listed() {
            self.call_back();
        }
        let machine = &mut state.machine;
        machine.take_lane_back(self.group, &mut self.lane, self.last_order, self.auto_acked);
        (self.limit, self.auto_acked) = (0, 0);
    }

    /// Calls back what consumers hold ahead.
    #[cold]
    fn call_back(&mut self) {
        self.auto_acked += self.holders.call_back(&mut self.lane);
    }

    #[inline]
    fn let_go(&mut self, state: &mut State<I>) {
        if let Some(group) = state.express_group() {
            if self.group != group {
                self.holders.forget();
                self.group = group;
            }
            self.has_rivals = state.consumers(group) > 1;
            (self.limit, self.last_order) = state.machine.lend_lane(group, &mut self.lane);
        }
    }
}

impl<I: Item> Deref for Whole<'_, I> {
    type Target = State<I>;

    #[inline]
    fn deref(&self) -> &State<I> {
        &self.0.state
    }
}

impl<I: Item> DerefMut for Whole<'_, I> {
    #[inline]
    fn deref_mut(&mut self) -> &mut State<I> {
        &mut self.0.state
    }
}

impl<I: Item> Drop for Whole<'_, I> {
    #[inline]
    fn drop(&mut self) {
        let Guarded { express, state } = &mut *self.0;
        express.let_go(state);
    }
}
