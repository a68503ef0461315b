//! How far the ledger is on the disk, and who waits for it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bookdrop_backend::Error;

/// Which notes survive what.
#[derive(Default)]
pub(crate) struct Survival {
    /// Up to this note, what was noted survives the process.
    written: AtomicU64,
    /// Whether nothing will ever be written any more: then the state says why.
    is_broken: AtomicBool,
    state: Mutex<State>,
    /// Called when somebody waits for a flush.
    flusher: Condvar,
    /// Called when space is wanted.
    tidier: Condvar,
}

#[derive(Default)]
struct State {
    /// Up to this note, what was noted survives a loss of power.
    flushed: u64,
    /// Whether it is somebody's turn to commit.
    is_taken: bool,
    /// Nothing will ever be written any more.
    broken: Option<Error>,
    /// Up to this note, it could not be written for now, and whoever waits is told.
    refused: Option<(u64, Error)>,
    /// Who waits for which note to be flushed.
    waiting: BTreeMap<(u64, u64), Waker>,
    waiters: u64,
    /// Who stands in line, and wants to know when it is in vain.
    watching: BTreeMap<u64, Waker>,
    /// Whether a flush is wanted for which nobody waits.
    wants_flush: bool,
    /// Whether the one who gives space back is wanted.
    wants_space: bool,
    ends: bool,
}

/// The place of one who waits.
pub(crate) type Waiting = Option<(u64, u64)>;

/// The turn to commit: one at a time has it, for all who wait. Dropped, it is the next one's.
#[must_use]
pub(crate) struct Turn<'a>(&'a Survival);

impl Survival {
    /// Ready when a note survives a loss of power. Whoever stops waiting calls [`stop`](Survival::stop).
    pub(crate) fn poll(
        &self,
        note: u64,
        waiting: &mut Waiting,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        // Wakers are foreign code: they are cloned and dropped without the lock.
        let waker = cx.waker().clone();
        let mut state = self.lock();
        let end = match (&state.broken, &state.refused) {
            _ if state.flushed >= note => Some(Ok(())),
            (Some(error), _) => Some(Err(error.clone())),
            (_, Some((last, error))) if *last >= note => Some(Err(error.clone())),
            _ => None,
        };
        let state_of_wait = &mut *state;
        if let Some(end) = end {
            let gone = waiting
                .take()
                .map(|place| state_of_wait.waiting.remove(&place));
            drop(state);
            drop((gone, waker));
            return Poll::Ready(end);
        }
        let place = *waiting.get_or_insert_with(|| {
            state_of_wait.waiters += 1;
            (note, state_of_wait.waiters)
        });
        let is_first = state_of_wait.waiting.is_empty();
        let gone = state_of_wait.waiting.insert(place, waker);
        drop(state);
        if is_first {
            self.flusher.notify_one();
        }
        drop(gone);
        Poll::Pending
    }

    pub(crate) fn stop(&self, waiting: &mut Waiting) {
        let gone = waiting
            .take()
            .map(|place| self.lock().waiting.remove(&place));
        drop(gone);
    }

    /// Is woken when there is news of the disk: it is full, or nothing will be written any more. Whoever stops watching calls
    /// [`stop_watching`](Survival::stop_watching).
    pub(crate) fn watch(&self, place: &mut Option<u64>, cx: &Context<'_>) {
        let waker = cx.waker().clone();
        let mut state = self.lock();
        let place = *place.get_or_insert_with(|| {
            state.waiters += 1;
            state.waiters
        });
        let gone = state.watching.insert(place, waker);
        drop(state);
        drop(gone);
    }

    pub(crate) fn stop_watching(&self, place: &mut Option<u64>) {
        let gone = place
            .take()
            .map(|place| self.lock().watching.remove(&place));
        drop(gone);
    }

    /// There is news of the disk.
    pub(crate) fn tell_news(&self) {
        let all = std::mem::take(&mut self.lock().watching);
        all.into_values().for_each(Waker::wake);
    }

    pub(crate) fn is_written(&self, note: u64) -> bool {
        self.written_so_far() >= note
    }

    /// The last note that survives the process.
    pub(crate) fn written_so_far(&self) -> u64 {
        // Acquire: whoever sees that it is written sees where.
        self.written.load(Ordering::Acquire)
    }

