//! Requests that wait for their answer: who waits, until when, and where the request stands.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::task::Waker;
use std::time::Instant;

use crate::item::Standing;
use crate::slab::{Slab, Ticket};

/// Names a request for as long as its requester waits. Afterwards it names nothing, for ever.
pub type CallId = Ticket;

/// Entries that were replaced by earlier ones are cleared out when there are more than two for each place and this.
const STALE: usize = 64;

/// Every request whose requester waits.
///
/// A call is closed by its requester alone, who takes the answer or gives up. So an answer is taken or refused, never
/// both: whoever comes first under the queue's lock decides.
pub(crate) struct Calls<A> {
    all: Slab<Call<A>>,
    deadlines: Deadlines,
}

/// One request that is waited for.
pub(crate) struct Call<A> {
    answer: Option<A>,
    /// Who is woken by the answer, or when the deadline has come.
    requester: Option<Waker>,
    /// Those who work on it and want to know when nobody wants the answer any more.
    workers: Vec<(u64, Waker)>,
    pub(crate) standing: Standing,
    pub(crate) deadline: Instant,
    /// Whether the requester is to be woken when the deadline has come; else it looks at the clock by itself.
    is_watched: bool,
    is_overdue: bool,
    pub(crate) waits_for_consumer: bool,
}

/// When the queue has to look for calls whose deadline has come.
///
/// An entry stands for a place of the slab, not for a call: it stays when the call has ended, and serves the next one
/// in that place. So a stream of requests with equal timeouts makes one entry for each place and timeout, and none for
/// each request.
///
/// Invariant: a watched call's place has an entry that is not later than its deadline.
#[derive(Default)]
struct Deadlines {
    earliest_first: BinaryHeap<Reverse<(Instant, u32)>>,
    /// The earliest entry of each place.
    of_place: Vec<Option<Instant>>,
}

