//! Polling by hand: an executor would bring instructions of its own.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

/// Who was ready many times in a row is pending for once, or for some polls, to let others run.
const POLLS: usize = 10;

/// Polls once.
#[inline]
pub(crate) fn once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The output of a future that has nothing to wait for.
#[inline]
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    for _ in 0..POLLS {
        if let Poll::Ready(output) = once(future.as_mut()) {
            return output;
        }
    }
    panic!("a hot path waits for nobody")
}
