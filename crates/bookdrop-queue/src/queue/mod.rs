//! The bounded queue as its users see it from many threads and tasks: one lock around the rich queue machine, a line
//! of senders before it and waiting consumers behind it, and an express beside all that.
//!
//! Invariant: foreign code (wakers, drops, clones) runs only when the lock is free; see
//! [`Effects`](crate::effects::Effects).

mod calls;
mod express;
mod hold;
mod line;
mod receive;
mod restore;
mod send;
mod settle;
mod state;
#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
mod waiters;

use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll};
use std::time::Instant;

use crate::effects::Effects;
use crate::item::{Cause, Item};
use crate::machine::{Dead, GroupId, Limits};
use crate::stats::{Counters, Depths};
use crate::sync::{AtomicUsize, Lock, Ordering};
use crate::timer::{Alarm, Timer};
pub use calls::{Asking, Waited, Working};
use express::Guarded;
pub use express::NotExpress;
pub use hold::Hold;
pub use receive::{Over, Reader};
pub use send::{Refusal, Refused};
pub use state::Seat;
use state::{Phase, State};
pub use waiters::Waiting;

/// The group that requests go to.
pub const DEFAULT_GROUP: &str = "default";

/// What a sender meets when the queue is full.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFull {
    /// It waits for room.
    #[default]
    Wait,
    /// Its event is given back at once.
    Reject,
    /// The oldest queued event is dropped (and counted) to make room. Delayed events are given back when there are too
    /// many of them, and so is an event for which no dropping could make room beside the queue.
    DropOldest,
}

/// A bounded queue of items in this process.
pub struct Queue<I: Item> {
    state: Lock<Guarded<I>>,
    on_full: OnFull,
    /// As the machine's limits have it.
    capacity: AtomicUsize,
    /// Makes copies for further groups; set with the first of them.
    copier: OnceLock<fn(&I) -> I>,
    /// How many further groups there were when one last came or went.
    further_groups: AtomicUsize,
    /// Itself, for the timer.
    alarm: Weak<dyn Alarm>,
}

impl<I: Item> Queue<I> {
    /// An open queue; `seed` decides on the random part of the waits before an item is tried again.
    pub fn new(limits: Limits, on_full: OnFull, seed: u64) -> Arc<Self>
    where
        I: Send + 'static,
        I::Answer: Send,
    {
        Arc::new_cyclic(|this: &Weak<Self>| Queue {
            capacity: AtomicUsize::new(limits.capacity),
            state: Lock::new(Guarded::new(State::new(limits, seed))),
            on_full,
            copier: OnceLock::new(),
            further_groups: AtomicUsize::new(0),
            alarm: this.clone(),
        })
    }

    /// Items that a group holds at most before senders meet a full queue.
    pub fn capacity(&self) -> usize {
        // Relaxed: nothing else is read by what it says.
        self.capacity.load(Ordering::Relaxed)
    }

    /// Other bounds hold from now on. What stands beyond them stays, and whoever finds room by them is let in.
    pub fn set_limits(&self, limits: Limits) {
        self.change(|state, _| {
            self.capacity.store(limits.capacity, Ordering::Relaxed);
            state.machine.set_limits(limits);
        });
    }

    /// What failed and waits, as long as the queue and not its consumer found right, is ready at once.
    pub fn waive_backoff(&self) {
        self.change(|state, _| state.machine.waive_backoff());
    }

    /// Changes the state, then puts right what follows from it, then calls what has to be called.
    #[inline]
    fn change<R>(&self, change: impl FnOnce(&mut State<I>, &mut Effects<I>) -> R) -> R {
        let mut fx = Effects::none();
        let result = {
            let mut guarded = self.state.lock();
            let mut state = guarded.whole();
            let result = change(&mut state, &mut fx);
            if state.has_follow_up() {
                state.follow_up(&mut fx);
            }
            if let Some(next) = state.unarmed_instant() {
                self.arm(&mut state, next);
            }
            result
        };
        fx.run(|call, answer| self.end_call(call, answer));
        result
    }

    #[cold]
    fn arm(&self, state: &mut State<I>, next: Instant) {
        state.alarm = Some((next, Timer::global().arm(next, self.alarm.clone())));
    }

    // ---- groups ----

    /// Adds a consumer to the default group.
    pub fn join_default(&self) -> Seat {
        self.join_group(DEFAULT_GROUP, |_| {})
    }

