//! An operation that a behaviour polls by hand.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::thread;

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
type OnCancel<'a, T> = Box<dyn FnOnce(Boxed<'a, T>) + Send + 'a>;

/// An operation that was made and perhaps polled, to be finished, or dropped at any point.
pub struct Started<'a, T> {
    future: Option<Boxed<'a, T>>,
    polled: bool,
    on_cancel: Option<OnCancel<'a, T>>,
}

impl<'a, T> Started<'a, T> {
    /// An operation; nothing happens before the first poll.
    pub(crate) fn new(future: impl Future<Output = T> + Send + 'a) -> Self {
        Self {
            future: Some(Box::pin(future)),
            polled: false,
            on_cancel: None,
        }
    }

    /// What a broken driver does instead of dropping the operation while it waits.
    pub(crate) fn on_cancel(mut self, run: impl FnOnce(Boxed<'a, T>) + Send + 'a) -> Self {
        self.on_cancel = Some(Box::new(run));
        self
    }
}

impl<T: Send> Started<'_, T> {
    /// Polls it once with this waker.
    ///
    /// On a thread of its own: a driver may let others run first where much was polled already, as on the thread of an executor.
    pub fn poll_with(&mut self, waker: &Waker) -> Poll<T> {
        let poll = || Pin::new(self).poll(&mut Context::from_waker(waker));
        let polled = thread::scope(|scope| scope.spawn(poll).join());
        polled.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Polls it once; nobody is woken.
    pub fn poll_once(&mut self) -> Poll<T> {
        self.poll_with(Waker::noop())
    }
}

impl<T> Future for Started<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.polled = true;
        let future = self
            .future
            .as_mut()
            .expect("an operation that is ready is not polled again");
        let polled = future.as_mut().poll(cx);
        if polled.is_ready() {
            self.future = None;
        }
        polled
    }
}

impl<T> Drop for Started<'_, T> {
    fn drop(&mut self) {
        if let (true, Some(future), Some(run)) =
            (self.polled, self.future.take(), self.on_cancel.take())
        {
            run(future);
        }
    }
}
