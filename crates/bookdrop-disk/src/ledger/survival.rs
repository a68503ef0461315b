//! How far the ledger is on the disk, and who waits for it.

mod turns;
mod waking;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bookdrop_backend::Error;

pub(crate) use turns::Turn;
use waking::{Row, wake_all};

/// Which notes survive what.
#[derive(Default)]
pub(crate) struct Survival {
    /// Up to this note, what was noted is written.
    written: AtomicU64,
    /// Up to this note, what was noted is appended. Changed by the one who writes, under the lock for that.
    appended: AtomicU64,
    /// Up to this note, it survives a loss of power. Written under the lock of the state.
    flushed: AtomicU64,
    /// Whether nothing will ever be written any more: then the state says why.
    is_broken: AtomicBool,
    state: Mutex<State>,
    /// Called when there is something to commit.
    flusher: Condvar,
    /// Where threads wait for a flush: those of the turn under way, and those of the next one, so that no turn wakes them all.
    rows: [Row; 2],
    /// How many of those who were told by the last flush have not come again.
    away: AtomicI64,
    /// Called when space is wanted.
    tidier: Condvar,
}

/// How far the notes have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Up to this note, all that was noted is said in the journal, and so it survives the process. This much is confirmed.
    pub(super) written: u64,
    /// Up to this note, none waits to be appended to the journal: each lies there, or was left out since another one says the same.
    /// That may be a later one, which waits, so this may be ahead of what is written. It tells what the journal says of an event.
    pub(super) appended: u64,
}

impl Reach {
    /// All notes up to this one lie in the journal, and with them all that they stand for.
    pub(crate) fn all_up_to(note: u64) -> Self {
        Reach {
            written: note,
            appended: note,
        }
    }
}

/// Tasks, by what they wait for.
type Wakers = BTreeMap<(u64, u64), Waker>;

struct State {
    /// Whether it is somebody's turn to commit.
    is_taken: bool,
    /// Where the threads of the turn under way wait, or those of the last one.
    row: usize,
    /// The first note for which a thread waits, in each row.
    least: [u64; 2],
    /// How many threads wait, in each row.
    threads: [usize; 2],
    /// Nothing will ever be written any more.
    broken: Option<Error>,
    /// Up to this note, it could not be written for now, and whoever waits is told.
    refused: Option<(u64, Error)>,
    /// Which tasks wait for which note to be flushed.
    waiting: Wakers,
    waiters: u64,
    /// Who waits for room, and wants to know when there is some, or when it is in vain.
    watching: BTreeMap<u64, Waker>,
    /// Whether a flush is wanted for which nobody waits.
    wants_flush: bool,
    /// The task that commits, where one does so instead of the threads.
    task: Option<Waker>,
    /// Whether the task found no room: then a thread takes the next turn, since to gain some takes long.
    is_for_thread: bool,
    /// Whether the one who gives space back is wanted.
    wants_space: bool,
    ends: bool,
}

/// Where a flush told so many, the first one that comes again leaves the next flush to a thread that does nothing else: by the time
/// that is awake, others have come who share it.
const CROWD: i64 = 8;

/// No note has this number.
const NOBODY: u64 = u64::MAX;

