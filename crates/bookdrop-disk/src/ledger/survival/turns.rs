//! The turn to commit, and who has it: a thread, or a task in place of all threads.

use std::sync::{MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::waking::wake_all;
use super::{State, Survival};

/// The turn to commit: one at a time has it, for all who wait. Dropped, it is the next one's.
#[must_use]
pub(crate) struct Turn<'a>(&'a Survival);

/// The task that commits instead of the threads, as long as this is there.
pub(crate) struct Task<'a>(&'a Survival);

impl Survival {
    /// Waits until there is something to commit, and takes the turn. Whoever has it already keeps it, if there is. `None` at the end.
    pub(crate) fn wait_for_turn(&self, former: Option<Turn<'_>>) -> Option<Turn<'_>> {
        let mut state = self.lock();
        if let Some(turn) = former {
            std::mem::forget(turn);
            state.is_taken = false;
            if state.is_for_task() && state.wants_commit() {
                self.call(state);
                state = self.lock();
            }
        }
        let is_idle = |state: &mut State| {
            !state.ends && (state.is_taken || state.is_for_task() || !state.wants_commit())
        };
        let state = self.flusher.wait_while(state, is_idle);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.is_for_thread = false;
        (!state.ends).then(|| self.take(&mut state))
    }

    /// The turn, after the end: whoever had it has done what was begun.
    pub(crate) fn last_turn(&self) -> Turn<'_> {
        let is_taken = |state: &mut State| state.is_taken;
        let state = self.flusher.wait_while(self.lock(), is_taken);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        self.take(&mut state)
    }

    /// From now on a task commits, and no thread does so unless there is no room.
    pub(crate) fn task(&self) -> Task<'_> {
        self.lock().task = Some(Waker::noop().clone());
        Task(self)
    }

    /// This turn is a thread's.
    pub(crate) fn leave_to_thread(&self, turn: Turn<'_>) {
        let mut state = self.lock();
        state.is_for_thread = true;
        // Also where nobody waits for it.
        state.wants_flush = true;
        drop(state);
        drop(turn);
    }

    /// There is something to commit for whoever does so next. A task is woken without the lock: its waker is foreign code.
    pub(super) fn call(&self, state: MutexGuard<'_, State>) {
        let task = state.task.clone().filter(|_| state.is_for_task());
        drop(state);
        match task {
            Some(task) => wake_all([task].into_iter()),
            None => self.flusher.notify_one(),
        }
    }

    pub(super) fn take(&self, state: &mut State) -> Turn<'_> {
        state.is_taken = true;
        state.wants_flush = false;
        state.row = (state.row + 1) % 2;
        Turn(self)
    }
}

impl<'a> Task<'a> {
    /// Ready when there is something to commit, with the turn to do so; `None` at the end.
    pub(crate) fn poll_turn(&self, cx: &mut Context<'_>) -> Poll<Option<Turn<'a>>> {
        let survival = self.0;
        let waker = cx.waker().clone();
        let mut state = survival.lock();
        let former = state.task.replace(waker);
        let is_its_turn = state.is_for_task() && !state.is_taken && state.wants_commit();
        let turn = match (state.ends, is_its_turn) {
            (true, _) => Poll::Ready(None),
            (false, true) => Poll::Ready(Some(survival.take(&mut state))),
            (false, false) => Poll::Pending,
        };
        drop(state);
        drop(former);
        turn
    }
}

/// The threads commit again.
impl Drop for Task<'_> {
    fn drop(&mut self) {
        let task = self.0.lock().task.take();
        drop(task);
        self.0.flusher.notify_all();
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_taken = false;
        if state.ends {
            drop(state);
            self.0.flusher.notify_all();
        } else if state.wants_commit() {
            self.0.call(state);
        }
    }
}