impl<A> Calls<A> {
    pub(crate) fn new() -> Self {
        Calls {
            all: Slab::new(),
            deadlines: Deadlines::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    #[inline]
    pub(crate) fn open(
        &mut self,
        deadline: Instant,
        waits_for_consumer: bool,
        requester: Option<Waker>,
    ) -> CallId {
        self.all.insert(Call {
            answer: None,
            requester,
            workers: Vec::new(),
            standing: Standing::Elsewhere,
            deadline,
            is_watched: false,
            is_overdue: false,
            waits_for_consumer,
        })
    }

    pub(crate) fn get(&self, id: CallId) -> Option<&Call<A>> {
        self.all.get(id)
    }

    #[inline]
    pub(crate) fn place(&mut self, id: CallId, standing: Standing) {
        if let Some(call) = self.all.get_mut(id) {
            call.standing = standing;
        }
    }

    /// Whether an answer left now would reach anybody.
    pub(crate) fn is_awaited(&self, id: CallId) -> bool {
        self.get(id).is_some_and(|call| call.answer.is_none())
    }

    /// Leaves the answer, unless there is one already or the requester has gone: then it is given back. Returns who is
    /// to be woken: the requester, and in the end those who work on it as well.
    #[inline]
    pub(crate) fn answer(&mut self, id: CallId, answer: A) -> Result<ToWake, A> {
        match self.all.get_mut(id) {
            Some(call) if call.answer.is_none() => {
                call.answer = Some(answer);
                Ok(ToWake {
                    requester: call.requester.take(),
                    workers: std::mem::take(&mut call.workers),
                })
            }
            _ => Err(answer),
        }
    }

    /// The requester takes the answer, if there is one: the call is closed.
    #[inline]
    pub(crate) fn take_answer(&mut self, id: CallId) -> Option<A> {
        self.all.get_mut(id)?.answer.as_ref()?;
        self.all.remove(id)?.answer
    }

    /// The requester goes: the call is closed.
    pub(crate) fn close(&mut self, id: CallId) -> Option<Closed<A>> {
        let call = self.all.remove(id)?;
        Some(Closed {
            answer: call.answer,
            standing: call.standing,
            wakers: ToWake {
                requester: call.requester,
                workers: call.workers,
            },
        })
    }

    pub(crate) fn is_registered(&self, id: CallId, waker: &Waker) -> bool {
        let known = self.get(id).and_then(|call| call.requester.as_ref());
        known.is_some_and(|known| known.will_wake(waker))
    }

    /// The requester waits with this waker. Returns the one that it replaces (or this one, where nobody waits).
    pub(crate) fn register(&mut self, id: CallId, waker: Waker) -> Option<Waker> {
        match self.all.get_mut(id) {
            Some(call) => call.requester.replace(waker),
            None => Some(waker),
        }
    }

    /// Somebody works on it and waits for the answer to be unwanted; false when it already is.
    pub(crate) fn work(&mut self, id: CallId, worker: u64, waker: Waker) -> (bool, Option<Waker>) {
        let Some(call) = self.all.get_mut(id).filter(|call| call.answer.is_none()) else {
            return (false, Some(waker));
        };
        let known = call.workers.iter_mut().find(|(known, _)| *known == worker);
        match known {
            Some((_, known)) => (true, Some(std::mem::replace(known, waker))),
            None => {
                call.workers.push((worker, waker));
                (true, None)
            }
        }
    }

    pub(crate) fn stop_work(&mut self, id: CallId, worker: u64) -> Option<Waker> {
        let workers = &mut self.all.get_mut(id)?.workers;
        let at = workers.iter().position(|(known, _)| *known == worker)?;
        Some(workers.swap_remove(at).1)
    }

    // ---- deadlines ----

    /// The queue's alarm is to tell when the deadline has come.
    #[inline]
    pub(crate) fn watch(&mut self, id: CallId) {
        if let Some(call) = self.all.get_mut(id) {
            call.is_watched = true;
            self.deadlines.note(id.place(), call.deadline);
        }
    }

    /// When [`advance`](Calls::advance) has something to do.
    #[inline]
    pub(crate) fn next_instant(&self) -> Option<Instant> {
        let earliest = self.deadlines.earliest_first.peek();
        earliest.map(|Reverse((at, _))| *at)
    }

    /// Marks one call whose deadline has come by now, and says who is to be woken.
    pub(crate) fn advance(&mut self, now: Instant) -> Option<Option<Waker>> {
        while let Some(place) = self.deadlines.pop(now) {
            let waiting = |call: &Call<A>| call.is_watched && !call.is_overdue;
            let id = self.all.ticket_at(place);
            let call = id.and_then(|id| self.all.get_mut(id));
            let Some(call) = call.filter(|call| waiting(call)) else {
                continue;
            };
            if call.deadline > now {
                self.deadlines.note(place, call.deadline);
                continue;
            }
            call.is_overdue = true;
            return Some(call.requester.take());
        }
        None
    }
}

impl<A> Call<A> {
    /// Whether the deadline has come, also if nobody was woken for it yet.
    #[inline]
    pub(crate) fn is_over(&self, now: impl FnOnce() -> Instant) -> bool {
        self.is_overdue || now() >= self.deadline
    }
}

impl Deadlines {
    #[inline]
    fn note(&mut self, place: u32, deadline: Instant) {
        let index = place as usize;
        if index >= self.of_place.len() {
            self.of_place.resize(index + 1, None);
        }
        let known = &mut self.of_place[index];
        if known.is_none_or(|known| known > deadline) {
            *known = Some(deadline);
            self.earliest_first.push(Reverse((deadline, place)));
            self.clear_out();
        }
    }

    /// Takes an entry out whose time has come.
    fn pop(&mut self, now: Instant) -> Option<u32> {
        let Reverse((at, place)) = self.earliest_first.peek().copied()?;
        if at > now {
            return None;
        }
        self.earliest_first.pop();
        let known = &mut self.of_place[place as usize];
        // A later entry of this place, left from before an earlier one was made, may still stand.
        *known = known.filter(|known| *known != at);
        Some(place)
    }

    /// Forgets entries that were replaced by earlier ones, when they are many.
    fn clear_out(&mut self) {
        if self.earliest_first.len() > 2 * self.of_place.len() + STALE {
            let of_place = &self.of_place;
            self.earliest_first
                .retain(|Reverse((at, place))| of_place[*place as usize] == Some(*at));
        }
    }
}

/// What was left of a call that its requester closed.
pub(crate) struct Closed<A> {
    pub(crate) answer: Option<A>,
    pub(crate) standing: Standing,
    /// The workers are to be woken, the requester's own is only to be dropped.
    pub(crate) wakers: ToWake,
}

/// Wakers of a call, to be woken or dropped when no lock is held.
#[derive(Debug, Default)]
pub(crate) struct ToWake {
    pub(crate) requester: Option<Waker>,
    pub(crate) workers: Vec<(u64, Waker)>,
}

#[cfg(test)]
mod tests;