/// The place of one who waits.
pub(crate) type Waiting = Option<(u64, u64)>;

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
        let state_of_wait = &mut *state;
        if let Some(end) = self.end_of(state_of_wait, note) {
            let gone = waiting
                .take()
                .map(|place| state_of_wait.waiting.remove(&place));
            drop(state);
            drop((gone, waker));
            return Poll::Ready(end);
        }
        let place = *waiting.get_or_insert_with(|| {
            self.away.fetch_sub(1, Ordering::Relaxed);
            state_of_wait.waiters += 1;
            (note, state_of_wait.waiters)
        });
        let is_first = !state_of_wait.is_taken && !state_of_wait.wants_commit();
        let gone = state_of_wait.waiting.insert(place, waker);
        match is_first {
            true => self.call(state),
            false => drop(state),
        }
        drop(gone);
        Poll::Pending
    }

    /// Waits on this thread until a note survives a loss of power. If nobody is about to commit, it is the caller's turn to do so.
    pub(crate) fn wait_here(&self, note: u64) -> Result<Option<Turn<'_>>, Error> {
        while !self.is_flushed(note) {
            let mut state = self.lock();
            if let Some(end) = self.end_of(&state, note) {
                return end.map(|()| None);
            }
            let is_first = !state.is_taken && !state.wants_commit();
            if is_first && !self.is_crowd_away() {
                return Ok(Some(self.take(&mut state)));
            }
            // What is written already is flushed in this turn, most often.
            let is_for_next = self.written_so_far() < note;
            let row = (state.row + usize::from(is_for_next)) % 2;
            state.least[row] = state.least[row].min(note);
            state.threads[row] += 1;
            self.away.fetch_sub(1, Ordering::Relaxed);
            // It is looked at under the lock, so whoever tells this row from now on changes it.
            let told = self.rows[row].told();
            match is_first {
                true => self.call(state),
                false => drop(state),
            }
            self.rows[row].wait(told);
        }
        Ok(None)
    }

    fn is_flushed(&self, note: u64) -> bool {
        // Acquire: it comes after all that was done to flush it.
        self.flushed.load(Ordering::Acquire) >= note
    }

    /// How the wait for a note ends; `None` while it goes on.
    fn end_of(&self, state: &State, note: u64) -> Option<Result<(), Error>> {
        match (&state.broken, &state.refused) {
            _ if self.is_flushed(note) => Some(Ok(())),
            (Some(error), _) => Some(Err(error.clone())),
            (_, Some((last, error))) if *last >= note => Some(Err(error.clone())),
            _ => None,
        }
    }

    /// Waits no more. What was begun goes on, so a flush is wanted all the same.
    pub(crate) fn stop(&self, waiting: &mut Waiting) {
        let Some(place) = waiting.take() else {
            return;
        };
        let mut state = self.lock();
        let gone = state.waiting.remove(&place);
        state.wants_flush |= gone.is_some();
        match gone.is_some() && !state.is_taken {
            true => self.call(state),
            false => drop(state),
        }
        drop(gone);
    }

    /// Is woken when there may be news of the disk: there is room on it, or none, or nothing will be written any more. Whoever stops watching calls
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

    /// There may be news of the disk.
    pub(crate) fn tell_news(&self) {
        let all = std::mem::take(&mut self.lock().watching);
        wake_all(all.into_values());
    }

    pub(crate) fn is_written(&self, note: u64) -> bool {
        self.written_so_far() >= note
    }

    /// The last note that is [written](Reach::written).
    pub(crate) fn written_so_far(&self) -> u64 {
        // Acquire: whoever sees that it is written sees where.
        self.written.load(Ordering::Acquire)
    }

    /// The last note that is [appended](Reach::appended), for the one who writes.
    pub(crate) fn appended_so_far(&self) -> u64 {
        self.appended.load(Ordering::Relaxed)
    }

    pub(crate) fn broken(&self) -> Option<Error> {
        // Acquire: whoever sees it finds the reason.
        match self.is_broken.load(Ordering::Acquire) {
            true => self.lock().broken.clone(),
            false => None,
        }
    }

    /// The notes have come so far. Said by the one who writes.
    pub(crate) fn reached(&self, reach: Reach) {
        self.appended.store(reach.appended, Ordering::Relaxed);
        self.written.fetch_max(reach.written, Ordering::Release);
    }

    /// Up to this note, it survives a loss of power. The turn of the one who says so goes on, unless there are tasks to be woken: then
    /// it ends, so that the waking does not hold up the next flush.
    pub(crate) fn flushed<'a>(&self, note: u64, turn: Option<Turn<'a>>) -> Option<Turn<'a>> {
        let mut state = self.lock();
        self.flushed.fetch_max(note, Ordering::Release);
        let told = self.tell_up_to(&mut state, note);
        drop(state);
        let turn = turn.filter(|_| told.is_empty());
        self.wake(told);
        turn
    }

    /// Nothing will ever be written any more: everybody is told what broke it first, which is returned.
    pub(crate) fn break_down(&self, error: Error) -> Error {
        let mut state = self.lock();
        let first = state.broken.get_or_insert(error).clone();
        self.is_broken.store(true, Ordering::Release);
        let all = self.tell_up_to(&mut state, NOBODY - 1);
        drop(state);
        self.wake(all);
        self.tell_news();
        first
    }

    /// Up to this note, it cannot be written for now: whoever waits is told. It is written when it can be.
    pub(crate) fn refuse(&self, note: u64, error: Error) {
        let mut state = self.lock();
        state.refused = Some((note, error));
        let told = self.tell_up_to(&mut state, note);
        drop(state);
        self.wake(told);
    }

    /// There is room again: what was refused is to be written after all.
    pub(crate) fn retry(&self) {
        let mut state = self.lock();
        if state.refused.take().is_some() {
            state.wants_flush = true;
            self.call(state);
        }
    }

    /// Those who wait for this note or an earlier one wait no more: they are to be woken.
    fn tell_up_to(&self, state: &mut State, note: u64) -> Wakers {
        let later = state.waiting.split_off(&(note + 1, 0));
        let wakers = std::mem::replace(&mut state.waiting, later);
        let mut told = wakers.len();
        for (row, least) in state.least.iter_mut().enumerate() {
            if *least <= note {
                *least = NOBODY;
                let threads = std::mem::take(&mut state.threads[row]);
                told += threads;
                self.rows[row].tell();
            }
        }
        self.away.store(told as i64, Ordering::Relaxed);
        wakers
    }

    fn wake(&self, told: Wakers) {
        self.rows.iter().for_each(Row::wake_one);
        wake_all(told.into_values());
    }

    /// Everybody who works for it comes to an end.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.ends = true;
        let task = state.task.clone();
        drop(state);
        self.flusher.notify_all();
        self.tidier.notify_all();
        wake_all(task.into_iter());
    }

    /// Somebody is to give space back.
    pub(crate) fn want_space(&self) {
        self.lock().wants_space = true;
        self.tidier.notify_all();
    }

    fn is_crowd_away(&self) -> bool {
        self.away.load(Ordering::Relaxed) >= CROWD
    }

    /// A flush would be good, though nobody waits for it.
    pub(crate) fn want_flush(&self) {
        let mut state = self.lock();
        state.wants_flush = true;
        self.call(state);
    }

    /// Waits until space is wanted, at most so long. False at the end.
    pub(crate) fn wait_for_space_wanted(&self, limit: Duration) -> bool {
        let is_idle = |state: &mut State| !state.ends && !state.wants_space;
        let waited = self.tidier.wait_timeout_while(self.lock(), limit, is_idle);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.wants_space = false;
        !state.ends
    }

    /// Waits for so long, or until a flush is wanted. False at the end.
    pub(crate) fn sleep(&self, time: Duration) -> bool {
        let is_idle = |state: &mut State| !state.ends && !state.wants_flush;
        let slept = self.flusher.wait_timeout_while(self.lock(), time, is_idle);
        let mut state = slept.unwrap_or_else(PoisonError::into_inner).0;
        state.wants_flush = false;
        !state.ends
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether anybody waits for a flush.
    fn wants_commit(&self) -> bool {
        let is_waited_for = !self.waiting.is_empty() || self.least != [NOBODY; 2];
        self.broken.is_none() && (self.wants_flush || is_waited_for)
    }

    /// Whether the next turn is a task's.
    fn is_for_task(&self) -> bool {
        self.task.is_some() && !self.is_for_thread
    }
}

impl Default for State {
    fn default() -> Self {
        State {
            is_taken: false,
            row: 0,
            least: [NOBODY; 2],
            threads: [0; 2],
            broken: None,
            refused: None,
            waiting: BTreeMap::new(),
            waiters: 0,
            watching: BTreeMap::new(),
            wants_flush: false,
            task: None,
            is_for_thread: false,
            wants_space: false,
            ends: false,
        }
    }
}
