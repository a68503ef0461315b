//! Requests, seen from both ends: who asks and waits, and who answers.

use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::effects::Effects;
use crate::item::{Item, Standing};
use crate::machine::{CallId, Calls, Taken, ToWake};
use crate::note::{Note, note};

use super::line::Offer;
use super::state::State;
use super::{OnFull, Queue, Reader, Refusal, Refused};

/// How a requester asks.
#[derive(Debug)]
pub struct Asking {
    /// From then on nobody wants the answer.
    pub deadline: Instant,
    /// Whether the request waits for a consumer to come, rather than to fail when there is none.
    pub waits_for_consumer: bool,
    /// Who is woken by the answer.
    pub waker: Waker,
    /// Whether the waker is to be woken at the deadline, too. If not, its owner looks at the clock by itself.
    pub wakes_at_deadline: bool,
}

/// What a requester finds that looks for its answer.
#[derive(Debug)]
pub enum Waited<A> {
    /// The answer.
    Answered(A),
    /// None, and none is wanted any more: the deadline has come.
    Overdue,
}

/// One who works on a request and waits for its answer to be unwanted; `None` while it does not wait.
pub type Working = Option<u64>;

impl<I: Item> Queue<I> {
    /// Takes a request in, or lets it stand in line; its requester waits for the answer, not for this.
    pub fn send_request(
        &self,
        item: I,
        due: Option<Instant>,
        asking: Asking,
    ) -> Result<CallId, Refused<I>> {
        self.change(|state, fx| {
            let calls = &mut state.machine.calls;
            let call = calls.open(
                asking.deadline,
                asking.waits_for_consumer,
                Some(asking.waker),
            );
            if asking.wakes_at_deadline {
                calls.watch(call);
            }
            let mut item = item;
            item.ask_for(call, asking.deadline);
            if due.is_none() && item.is_plain() && state.takes_plain_requests() {
                state.accept_plain_request(item, fx);
                return Ok(call);
            }
            let refused = match state.offer(Offer::new(item, due), self.on_full, fx) {
                Ok(()) => return Ok(call),
                Err((offer, obstacle)) => (offer, obstacle.refusal()),
            };
            let (mut offer, why) = match refused {
                (offer, Refusal::Full | Refusal::NotYet) if self.on_full == OnFull::Wait => {
                    match state.enter_line(offer, &mut None, fx) {
                        Ok(_) => return Ok(call),
                        Err((offer, obstacle)) => (offer, obstacle.refusal()),
                    }
                }
                refused => refused,
            };
            state.machine.counters.rejected_when_full += u64::from(why == Refusal::Full);
            if let Some(closed) = state.machine.calls.close(call) {
                let waker = closed.wakers.requester;
                waker.into_iter().for_each(|waker| fx.drop_waker(waker));
            }
            offer.item.sever();
            let item = offer.item;
            Err(Refused { item, why })
        })
    }

    /// The answer, once there is one, or that it will not come in time.
    pub fn poll_answer(&self, call: CallId, cx: &mut Context<'_>) -> Poll<Waited<I::Answer>> {
        if let Some(end) = self.look_for_answer(call, cx.waker()) {
            return end;
        }
        // Wakers are cloned and dropped without the lock, so the wait may end in between: look again.
        let (end, gone) = self.wait_for_answer(call, cx.waker().clone());
        drop(gone);
        end
    }

    /// `None` when the waker has to be registered.
    #[inline]
    pub(super) fn look_for_answer(
        &self,
        call: CallId,
        waker: &Waker,
    ) -> Option<Poll<Waited<I::Answer>>> {
        let mut guarded = self.state.lock();
        let calls = guarded.calls();
        if let Some(answer) = calls.take_answer(call) {
            return Some(Poll::Ready(Waited::Answered(answer)));
        }
        if is_overdue(calls, call) {
            return Some(Poll::Ready(Waited::Overdue));
        }
        calls.is_registered(call, waker).then_some(Poll::Pending)
    }

    /// Waits with this waker, unless the wait has ended by now. Returns a waker that is to be dropped, too.
    pub(super) fn wait_for_answer(
        &self,
        call: CallId,
        waker: Waker,
    ) -> (Poll<Waited<I::Answer>>, Option<Waker>) {
        let mut guarded = self.state.lock();
        let calls = guarded.calls();
        if let Some(answer) = calls.take_answer(call) {
            return (Poll::Ready(Waited::Answered(answer)), Some(waker));
        }
        // The deadline is told once, to whichever waker is known then.
        if is_overdue(calls, call) {
            return (Poll::Ready(Waited::Overdue), Some(waker));
        }
        (Poll::Pending, calls.register(call, waker))
    }

