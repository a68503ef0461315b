//! Cooperation: who always finds what it asks for lets the other tasks of its executor run now and then.
//!
//! A send that finds room and a receive that finds an event are ready at once, so a task that does nothing else would never
//! give its thread away. After so many of them the thread *pauses*: the next one is pending, and wakes itself. They are
//! counted for each thread, since nobody can tell what is one task.
//!
//! A task may look at several at a time, as `select` does. So in a pause all of them are pending, until the one that began
//! it is polled again: only then its task has given the thread away. That one may be dropped meanwhile, so a pause ends
//! after a few polls at the latest.

use std::cell::Cell;
use std::ptr;
use std::task::{Context, Poll};

use bookdrop_queue::park;

/// So many sends and receives of one thread are ready in a row, before it pauses.
const READY_IN_A_ROW: u8 = 128;
/// So many are pending in one pause at most.
const PENDING_IN_A_PAUSE: u8 = 8;

thread_local! {
    /// How many may still be ready.
    static LEFT: Cell<u8> = const { Cell::new(READY_IN_A_ROW) };
    static PAUSE: Cell<Option<Pause>> = const { Cell::new(None) };
}

#[derive(Clone, Copy)]
struct Pause {
    begun_by: *const (),
    pending: u8,
}

/// Counts one more operation, of `who`; pending while the thread pauses.
#[inline(always)]
pub(crate) fn poll_go_on<W>(cx: &mut Context<'_>, who: &W) -> Poll<()> {
    match LEFT.with(|left| left.get().checked_sub(1).map(|less| left.set(less))) {
        Some(()) => Poll::Ready(()),
        None => poll_pause(cx, ptr::from_ref(who).cast()),
    }
}

#[cold]
fn poll_pause(cx: &mut Context<'_>, who: *const ()) -> Poll<()> {
    let pause = PAUSE.get();
    let is_over =
        pause.is_some_and(|pause| pause.begun_by == who || pause.pending == PENDING_IN_A_PAUSE);
    // A plain thread that waits has no other tasks.
    if is_over || park::is_waiting_with(cx.waker()) {
        PAUSE.set(None);
        LEFT.set(READY_IN_A_ROW - 1);
        return Poll::Ready(());
    }
    let pause = pause.unwrap_or(Pause {
        begun_by: who,
        pending: 0,
    });
    PAUSE.set(Some(Pause {
        pending: pause.pending + 1,
        ..pause
    }));
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Takes the count back of one that turned out to be pending.
pub(crate) fn uncount_if_pending<T>(poll: Poll<T>) -> Poll<T> {
    if poll.is_pending() {
        LEFT.set((LEFT.get() + 1).min(READY_IN_A_ROW));
    }
    poll
}
