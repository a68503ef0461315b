//! The reply slot: one answer, from the one who works on a request to the one who waits for it.

use std::task::{Context, Poll, Waker};

use crate::effects::call;
use crate::slab::{Slab, Ticket};
use crate::sync::{Mutex, lock};
use crate::timer::Alarm;

/// Carries at most one answer, and the news that nobody wants it any more.
///
/// Invariant: it is answered or given up, never both: whoever comes first decides, under the lock, and the other one is
/// told so.
pub struct ReplySlot<A> {
    state: Mutex<SlotState<A>>,
}

struct SlotState<A> {
    answer: Answer<A>,
    requester: Option<Waker>,
    /// Those who work on the request and want to know when nobody wants the answer any more.
    workers: Slab<Waker>,
}

enum Answer<A> {
    Awaited,
    There(A),
    /// It was taken, or the requester gave up.
    Over,
}

/// Wakers to be woken, or dropped, when no lock is held.
#[must_use = "who waits is woken by `wake`"]
#[derive(Debug, Default)]
pub struct ToWake {
    requester: Option<Waker>,
    workers: Vec<Waker>,
    /// Of one who does not wait any more.
    only_dropped: Option<Waker>,
}

impl ToWake {
    /// Wakes them all. A panic in one of them ends there.
    pub fn wake(self) {
        call(|| drop(self.only_dropped));
        let all = self.requester.into_iter().chain(self.workers);
        all.for_each(|waker| call(|| waker.wake()));
    }
}

impl<A> Default for ReplySlot<A> {
    fn default() -> Self {
        ReplySlot::new()
    }
}

impl<A> ReplySlot<A> {
    /// An answer is awaited.
    pub fn new() -> Self {
        let state = SlotState {
            answer: Answer::Awaited,
            requester: None,
            workers: Slab::new(),
        };
        ReplySlot {
            state: Mutex::new(state),
        }
    }

    /// Leaves the answer, unless there is one already or the requester gave up: then it is given back.
    pub fn answer(&self, answer: A) -> Result<ToWake, A> {
        let mut state = lock(&self.state);
        match state.answer {
            Answer::Awaited => {
                state.answer = Answer::There(answer);
                let workers = state.workers.take_all();
                Ok(ToWake {
                    requester: state.requester.take(),
                    workers,
                    only_dropped: None,
                })
            }
            _ => Err(answer),
        }
    }

    /// Ready with the answer.
    ///
    /// # Panics
    /// When the answer was taken, or given up, before.
    pub fn poll(&self, cx: &mut Context<'_>) -> Poll<A> {
        {
            let mut state = lock(&self.state);
            if let Some(answer) = state.take() {
                return Poll::Ready(answer);
            }
            if state
                .requester
                .as_ref()
                .is_some_and(|known| known.will_wake(cx.waker()))
            {
                return Poll::Pending;
            }
        }
        // Wakers are cloned and dropped without the lock.
        let waker = cx.waker().clone();
        let mut state = lock(&self.state);
        if let Some(answer) = state.take() {
            drop(state);
            return Poll::Ready(answer);
        }
        let old = state.requester.replace(waker);
        drop(state);
        drop(old);
        Poll::Pending
    }

    /// The requester wants no answer any more. Returns the answer if there is one already; else whoever works on it
    /// is to be told, by waking what is returned once no lock is held.
    pub fn give_up(&self) -> Result<ToWake, A> {
        let mut state = lock(&self.state);
        match std::mem::replace(&mut state.answer, Answer::Over) {
            Answer::There(answer) => Err(answer),
            Answer::Awaited => {
                let workers = state.workers.take_all();
                Ok(ToWake {
                    requester: None,
                    workers,
                    only_dropped: state.requester.take(),
                })
            }
            Answer::Over => Ok(ToWake::default()),
        }
    }

    /// Whether an answer left now would reach anybody.
    pub fn is_awaited(&self) -> bool {
        matches!(lock(&self.state).answer, Answer::Awaited)
    }

    /// Ready when no answer is wanted any more. Whoever stops waiting calls
    /// [`stop_watching`](ReplySlot::stop_watching).
    pub fn poll_unwanted(&self, watching: &mut Option<Ticket>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_awaited() {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        let (old, poll) = {
            let mut state = lock(&self.state);
            let SlotState {
                answer, workers, ..
            } = &mut *state;
            match (answer, watching.and_then(|ticket| workers.get_mut(ticket))) {
                (Answer::Awaited, Some(known)) => {
                    (Some(std::mem::replace(known, waker)), Poll::Pending)
                }
                (Answer::Awaited, None) => {
                    *watching = Some(workers.insert(waker));
                    (None, Poll::Pending)
                }
                _ => (Some(waker), Poll::Ready(())),
            }
        };
        drop(old);
        poll
    }

    /// Waits no more for the answer to be unwanted.
    pub fn stop_watching(&self, watching: &mut Option<Ticket>) {
        let gone = watching
            .take()
            .and_then(|ticket| lock(&self.state).workers.remove(ticket));
        drop(gone);
    }
}

impl<A> SlotState<A> {
    fn take(&mut self) -> Option<A> {
        match std::mem::replace(&mut self.answer, Answer::Over) {
            Answer::There(answer) => Some(answer),
            Answer::Awaited => {
                self.answer = Answer::Awaited;
                None
            }
            Answer::Over => panic!("a reply was asked for after it had been taken"),
        }
    }
}

/// The deadline has come: the requester looks.
impl<A: Send> Alarm for ReplySlot<A> {
    fn ring(&self) {
        let waker = lock(&self.state).requester.take();
        waker.into_iter().for_each(Waker::wake);
    }
}
