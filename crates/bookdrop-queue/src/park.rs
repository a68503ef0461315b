//! Ending a future on a plain thread, by parking it.
//!
//! Each thread keeps one parker, with its waker, for all the waits it ever does. A wait inside a
//! wait (in a `poll`, or in a waker that a `poll` calls) finds it taken and makes one of its own.
//! Both then park the same thread, and so may user code that knows nothing of us; hence what counts
//! is the parker's own flag, and an unpark of the thread is only the hint to look at it. No wake-up
//! is lost to another wait's park, and a stray unpark is one look too many.

#[cfg(not(any(loom, shuttle)))]
mod patience;
/// A model that looks, or tries again, explores nothing new.
#[cfg(any(loom, shuttle))]
mod patience {
    use std::ops::ControlFlow;
    use std::time::{Duration, Instant};

    pub(super) fn attempt<R>(
        _until: Option<Instant>,
        mut attempt: impl FnMut() -> ControlFlow<R>,
    ) -> Option<R> {
        attempt().break_value()
    }

    pub(super) fn look(_length: Duration, _until: Option<Instant>, _is_woken: impl Fn() -> bool) {}
}

use std::{
    cell::Cell,
    future::Future,
    ops::ControlFlow,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

use crate::{
    clock,
    sync::{Arc, AtomicBool, Ordering, park_timeout, thread, thread_local},
};

/// How long a wait looks for its wake-up before the thread is really parked; 50 µs by default.
///
/// The longer, the sooner the thread goes on and the less it costs to wake it, and the more of the processor an idle wait takes. Zero
/// parks at once. To be parked and woken across cores costs about as much as the default where that was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience(pub Duration);

impl Default for Patience {
    fn default() -> Self {
        Patience(Duration::from_micros(50))
    }
}

impl Patience {
    /// Attempts something before the wait for it begins: over and over for ten microseconds, while the attempt says that another
    /// one may help, but not after `until`. `None`: it did not come about.
    ///
    /// A wait that has begun has to be noticed by whoever ends it. That costs both sides more than a moment's delay.
    pub fn attempt<R>(
        self,
        until: Option<Instant>,
        mut attempt: impl FnMut() -> ControlFlow<R>,
    ) -> Option<R> {
        match self.0.is_zero() {
            true => attempt().break_value(),
            false => patience::attempt(until, attempt),
        }
    }

    /// As [`wait`], with this patience.
    pub fn wait<F: Future>(self, f: F) -> F::Output {
        let entered = Entered::new(false);
        let mut f = pin!(f);
        loop {
            if let Poll::Ready(output) = entered.poll(f.as_mut()) {
                return output;
            }
            entered.rest(self, None);
        }
    }

    /// As [`wait_until`], with this patience.
    pub fn wait_until<F>(self, mut f: Pin<&mut F>, until: Instant) -> Option<F::Output>
    where
        F: Future + ?Sized,
    {
        let entered = Entered::new(true);
        let mut late = false;
        loop {
            if let Poll::Ready(output) = entered.poll(f.as_mut()) {
                return Some(output);
            }
            if late {
                return None;
            }
            entered.rest(self, Some(until));
            late = clock::now() >= until;
        }
    }
}

/// Runs the future to its end on this thread, which is parked while there is nothing to do.
///
/// May be called anywhere, also inside the `poll` of a future or inside a waker. It blocks the
/// thread, so on the thread of an async runtime it keeps the other tasks from running.
pub fn wait<F: Future>(f: F) -> F::Output {
    Patience::default().wait(f)
}

/// Runs the future on this thread up to `until`; `None` when it has not ended by then.
///
/// The future is polled before the first look at the clock and once more after the limit. So one
/// that is ready at once is never timed out, even when `until` has passed, nor one that was woken
/// while the thread was late. After `None` the future is as its last `poll` left it, and it is for
/// the caller to drop it or to go on with it.
pub fn wait_until<F: Future + ?Sized>(f: Pin<&mut F>, until: Instant) -> Option<F::Output> {
    Patience::default().wait_until(f, until)
}

/// Has the [`wait`] that runs on this very thread poll again at `at`, if `waker` is its waker.
///
/// For a future that has a deadline, called in its `poll` with the waker it was given. True means
/// that the wait's park ends at `at` by itself and no alarm is needed. False, in a runtime, on another
/// thread or below a combinator that passes a waker of its own, means that nothing was noted
/// and somebody else has to wake the future.
///
/// The note holds up to the next poll of the whole wait, which need not be due to this future; so
/// it is to be renewed in every `poll` that ends pending. That suffices because a future that passes
/// its own waker on to others cannot tell which of them a wake-up was for, and so must
/// poll them all each time.
#[must_use = "without a wait to note it the deadline needs an alarm"]
pub fn park_limit(waker: &Waker, at: Instant) -> bool {
    let with_parker = |parker: &Parker| {
        let own = parker.waker.will_wake(waker);
        if own {
            let earliest = parker.limit.get().map_or(at, |limit| limit.min(at));
            parker.limit.set(Some(earliest));
        }
        own
    };
    with_running(with_parker).unwrap_or(false)
}

/// Whether this is the waker of a [`wait`] without a limit that runs on this very thread: then a `poll` may as well block.
pub fn may_block_with(waker: &Waker) -> bool {
    let is_own = |parker: &Parker| !parker.is_limited.get() && parker.waker.will_wake(waker);
    with_running(is_own).unwrap_or(false)
}

/// Whether this is the waker of the [`wait`] that runs on this very thread.
pub fn is_waiting_with(waker: &Waker) -> bool {
    with_running(|parker| parker.waker.will_wake(waker)).unwrap_or(false)
}

/// Looks at the wait that runs on this very thread, if there is one.
fn with_running<R>(look: impl FnOnce(&Parker) -> R) -> Option<R> {
    // `Err`: the thread is ending, and its locals are gone.
    LOCAL
        .try_with(|local| local.with_running(look))
        .ok()
        .flatten()
}

/// What a waker of ours does: sets the flag, then has the thread look at it.
struct Signal {
    /// Set by a wake-up, cleared by the wait that takes notice of it.
    woken: AtomicBool,
    thread: thread::Thread,
}

/// One wait's place to sleep.
struct Parker {
    signal: Arc<Signal>,
    waker: Waker,
    /// The earliest moment noted by [`park_limit`] during the last poll.
    limit: Cell<Option<Instant>>,
    /// Whether the wait has a limit of its own.
    is_limited: Cell<bool>,
}

/// A wait in progress; dropping it, also by a panic of the future, ends it.
struct Entered {
    parker: Rc<Parker>,
    /// The wait around this one, if it is nested.
    outer: Option<Rc<Parker>>,
}

/// The thread's own part.
#[derive(Default)]
struct Local {
    /// The parker kept for the next wait; empty while one is running.
    spare: Cell<Option<Rc<Parker>>>,
    /// The parker of the innermost wait that is running.
    running: Cell<Option<Rc<Parker>>>,
}

thread_local! {
    static LOCAL: Local = Local::default();
}

impl Signal {
    /// Whether there was a wake-up that nobody took notice of. Reads only, so that the waking thread need not fight for the
    /// cache line.
    fn is_set(&self) -> bool {
        self.woken.load(Ordering::Relaxed)
    }

    /// Takes notice of a wake-up: true if there was one since the last time.
    fn take(&self) -> bool {
        // Acquire: what the waking thread did before it woke us is seen by the poll that follows.
        self.woken.swap(false, Ordering::Acquire)
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Release: see `take`. If the flag was set already, whoever set it unparks the thread, and
        // the poll to come reads a flag that was written by us, so it sees what we did.
        if !self.woken.swap(true, Ordering::Release) {
            self.thread.unpark();
        }
    }
}

impl Parker {
    fn new() -> Self {
        let signal = Arc::new(Signal {
            woken: AtomicBool::new(false),
            thread: thread::current(),
        });
        Self {
            waker: Waker::from(Arc::clone(&signal)),
            signal,
            limit: Cell::new(None),
            is_limited: Cell::new(false),
        }
    }
}

impl Local {
    /// Calls `f` with the innermost running parker; `f` must not start or end a wait.
    fn with_running<R>(&self, f: impl FnOnce(&Parker) -> R) -> Option<R> {
        let running = self.running.take()?;
        let result = f(&running);
        self.running.set(Some(running));
        Some(result)
    }
}

impl Entered {
    fn new(is_limited: bool) -> Self {
        let enter = |local: &Local| {
            let parker = local.spare.take().unwrap_or_else(|| Rc::new(Parker::new()));
            parker.is_limited.set(is_limited);
            let outer = local.running.replace(Some(Rc::clone(&parker)));
            Self { parker, outer }
        };
        // A wait in the destructor of a thread-local variable finds ours gone: it is on its own.
        LOCAL.try_with(enter).unwrap_or_else(|_| Self {
            parker: Rc::new(Parker::new()),
            outer: None,
        })
    }

    fn poll<F: Future + ?Sized>(&self, f: Pin<&mut F>) -> Poll<F::Output> {
        self.parker.limit.set(None);
        f.poll(&mut Context::from_waker(&self.parker.waker))
    }

    /// Sleeps up to a wake-up, to `until`, or to the limit that the last poll has noted.
    fn rest(&self, patience: Patience, until: Option<Instant>) {
        let signal = &*self.parker.signal;
        let until = match (until, self.parker.limit.get()) {
            (Some(until), Some(limit)) => Some(until.min(limit)),
            (until, limit) => until.or(limit),
        };
        patience::look(patience.0, until, || signal.is_set());
        while !signal.take() {
            match until {
                None => thread::park(),
                Some(until) => {
                    let now = clock::now();
                    if now >= until {
                        return;
                    }
                    park_timeout(until - now);
                }
            }
        }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        // If the locals are gone so are the places to put these back to.
        let _ = LOCAL.try_with(|local| {
            local.running.set(self.outer.take());
            local.spare.set(Some(Rc::clone(&self.parker)));
        });
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