    /// Adds a consumer to a group; `copier` makes the further groups' copies, and is called without any lock.
    pub fn join(&self, name: &str, copier: fn(&I) -> I) -> Seat {
        self.join_and_tell(name, copier, |_| {})
    }

    /// The same for one who keeps a journal: `tell` hears which group it is under the lock, before anything is sent to that group. What
    /// was sent before any group was joined stands in this one by then, if it is the first. It must not call foreign code.
    pub fn join_and_tell(
        &self,
        name: &str,
        copier: fn(&I) -> I,
        tell: impl FnOnce(GroupId),
    ) -> Seat {
        self.copier.get_or_init(|| copier);
        self.join_group(name, tell)
    }

    fn join_group(&self, name: &str, tell: impl FnOnce(GroupId)) -> Seat {
        self.change(|state, _| {
            let seat = state.join(name);
            tell(seat.reader().group);
            self.note_further_groups(state);
            seat
        })
    }

    /// Adds one more consumer to a group that has one; with `auto_ack`, what it takes is settled with the hand-over.
    pub fn join_again(&self, group: GroupId, auto_ack: bool) -> Seat {
        self.change(|state, _| state.join_again(group, auto_ack))
    }

    /// A consumer leaves its group. When it was the last one of the default group, requests that do not wait for a
    /// consumer end.
    pub fn leave(&self, reader: Reader) {
        self.change(|state, fx| state.leave(reader, fx));
    }

    /// Removes a group with all that stands in it; its consumers find their end. False when there is none.
    pub fn remove_group(&self, name: &str) -> bool {
        self.remove_group_and_tell(name, |_| {})
    }

    /// The same for one who keeps a journal: `tell` hears which group it was under the lock, when all that stood in it is gone, and
    /// before anything else is sent. It must not call foreign code.
    pub fn remove_group_and_tell(&self, name: &str, tell: impl FnOnce(GroupId)) -> bool {
        self.change(|state, fx| {
            let joined = state
                .joined_groups()
                .find(|id| state.machine.group_name(*id) == Some(name));
            let removed = joined.inspect(|id| state.remove_group(*id, fx));
            self.note_further_groups(state);
            removed.map(tell).is_some()
        })
    }

    fn note_further_groups(&self, state: &State<I>) {
        let count = state.further_groups();
        // Release: whoever sees that there are any sees the copier, too, which was set before.
        self.further_groups.store(count, Ordering::Release);
    }

    /// A guess at how many copies an item needs: whoever takes the lock sees how many are missing.
    fn expected_copies(&self) -> usize {
        self.further_groups.load(Ordering::Acquire)
    }

    /// The groups that somebody joined, oldest first.
    pub fn groups(&self) -> Vec<String> {
        let mut guarded = self.state.lock();
        let state = guarded.whole();
        state
            .joined_groups()
            .filter_map(|id| Some(state.machine.group_name(id)?.to_owned()))
            .collect()
    }

    // ---- dead letters ----

    /// Looks at the dead letters of a group, oldest first. `look` runs under the lock and must not call foreign code.
    pub fn dead<R>(&self, group: &str, look: impl FnMut(&Dead<I>) -> R) -> Vec<R> {
        let mut guarded = self.state.lock();
        let state = guarded.whole();
        let id = state.machine.group_named(group);
        id.into_iter()
            .flat_map(|id| state.machine.dead(id))
            .map(look)
            .collect()
    }

    /// Takes a dead letter out.
    pub fn take_dead(&self, group: &str, dead: u64) -> Option<Dead<I>> {
        self.change(|state, _| {
            state
                .machine
                .take_dead(state.machine.group_named(group)?, dead)
        })
    }

    /// Takes all dead letters of a group out, oldest first.
    pub fn take_all_dead(&self, group: &str) -> Vec<Dead<I>> {
        self.change(|state, _| {
            let id = state.machine.group_named(group);
            id.map_or_else(Vec::new, |id| state.machine.take_all_dead(id))
        })
    }

    /// Puts a dead letter back at the end of its queue, as if it had just been sent; this never waits for room. False
    /// when there is no such dead letter, or the queue was closed.
    pub fn replay(&self, group: &str, dead: u64) -> bool {
        self.change(|state, fx| {
            if state.phase != Phase::Open {
                return false;
            }
            let Some(id) = state.machine.group_named(group) else {
                return false;
            };
            state.machine.replay(id, dead, crate::clock::now(), fx)
        })
    }

    // ---- time ----

