//! Cooperation: who always finds what it asks for lets the other tasks of its executor run now and then.
//!
//! A send that finds room and a receive that finds an event are ready at once, so a task that does nothing else would
//! never give its thread away. They are counted for each thread, since nobody can tell what is one task.

use std::cell::Cell;
use std::task::{Context, Poll};

/// So many operations of one thread are ready in a row, before one is pending for once.
const READY_IN_A_ROW: u8 = 128;

thread_local! {
    /// How many more of this thread may be ready.
    static LEFT: Cell<u8> = const { Cell::new(READY_IN_A_ROW) };
}

/// Counts one more operation, unless it is time to let others run: then it is pending, and wakes itself.
#[inline(always)]
pub(crate) fn poll_go_on(cx: &mut Context<'_>) -> Poll<()> {
    match LEFT.with(|left| left.get().checked_sub(1).map(|less| left.set(less))) {
        Some(()) => Poll::Ready(()),
        None => pause(cx),
    }
}

#[cold]
fn pause(cx: &mut Context<'_>) -> Poll<()> {
    LEFT.set(READY_IN_A_ROW);
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Watches how an operation went: while one is pending, others run anyhow.
pub(crate) fn watch<T>(poll: Poll<T>) -> Poll<T> {
    if poll.is_pending() {
        LEFT.set(READY_IN_A_ROW);
    }
    poll
}
