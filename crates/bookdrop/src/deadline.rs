//! Waiting for an instant, inside another future.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bookdrop_queue::timer::{Alarm, Armed, Timer};
use bookdrop_queue::{clock, park};

/// Ready at an instant: a thread that waits for us looks at the clock by itself, anybody else is woken by the timer.
pub(crate) struct Limit {
    at: Instant,
    bell: Arc<Bell>,
    armed: Option<Armed>,
}

/// Wakes whoever waits.
#[derive(Default)]
struct Bell(Mutex<Option<Waker>>);

impl Limit {
    pub(crate) fn new(at: Instant) -> Self {
        Limit {
            at,
            bell: Arc::default(),
            armed: None,
        }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let waker = cx.waker().clone();
        drop(self.bell.hang(Some(waker)));
        if clock::now() >= self.at {
            return Poll::Ready(());
        }
        if self.armed.is_none() && !park::park_limit(cx.waker(), self.at) {
            let bell: Weak<Bell> = Arc::downgrade(&self.bell);
            self.armed = Some(Timer::global().arm(self.at, bell));
        }
        Poll::Pending
    }
}

impl Bell {
    /// Puts a waker in place of the one that is there. No waker is called or dropped under the lock.
    fn hang(&self, waker: Option<Waker>) -> Option<Waker> {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut place, waker)
    }
}

impl Alarm for Bell {
    fn ring(&self) {
        self.hang(None).into_iter().for_each(Waker::wake);
    }
}
