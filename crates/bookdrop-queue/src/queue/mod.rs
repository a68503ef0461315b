//! The bounded queue as its users see it from many threads and tasks: one lock around the rich queue machine, a line
//! of senders before it and waiting consumers behind it.
//!
//! Invariant: foreign code (wakers, drops, clones, requesters) runs only when the lock is free; see
//! [`Effects`](crate::effects::Effects).

mod line;
mod receive;
mod send;
mod settle;
mod state;
mod waiters;

use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll};

use crate::effects::Effects;
use crate::item::{Cause, Item, Standing};
use crate::machine::{Dead, GroupId, Limits};
use crate::stats::{Counters, Depths};
use crate::sync::{Mutex, lock};
use crate::timer::{Alarm, Timer};
pub use receive::{Over, Reader};
pub use send::{Refusal, Refused, Sending};
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
    /// many of them.
    DropOldest,
}

/// A bounded queue of items in this process.
pub struct Queue<I: Item> {
    state: Mutex<State<I>>,
    on_full: OnFull,
    capacity: usize,
    /// Makes copies for further groups; set with the first of them.
    copier: OnceLock<fn(&I) -> I>,
    /// Itself, for the timer.
    alarm: Weak<dyn Alarm>,
}

impl<I: Item> Queue<I> {
    /// An open queue; `seed` decides on the random part of the waits before an item is tried again.
    pub fn new(limits: Limits, on_full: OnFull, seed: u64) -> Arc<Self>
    where
        I: Send + 'static,
        I::Requester: Send,
    {
        Arc::new_cyclic(|this: &Weak<Self>| Queue {
            capacity: limits.capacity,
            state: Mutex::new(State::new(limits, seed)),
            on_full,
            copier: OnceLock::new(),
            alarm: this.clone(),
        })
    }

    /// Items that a group holds at most before senders meet a full queue.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Changes the state, then puts right what follows from it, then calls what has to be called.
    fn change<R>(&self, change: impl FnOnce(&mut State<I>, &mut Effects<I>) -> R) -> R {
        let mut fx = Effects::none();
        let result = {
            let mut state = lock(&self.state);
            let result = change(&mut state, &mut fx);
            self.follow_up(&mut state, &mut fx);
            result
        };
        fx.run();
        result
    }

    fn follow_up(&self, state: &mut State<I>, fx: &mut Effects<I>) {
        state.follow_up(fx);
        let Some(next) = state.machine.next_instant() else {
            return;
        };
        if state.alarm.as_ref().is_none_or(|(at, _)| next < *at) {
            state.alarm = Some((next, Timer::global().arm(next, self.alarm.clone())));
        }
    }

    // ---- groups ----

    /// Adds a consumer to the default group.
    pub fn join_default(&self) -> GroupId {
        self.change(|state, _| state.join(DEFAULT_GROUP))
    }

    /// Adds a consumer to a group; `copier` makes the further groups' copies, and is called without any lock.
    pub fn join(&self, name: &str, copier: fn(&I) -> I) -> GroupId {
        self.copier.get_or_init(|| copier);
        self.change(|state, _| state.join(name))
    }

    /// Adds one more consumer to a group that has one.
    pub fn join_again(&self, group: GroupId) {
        self.change(|state, _| state.join_again(group));
    }

    /// A consumer leaves its group. When it was the last one of the default group, requests that do not wait for a
    /// consumer end.
    pub fn leave(&self, group: GroupId) {
        self.change(|state, fx| state.leave(group, fx));
    }

    /// Removes a group with all that stands in it; its consumers find their end. False when there is none.
    pub fn remove_group(&self, name: &str) -> bool {
        self.change(|state, fx| {
            let joined = state
                .joined_groups()
                .find(|id| state.machine.group_name(*id) == Some(name));
            joined.inspect(|id| state.remove_group(*id, fx)).is_some()
        })
    }

    /// The groups that somebody joined, oldest first.
    pub fn groups(&self) -> Vec<String> {
        let state = lock(&self.state);
        state
            .joined_groups()
            .filter_map(|id| Some(state.machine.group_name(id)?.to_owned()))
            .collect()
    }

    // ---- requesters ----

    /// A requester gives up. `mark` runs under the lock: it notes that nobody wants the answer any more and says where
    /// the request stands, or `None` if there is an answer after all. Returns the request, if it was still queued, with
    /// the number of its hand-overs so far.
    pub fn give_up(&self, mark: impl FnOnce() -> Option<Standing>) -> Option<(I, u32)> {
        self.change(|state, fx| {
            let standing = mark()?;
            state.machine.counters.given_up += 1;
            match standing {
                Standing::Queued(ticket) => state.machine.remove(ticket),
                Standing::InLine(ticket) => Some((state.line.leave(ticket, fx)?.item, 0)),
                Standing::Elsewhere => None,
            }
        })
    }

    // ---- dead letters ----

    /// Looks at the dead letters of a group, oldest first. `look` runs under the lock and must not call foreign code.
    pub fn dead<R>(&self, group: &str, look: impl FnMut(&Dead<I>) -> R) -> Vec<R> {
        let state = lock(&self.state);
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
            let Some(mut found) = state.machine.take_dead(id, dead) else {
                return false;
            };
            found.item.revive(crate::clock::now());
            state.machine.push(id, found.item, None, fx);
            true
        })
    }

    // ---- looking ----

    /// What happened so far, and what stands where in all groups together.
    pub fn counts(&self) -> (Counters, Depths) {
        let state = lock(&self.state);
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
        let state = lock(&self.state);
        let id = state
            .joined_groups()
            .find(|id| state.machine.group_name(*id) == Some(group))?;
        Some(depths(&state, id))
    }

    /// Those who stand in line.
    pub fn waiting_senders(&self) -> usize {
        lock(&self.state).line.len()
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
        lock(&self.state).phase != Phase::Open
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
impl<I: Item<Requester: Send> + Send> Alarm for Queue<I> {
    fn ring(&self) {
        let now = crate::clock::now();
        self.change(|state, fx| {
            state.alarm = None;
            state.machine.advance(now, fx);
        });
    }
}
