//! Waiting for an instant, inside another future.

use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Instant;

use bookdrop_queue::timer::{Alarm, Armed, Timer};
use bookdrop_queue::{ReplySlot, clock, park};

/// Polls again at an instant: on a thread that waits for us by a limit on its park, else by the timer.
pub(crate) struct Deadline {
    at: Instant,
    armed: Option<Armed>,
}

impl Deadline {
    pub(crate) fn new(at: Instant) -> Self {
        Deadline { at, armed: None }
    }

    /// Whether the instant has come; if not, `alarm` rings then, unless the thread looks by itself.
    pub(crate) fn has_passed(
        &mut self,
        cx: &Context<'_>,
        alarm: impl FnOnce() -> Weak<dyn Alarm>,
    ) -> bool {
        if clock::now() >= self.at {
            return true;
        }
        if self.armed.is_none() && !park::park_limit(cx.waker(), self.at) {
            self.armed = Some(Timer::global().arm(self.at, alarm()));
        }
        false
    }
}

/// A deadline with a bell of its own.
pub(crate) struct Limit {
    deadline: Deadline,
    bell: Arc<ReplySlot<()>>,
}

impl Limit {
    pub(crate) fn new(at: Instant) -> Self {
        Limit {
            deadline: Deadline::new(at),
            bell: Arc::new(ReplySlot::new()),
        }
    }

    /// Ready when the instant has come.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Nobody answers: the slot holds the waker for the alarm.
        let _ = self.bell.poll(cx);
        let bell = &self.bell;
        let alarm = || -> Weak<dyn Alarm> { Arc::<ReplySlot<()>>::downgrade(bell) };
        match self.deadline.has_passed(cx, alarm) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}
