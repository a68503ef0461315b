//! The process's one deadline timer.
//!
//! A single thread, `bookdrop-timer`, rings an [`Alarm`] at or shortly after the moment it was armed
//! for. It is started by the first [`Timer::arm`], and sleeps without a limit while nothing is armed.
//!
//! A queue has one alarm, for the next of all its moments, and arms another one when an earlier moment
//! comes up. Arming and cancelling are a few steps under a short lock, and neither makes a system
//! call, but for an arm for an earlier moment than the one the thread sleeps to: that wakes it. A
//! cancel leaves it asleep: it finds out at the moment it had planned to wake for, and then sleeps on.
//!
//! # The thread's going to sleep
//!
//! The tick that the thread sleeps to is written down under the lock, in the same hold in which
//! the thread finds nothing due. An arm compares its own tick with it in the same hold in which it
//! adds the entry. So either the thread sees the entry before it sleeps, or the arm sees the
//! thread's plan and unparks it; an unpark before the park is kept by the thread's token.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Weak,
    time::{Duration, Instant},
};

use crate::{
    clock,
    sync::{self, Mutex, lock, thread},
};

mod wheel;

use wheel::{Key, Wheel};

/// Ticks per second: a tick is 1 ms.
///
/// An alarm is rung at the first tick not before its moment, so the tick is the most that rounding
/// adds to the wake-up time of a thread. At 1 ms it stays well within the 10 ms promised, and it
/// is the unit that applications state their limits in. Nothing happens per tick, so that a finer or
/// coarser one would cost the same; a coarser one would wake the thread less often when deadlines
/// are really reached, which is rare.
const TICKS_PER_SECOND: u32 = 1_000;
const NANOS_PER_TICK: u32 = 1_000_000_000 / TICKS_PER_SECOND;

/// Entries handled in one hold of the lock, so that an arm never waits for more than these.
const BATCH: usize = 256;

/// The plan of a thread that is awake, or will look at the wheel again before it sleeps.
const AWAKE: u64 = 0;
/// The plan of a thread that sleeps without a limit.
const NO_LIMIT: u64 = u64::MAX;

/// What happens at the deadline.
pub trait Alarm: Send + Sync {
    /// Called once, at the armed moment or up to some milliseconds after it, never before it.
    ///
    /// Runs on the timer's thread, outside of every lock of this crate, so it may arm, cancel and
    /// wake as it likes. It delays all the other alarms while it runs and must not block. A panic
    /// is caught and ends this call only.
    fn ring(&self);
}

/// The process's deadline timer; see [`Timer::global`].
pub struct Timer {
    /// Tick 0.
    start: Instant,
    state: Mutex<State>,
}

/// One armed alarm: dropping it cancels the alarm, as does [`cancel`](Self::cancel).
///
/// So a future that keeps its `Armed` leaves nothing behind in the timer, however it ends.
#[must_use = "dropping it cancels the alarm at once"]
pub struct Armed {
    timer: &'static Timer,
    key: Key,
}

struct State {
    wheel: Wheel<Weak<dyn Alarm>>,
    /// The tick to which the thread sleeps, [`AWAKE`] or [`NO_LIMIT`].
    plan: u64,
    /// Set by the thread before it first sleeps.
    thread: Option<thread::Thread>,
    started: bool,
}