    /// The requester is to be woken at its deadline, which it cannot watch by itself any more.
    pub fn wake_at_deadline(&self, call: CallId) {
        self.change(|state, _| state.machine.calls.watch(call));
    }

    /// The requester gives up. Returns the answer, if one came in the meantime, or the request, if it was still queued,
    /// with the number of its hand-overs so far.
    pub fn give_up(&self, call: CallId) -> (Option<I::Answer>, Option<(I, u32)>) {
        self.change(|state, fx| give_up(state, call, fx))
    }

    /// The requester gives up if its request is queued, and goes on to wait where somebody has it. Returns the request, with the number
    /// of its hand-overs so far.
    pub fn withdraw(&self, call: CallId) -> Option<(I, u32)> {
        self.change(|state, fx| {
            let standing = state.machine.calls.get(call)?.standing;
            match standing {
                Standing::Queued(_) | Standing::InLine(_) => give_up(state, call, fx).1,
                Standing::Leaving | Standing::Elsewhere => None,
            }
        })
    }

    /// Requesters that wait.
    pub fn waiting_requests(&self) -> usize {
        self.state.lock().calls().len()
    }

    // ---- those who answer ----

    /// The item in hand is done with, and answered: true if the answer reached somebody. The item is given back, since it is
    /// not the queue's any more.
    #[inline]
    pub fn answer(
        &self,
        reader: Reader,
        mut taken: Taken<I>,
        answer: I::Answer,
    ) -> (I, Result<(), I::Answer>) {
        let result = self.change(|state, fx| {
            state.machine.done(&taken);
            note(&mut taken.item, Note::Gone);
            state.expect_return(reader);
            let call = taken.item.call();
            state.answer(call, answer, fx)
        });
        (taken.item, result)
    }

    /// An answer to an item that was settled before: as in [`answer`](Queue::answer).
    pub fn answer_later(&self, call: CallId, answer: I::Answer) -> Result<(), I::Answer> {
        self.change(|state, fx| state.answer(Some(call), answer, fx))
    }

    /// Tells a requester why it gets no answer. This counts as no answer.
    pub fn end_call(&self, call: CallId, why: I::Answer) {
        let refused = self.change(|state, fx| {
            let result = state.machine.calls.answer(call, why);
            result.map(|wakers| fx.wake_all(wakers)).err()
        });
        drop(refused);
    }

    /// Whether an answer left now would reach anybody.
    pub fn is_awaited(&self, call: CallId) -> bool {
        self.state.lock().calls().is_awaited(call)
    }

    /// Ready when no answer is wanted any more. Whoever stops waiting calls [`stop_working`](Queue::stop_working).
    pub fn poll_unwanted(
        &self,
        call: CallId,
        working: &mut Working,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let waker = cx.waker().clone();
        let (waits, gone) = {
            let mut guarded = self.state.lock();
            let mut state = guarded.whole();
            let worker = *working.get_or_insert_with(|| state.next_worker());
            state.machine.calls.work(call, worker, waker)
        };
        drop(gone);
        match waits {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    }

    /// Waits no more for the answer to be unwanted.
    pub fn stop_working(&self, call: CallId, working: &mut Working) {
        let gone = working
            .take()
            .and_then(|worker| self.state.lock().calls().stop_work(call, worker));
        drop(gone);
    }
}

fn give_up<I: Item>(
    state: &mut State<I>,
    call: CallId,
    fx: &mut Effects<I>,
) -> (Option<I::Answer>, Option<(I, u32)>) {
    let Some(closed) = state.machine.calls.close(call) else {
        return (None, None);
    };
    let ToWake { requester, workers } = closed.wakers;
    requester.into_iter().for_each(|waker| fx.drop_waker(waker));
    if closed.answer.is_some() {
        return (closed.answer, None);
    }
    workers.into_iter().for_each(|(_, waker)| fx.wake(waker));
    // One that the queue has let go of was counted then.
    let is_counted = closed.standing == Standing::Leaving;
    state.machine.counters.given_up += u64::from(!is_counted);
    let mut left = match closed.standing {
        Standing::Queued(spot) => state.machine.remove(spot),
        Standing::InLine(ticket) => state.line.leave(ticket, fx).map(|o| (o.item, 0)),
        Standing::Leaving | Standing::Elsewhere => None,
    };
    if let Some((item, _)) = &mut left {
        note(item, Note::Gone);
    }
    (None, left)
}

/// Whether the deadline of this call has come, and nobody is about to tell its requester how it ended.
#[inline]
fn is_overdue<A>(calls: &Calls<A>, call: CallId) -> bool {
    let call = calls.get(call);
    call.is_some_and(|call| call.standing != Standing::Leaving && call.is_over(crate::clock::now))
}