    pub(crate) fn broken(&self) -> Option<Error> {
        // Acquire: whoever sees it finds the reason.
        match self.is_broken.load(Ordering::Acquire) {
            true => self.lock().broken.clone(),
            false => None,
        }
    }

    /// Up to this note, what was noted survives the process.
    pub(crate) fn written(&self, note: u64) {
        self.written.fetch_max(note, Ordering::Release);
    }

    /// Up to this note, it survives a loss of power. The turn of the one who says so ends with it, so that the next flush is not
    /// held up by the waking of those who waited for this one.
    pub(crate) fn flushed(&self, note: u64, turn: Option<Turn<'_>>) {
        let mut state = self.lock();
        state.flushed = state.flushed.max(note);
        let later = state.waiting.split_off(&(note + 1, 0));
        let ready = std::mem::replace(&mut state.waiting, later);
        drop(state);
        drop(turn);
        ready.into_values().for_each(Waker::wake);
    }

    /// Nothing will ever be written any more: everybody is told what broke it first, which is returned.
    pub(crate) fn break_down(&self, error: Error) -> Error {
        let mut state = self.lock();
        let first = state.broken.get_or_insert(error).clone();
        self.is_broken.store(true, Ordering::Release);
        let all = std::mem::take(&mut state.waiting);
        drop(state);
        all.into_values().for_each(Waker::wake);
        self.tell_news();
        first
    }

    /// Up to this note, it cannot be written for now: whoever waits is told. It is written when it can be.
    pub(crate) fn refuse(&self, note: u64, error: Error) {
        let mut state = self.lock();
        state.refused = Some((note, error));
        let later = state.waiting.split_off(&(note + 1, 0));
        let told = std::mem::replace(&mut state.waiting, later);
        drop(state);
        told.into_values().for_each(Waker::wake);
    }

    /// Everybody who works for it comes to an end.
    pub(crate) fn end(&self) {
        self.lock().ends = true;
        self.flusher.notify_all();
        self.tidier.notify_all();
    }

    /// Somebody is to give space back.
    pub(crate) fn want_space(&self) {
        self.lock().wants_space = true;
        self.tidier.notify_all();
    }

    /// The turn, for one who waits for a flush and could as well do it: if nobody waits before it.
    pub(crate) fn take_turn(&self) -> Option<Turn<'_>> {
        let mut state = self.lock();
        let is_free = !state.is_taken && state.waiting.is_empty();
        state.is_taken |= is_free;
        is_free.then(|| Turn(self))
    }

    /// Waits until there is something to commit, and takes the turn. `None` at the end.
    pub(crate) fn wait_for_turn(&self) -> Option<Turn<'_>> {
        let is_idle = |state: &mut State| !state.ends && (state.is_taken || !state.wants_commit());
        let state = self.flusher.wait_while(self.lock(), is_idle);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.wants_flush = false;
        state.is_taken |= !state.ends;
        (!state.ends).then(|| Turn(self))
    }

    /// A flush would be good, though nobody waits for it.
    pub(crate) fn want_flush(&self) {
        self.lock().wants_flush = true;
        self.flusher.notify_one();
    }

    /// Waits until space is wanted, at most so long. False at the end.
    pub(crate) fn wait_for_space_wanted(&self, limit: Duration) -> bool {
        let is_idle = |state: &mut State| !state.ends && !state.wants_space;
        let waited = self.tidier.wait_timeout_while(self.lock(), limit, is_idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.wants_space = false;
        !state.ends
    }

    /// Waits for so long. False at the end.
    pub(crate) fn sleep(&self, time: Duration) -> bool {
        let is_idle = |state: &mut State| !state.ends;
        let slept = self.flusher.wait_timeout_while(self.lock(), time, is_idle);
        !slept.unwrap_or_else(PoisonError::into_inner).0.ends
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wants_commit(&self) -> bool {
        self.broken.is_none() && (self.wants_flush || !self.waiting.is_empty())
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_taken = false;
        let is_next_wanted = state.wants_commit();
        drop(state);
        if is_next_wanted {
            self.0.flusher.notify_one();
        }
    }
}
