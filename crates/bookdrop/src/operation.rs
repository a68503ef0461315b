//! Futures that can also be waited for on a plain thread.

use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bookdrop_queue::clock;
use bookdrop_queue::park::{self, Patience};
use pin_project_lite::pin_project;

use crate::error::TimedOut;

pin_project! {
    /// An operation under way: await it on any executor, or end it with [`wait`](Operation::wait),
    /// [`wait_for`](Operation::wait_for) or [`wait_until`](Operation::wait_until) on a plain thread.
    ///
    /// It acts when it is first polled. Dropped before that, it has done nothing; each method that returns one says
    /// what dropping it later means.
    ///
    /// ```
    /// use bookdrop::Driver;
    ///
    /// let library: Driver = Driver::memory(10);
    /// assert_eq!(library.stats().wait()?.queued, 0);
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    #[must_use = "an operation does nothing unless it is awaited or waited for"]
    pub struct Operation<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Operation<F> {
    #[inline]
    pub(crate) fn new(future: F) -> Self {
        Operation { future }
    }

    /// The future inside.
    #[cfg(feature = "open")]
    pub(crate) fn inner_mut(&mut self) -> &mut F
    where
        F: Unpin,
    {
        &mut self.future
    }

    /// Waits on this thread until it is done.
    ///
    /// It blocks the thread; in async code, await the operation instead. The thread looks for the end for some 50
    /// microseconds before it is parked.
    ///
    /// ```
    /// # use bookdrop::Driver;
    /// # let library: Driver = Driver::memory(10);
    /// library.close().wait()?;
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    pub fn wait(self) -> F::Output {
        park::wait(self.future)
    }

    /// Waits on this thread, at most so long; then the operation is dropped.
    ///
    /// # Errors
    /// [`TimedOut`] when it was not done by then.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use bookdrop::{Consumer, Driver, Event, Producer};
    /// # let library: Driver = Driver::memory(10);
    /// # let mut b = Consumer::new(&library);
    /// # Producer::new(&library).send(Event::new("S")).wait()?;
    /// let in_hand = b.receive().wait()?;
    /// let drain = library.drain(Duration::from_secs(60));
    /// assert!(drain.wait_for(Duration::from_millis(1)).is_err(), "it waits for what is in hand");
    /// # Ok::<(), bookdrop::Error>(())
    /// ```
    #[doc(alias = "ctx")]
    pub fn wait_for(self, limit: Duration) -> Result<F::Output, TimedOut> {
        self.wait_until(clock::after(clock::now(), limit))
    }

    /// Waits on this thread, until this instant at most; then the operation is dropped.
    ///
    /// # Errors
    /// [`TimedOut`] when it was not done by then.
    ///
    /// ```
    /// # use std::time::Instant;
    /// # use bookdrop::Driver;
    /// # let library: Driver = Driver::memory(10);
    /// // What is ready at once is never too late.
    /// assert!(library.stats().wait_until(Instant::now()).is_ok());
    /// ```
    #[doc(alias = "ctx")]
    pub fn wait_until(self, limit: Instant) -> Result<F::Output, TimedOut> {
        park::wait_until(std::pin::pin!(self.future), limit).ok_or(TimedOut)
    }
}

impl<F: Future> Future for Operation<F> {
    type Output = F::Output;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

/// An operation that a plain thread can wait for.
pub(crate) trait Wait: Future + Unpin {
    /// That of its driver.
    fn patience(&self) -> Patience;

    /// Tries to end it without a waker. `Continue`: it may help to try again. `Break(None)`: the operation has to be polled.
    fn attempt(&mut self) -> ControlFlow<Option<Self::Output>> {
        ControlFlow::Break(None)
    }
}

#[inline]
pub(crate) fn wait<O: Wait>(mut operation: O) -> O::Output {
    let patience = operation.patience();
    let done = patience.attempt(None, || operation.attempt());
    done.flatten().unwrap_or_else(|| patience.wait(operation))
}

pub(crate) fn wait_until<O: Wait>(
    operation: &mut O,
    limit: Instant,
) -> Result<O::Output, TimedOut> {
    let patience = operation.patience();
    let done = patience.attempt(Some(limit), || operation.attempt());
    let done = done.flatten();
    done.or_else(|| patience.wait_until(Pin::new(operation), limit))
        .ok_or(TimedOut)
}

/// Gives an operation with a name of its own the three ways to [`Wait`]. Where the wait has a limit, the operation is still there
/// afterwards.
macro_rules! waits_on_threads {
    ($name:ident) => {
        impl<T, R> $name<'_, T, R> {
            /// Waits on this thread until it is done.
            ///
            /// It blocks the thread; in async code, await the operation instead. Before the thread is parked it looks for the
            /// end for a while; see [`Builder::spin`](crate::Builder::spin).
            ///
            /// ```
            /// # use bookdrop::{Driver, Event, Producer};
            /// # let library: Driver = Driver::memory(10);
            /// Producer::new(&library).send(Event::new("S")).wait()?;
            /// # Ok::<(), bookdrop::Error>(())
            /// ```
            pub fn wait(self) -> <Self as std::future::Future>::Output {
                crate::operation::wait(self)
            }

            /// Waits on this thread, at most so long. The operation is still there afterwards: wait on, or drop it.
            ///
            /// # Errors
            /// [`TimedOut`](crate::TimedOut) when it was not done by then.
            ///
            /// ```
            /// # use std::time::Duration;
            /// # use bookdrop::{Consumer, Driver, TimedOut};
            /// # let library: Driver = Driver::memory(10);
            /// # let mut b = Consumer::new(&library);
            /// let mut receive = b.receive();
            /// while let Err(TimedOut) = receive.wait_for(Duration::from_millis(1)) {
            ///     println!("still nothing");
            ///     # break;
            /// }
            /// ```
            #[doc(alias = "ctx")]
            pub fn wait_for(
                &mut self,
                limit: std::time::Duration,
            ) -> Result<<Self as std::future::Future>::Output, crate::TimedOut> {
                self.wait_until(bookdrop_queue::clock::after(
                    bookdrop_queue::clock::now(),
                    limit,
                ))
            }

            /// Waits on this thread, until this instant at most. The operation is still there afterwards: wait on, or
            /// drop it.
            ///
            /// # Errors
            /// [`TimedOut`](crate::TimedOut) when it was not done by then.
            ///
            /// ```
            /// # use std::time::Instant;
            /// # use bookdrop::{Driver, Event, Producer};
            /// # let library: Driver = Driver::memory(10);
            /// # let a = Producer::new(&library);
            /// // What is ready at once is never too late.
            /// assert!(a.send(Event::new("S")).wait_until(Instant::now()).is_ok());
            /// ```
            #[doc(alias = "ctx")]
            pub fn wait_until(
                &mut self,
                limit: std::time::Instant,
            ) -> Result<<Self as std::future::Future>::Output, crate::TimedOut> {
                crate::operation::wait_until(self, limit)
            }
        }
    };
}
pub(crate) use waits_on_threads;
