//! Tells users what they wait for. Their wakers are foreign code, and may even wait for this very driver: so none of them runs on the
//! driver's own thread, and one that takes long is overtaken. But to wake a thread for that takes as long as to wake whoever waits: so
//! wakers of executors that are known are called at once.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Poll, RawWakerVTable, Waker};
use std::time::{Duration, Instant};
use std::{ptr, thread};

use super::promise::Promise;

/// Whoever is to be told waits so long before one more thread tells.
const OVERTAKES_AFTER: Duration = Duration::from_millis(10);
/// A thread that has nothing to tell for so long ends, if there is another one.
const IDLE: Duration = Duration::from_secs(1);
/// So many wakers may block at once.
const MAX_THREADS: usize = 64;

type Told = Box<dyn FnOnce() + Send>;

/// Tells in the order in which it was asked to, one after the other while nothing blocks; who is told at once is told before. Dropped, it
/// tells the rest.
#[derive(Default)]
pub struct Teller(Arc<Inner>);

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    bell: Condvar,
    /// What wakers do that are known not to be foreign code.
    trusted: OnceLock<Vec<&'static RawWakerVTable>>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Instant, Told)>,
    threads: usize,
    idle: usize,
    has_ended: bool,
}

impl Teller {
    /// From now on wakers that do what one of these does are called at once, on the thread of whoever [sends](Teller::send): of these it
    /// has to be known that they only have something run elsewhere. What others do is not known. Said once; later it changes nothing.
    pub fn trust(&self, like: impl IntoIterator<Item = Waker>) {
        let kinds = like.into_iter().map(|waker| waker.vtable());
        // It was said before.
        let _ = self.0.trusted.set(kinds.collect());
    }

    /// Has somebody told this soon; at once where that calls no foreign code.
    pub fn send<V: Send + 'static>(&self, told: Promise<V>, value: V) {
        let trusted = self.0.trusted.get().map_or(&[][..], Vec::as_slice);
        let may_wake = |waker: &Waker| trusted.iter().any(|kind| ptr::eq(*kind, waker.vtable()));
        // The panic hook has reported it, as below.
        let sent = catch_unwind(AssertUnwindSafe(|| told.send_if(value, may_wake)));
        if let Ok(Err((told, value))) = sent {
            self.tell(move || told.send(value));
        }
    }

    /// Has this told soon.
    pub fn tell(&self, told: impl FnOnce() + Send + 'static) {
        let mut state = self.0.lock();
        state.waiting.push_back((Instant::now(), Box::new(told)));
        match state.threads {
            0 => self.0.start(&mut state),
            _ => self.0.bell.notify_one(),
        }
    }

    /// Starts one more thread where the others are kept. Says when that has to be looked at again; whoever tells sees to that.
    pub fn overtake(&self) -> Option<Instant> {
        let mut state = self.0.lock();
        let due = state.waiting.front()?.0 + OVERTAKES_AFTER;
        if due > Instant::now() {
            return Some(due);
        }
        if state.idle == 0 && state.threads < MAX_THREADS {
            self.0.start(&mut state);
        }
        Some(Instant::now() + OVERTAKES_AFTER)
    }
}

/// The waker of whoever awaits this, to be [trusted](Teller::trust).
pub async fn own_waker() -> Waker {
    poll_fn(|cx| Poll::Ready(cx.waker().clone())).await
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.0.lock().has_ended = true;
        self.0.bell.notify_all();
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(self: &Arc<Self>, state: &mut State) {
        let inner = self.clone();
        let thread = thread::Builder::new().name("bookdrop-tell".to_owned());
        // Where no thread can be had, the others go on, and it is tried again.
        if thread.spawn(move || inner.run()).is_ok() {
            state.threads += 1;
        }
    }

    fn run(&self) {
        let mut state = self.lock();
        loop {
            if let Some((_, told)) = state.waiting.pop_front() {
                drop(state);
                // The panic hook has reported it, and the others are to be told all the same.
                let _ = catch_unwind(AssertUnwindSafe(told));
                state = self.lock();
                continue;
            }
            if state.has_ended {
                break;
            }
            state.idle += 1;
            let (woken, wait) = self
                .bell
                .wait_timeout(state, IDLE)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if wait.timed_out() && state.waiting.is_empty() && state.threads > 1 {
                break;
            }
        }
        state.threads -= 1;
    }
}