    /// Makes ready what is due by `now`, lets go of what expired, and wakes requesters whose deadline has come. The alarm
    /// calls this; it is public for models, in which no time passes.
    pub fn advance(&self, now: Instant) {
        self.change(|state, fx| {
            state.alarm = None;
            state.machine.advance(now, fx);
        });
    }

    // ---- looking ----

    /// What happened so far, and what stands where in all groups together.
    pub fn counts(&self) -> (Counters, Depths) {
        let mut guarded = self.state.lock();
        let mut state = guarded.whole();
        state.count_returns();
        let ids: Vec<_> = state.machine.group_ids().collect();
        let depths =
            ids.into_iter()
                .map(|id| depths(&state, id))
                .fold(Depths::default(), |a, b| Depths {
                    queued: a.queued + b.queued,
                    delayed: a.delayed + b.delayed,
                    in_hand: a.in_hand + b.in_hand,
                    dead: a.dead + b.dead,
                    consumers: a.consumers + b.consumers,
                    waiting_consumers: a.waiting_consumers + b.waiting_consumers,
                });
        (state.machine.counters, depths)
    }

    /// What stands where in one group.
    pub fn depths(&self, group: &str) -> Option<Depths> {
        let mut guarded = self.state.lock();
        let mut state = guarded.whole();
        state.count_returns();
        let id = state
            .joined_groups()
            .find(|id| state.machine.group_name(*id) == Some(group))?;
        Some(depths(&state, id))
    }

    /// How many stand in this group's queue, also behind their key.
    pub fn queued(&self, group: GroupId) -> usize {
        let [queued, ..] = self.state.lock().whole().machine.depths(group);
        queued
    }

    /// Those who stand in line.
    pub fn waiting_senders(&self) -> usize {
        self.state.lock().whole().line.len()
    }

    // ---- emptying and ending ----

    /// Lets go of everything that stands in the queue, in all groups. Returns how much.
    pub fn purge(&self) -> usize {
        self.change(|state, fx| {
            let purged = state.machine.discard_where(Cause::Purged, |_| true, fx);
            state.machine.counters.purged += purged as u64;
            purged
        })
    }

    /// Takes nothing more in; consumers get what is ready, then find the end. Requests that nobody works on end.
    pub fn close(&self) {
        self.change(|state, fx| state.close(Phase::Closed, fx));
    }

    /// What keeps the queue is broken. Those who wait to receive are woken, to see that; requests that nobody works on end.
    pub fn break_down(&self) {
        self.change(|state, fx| state.break_down(fx));
    }

    /// Closes, and hands nothing more out.
    pub fn begin_drain(&self) {
        self.change(|state, fx| state.close(Phase::Drained, fx));
    }

    /// Ready when nothing is in hand.
    pub fn poll_empty_handed(&self, waiting: &mut Waiting, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        self.change(|state, fx| {
            if state.machine.in_hand() == 0 {
                let _ = state.drainers.leave(waiting, fx);
                fx.drop_waker(waker);
                return Poll::Ready(());
            }
            state.drainers.sleep(waiting, waker, false, fx);
            Poll::Pending
        })
    }

    /// Waits no more for empty hands.
    pub fn stop_waiting_empty_handed(&self, waiting: &mut Waiting) {
        self.change(|state, fx| {
            let _ = state.drainers.leave(waiting, fx);
        });
    }

    /// Takes out what stands in the queue, oldest first (the group's name, the hand-overs so far, the item), and says how
    /// much is in hand at that moment.
    pub fn take_left(&self) -> (Vec<(String, u32, I)>, usize) {
        self.change(|state, _| {
            let left = state.machine.take_all();
            let name = |id| state.machine.group_name(id).unwrap_or_default().to_owned();
            let left = left
                .into_iter()
                .map(|(id, deliveries, item)| (name(id), deliveries, item));
            (left.collect(), state.machine.in_hand())
        })
    }

    /// Whether the queue was closed.
    pub fn is_closed(&self) -> bool {
        self.state.lock().whole().phase != Phase::Open
    }
}

fn depths<I: Item>(state: &State<I>, id: GroupId) -> Depths {
    let [queued, delayed, in_hand, dead] = state.machine.depths(id);
    let (consumers, waiting_consumers) = (state.consumers(id), state.waiting_consumers(id));
    Depths {
        queued,
        delayed,
        in_hand,
        dead,
        consumers,
        waiting_consumers,
    }
}

/// An instant of the machine's agenda has come.
impl<I: Item<Answer: Send> + Send> Alarm for Queue<I> {
    fn ring(&self) {
        self.advance(crate::clock::now());
    }
}