impl Timer {
    /// The timer of this process.
    ///
    /// In a model it has no thread: what is armed stays armed, and the model itself plays
    /// the moment at which a deadline falls.
    pub fn global() -> &'static Self {
        #[cfg(not(any(loom, shuttle)))]
        {
            static GLOBAL: std::sync::LazyLock<Timer> = std::sync::LazyLock::new(Timer::new);
            &GLOBAL
        }
        #[cfg(any(loom, shuttle))]
        {
            crate::sync::lazy_static! { static ref GLOBAL: Timer = Timer::new(); }
            &GLOBAL
        }
    }

    fn new() -> Self {
        let state = State {
            wheel: Wheel::new(),
            plan: AWAKE,
            thread: None,
            started: false,
        };
        Self {
            start: clock::now(),
            state: Mutex::new(state),
        }
    }

    /// Has `alarm` rung once at `at`: not before, and on a core that is free at most 10 ms after it.
    ///
    /// With an `at` in the past it is rung as soon as possible, still on the timer's thread. An alarm
    /// whose last `Arc` is gone by then is passed over.
    ///
    /// Never panics for want of a thread: when the system refuses to start the timer's, the
    /// alarm stays armed, and every later call tries again to start it. Until one succeeds no
    /// alarm rings, so that deadlines are late, as they are in a process that gets no processor.
    pub fn arm(&'static self, at: Instant, alarm: Weak<dyn Alarm>) -> Armed {
        let tick = self.tick_not_before(at);
        let mut state = lock(&self.state);
        let key = state.wheel.arm(tick, alarm);
        let start = !std::mem::replace(&mut state.started, true);
        let sleeper = if tick < state.plan {
            // Woken once: it looks at everything that is armed before it makes a new plan.
            state.plan = AWAKE;
            state.thread.clone()
        } else {
            None
        };
        drop(state);
        if let Some(sleeper) = sleeper {
            sleeper.unpark();
        }
        if start {
            self.start();
        }
        Armed { timer: self, key }
    }

    /// The number of alarms that have neither been rung nor cancelled.
    #[must_use]
    pub fn armed(&self) -> usize {
        lock(&self.state).wheel.armed()
    }

    /// Starts the thread, or notes that it has to be tried again.
    #[cfg(not(any(loom, shuttle)))]
    fn start(&'static self) {
        let builder = thread::Builder::new().name("bookdrop-timer".into());
        if builder.spawn(|| self.serve(|| true)).is_err() {
            lock(&self.state).started = false;
        }
    }

    /// A model runs [`serve`](Self::serve) in a thread of its own, which can end.
    #[cfg(any(loom, shuttle))]
    fn start(&'static self) {}

    /// The thread: rings what is due and sleeps, for as long as `go_on` says so after each turn.
    fn serve(&self, mut go_on: impl FnMut() -> bool) {
        lock(&self.state).thread = Some(thread::current());
        // Never grows, so that no memory is asked for under the lock.
        let mut due = Vec::with_capacity(BATCH);
        while go_on() {
            let plan = self.turn(&mut due);
            for alarm in due.drain(..) {
                ring(&alarm);
            }
            if let Some(plan) = plan {
                self.sleep(plan);
            }
        }
    }

    /// Takes out what is due, or plans how long to sleep if there is nothing to be done.
    fn turn(&self, due: &mut Vec<Weak<dyn Alarm>>) -> Option<u64> {
        let now = self.tick_not_after(clock::now());
        let mut state = lock(&self.state);
        state.plan = AWAKE;
        let more = state.wheel.turn(now, due, BATCH);
        if more || !due.is_empty() {
            return None;
        }
        state.plan = state.wheel.next().unwrap_or(NO_LIMIT);
        let plan = state.plan;
        let spare = state.wheel.shrink();
        drop(state);
        drop(spare);
        Some(plan)
    }

    /// Sleeps to the tick, less when unparked, or for no reason at all.
    fn sleep(&self, plan: u64) {
        match self.moment(plan) {
            Some(at) => sync::park_timeout(at.saturating_duration_since(clock::now())),
            None => thread::park(),
        }
    }

    /// The first tick that is not before `at`.
    fn tick_not_before(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.start);
        ticks(since, since.subsec_nanos().div_ceil(NANOS_PER_TICK))
    }

    /// The last tick that is not after `at`.
    fn tick_not_after(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.start);
        ticks(since, since.subsec_nanos() / NANOS_PER_TICK)
    }

    /// The moment of a tick; `None` when the platform's clock does not reach it.
    fn moment(&self, tick: u64) -> Option<Instant> {
        let per_second = u64::from(TICKS_PER_SECOND);
        // The remainder is less than a second, so it fits.
        let nanos = (tick % per_second) as u32 * NANOS_PER_TICK;
        self.start
            .checked_add(Duration::new(tick / per_second, nanos))
    }
}

/// The whole seconds of `since` in ticks, and `rest`; the last tick there is if that is too much.
fn ticks(since: Duration, rest: u32) -> u64 {
    let whole = since.as_secs().saturating_mul(TICKS_PER_SECOND.into());
    whole.saturating_add(rest.into())
}

/// Rings one alarm, and keeps a panic of it from the others.
fn ring(alarm: &Weak<dyn Alarm>) {
    // The strong reference may turn out to be the last one, so it too is dropped in here.
    let rung = catch_unwind(AssertUnwindSafe(|| {
        if let Some(alarm) = alarm.upgrade() {
            alarm.ring();
        }
    }));
    if let Err(payload) = rung {
        // The panic has been reported by the hook. Dropping what it carries is foreign code once
        // more and might panic as well; a few bytes are the lesser loss.
        std::mem::forget(payload);
    }
}

impl Armed {
    /// Cancels the alarm. True when that was in time: the alarm is not rung and has not been.
    ///
    /// False when the timer's thread has taken it to ring, which may be over or still going on.
    pub fn cancel(self) -> bool {
        let in_time = self.disarm();
        // `drop` would look for the entry a second time; there is nothing else in `self` to drop.
        std::mem::forget(self);
        in_time
    }

    fn disarm(&self) -> bool {
        // The `Weak` goes after the guard, which is gone by the end of the first line: it may be the
        // one that gives the alarm's memory back.
        let alarm = lock(&self.timer.state).wheel.cancel(self.key);
        alarm.is_some()
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        self.disarm();
    }
}

impl fmt::Debug for Armed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Armed").finish_non_exhaustive()
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer")
            .field("armed", &self.armed())
            .finish_non_exhaustive()
    }
}

/// For the models in `tests/loom_timer.rs`.
#[cfg(any(loom, shuttle))]
impl Timer {
    /// A timer of the model's own.
    pub fn for_model() -> &'static Self {
        Box::leak(Box::new(Self::new()))
    }

    /// Plays the timer's thread while `go_on`.
    pub fn serve_for_model(&self, go_on: impl FnMut() -> bool) {
        self.serve(go_on);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
