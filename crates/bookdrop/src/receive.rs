//! Receives under way.

use bookdrop_queue::NotExpress;
use bookdrop_queue::park::Patience;
use serde_json::Value;
use std::fmt;
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::consumer::Consumer;
use crate::delivery::Delivery;
use crate::error::{ReceiveError, TryReceiveError};
use crate::operation::{Wait, waits_on_threads};
use crate::turn;

/// The wait for an event; made by [`Consumer::receive`].
///
/// Dropped before it is ready, it has taken no event.
///
/// ```
/// # use std::time::Duration;
/// # use bookdrop::{Consumer, Driver, TimedOut};
/// let library: Driver = Driver::memory(10);
/// let mut b = Consumer::new(&library);
/// let mut receive = b.receive();
/// assert_eq!(receive.wait_for(Duration::from_millis(1)).unwrap_err(), TimedOut);
/// ```
#[must_use = "a receive does nothing unless it is awaited or waited for"]
pub struct Receive<'a, T = (), R = Value> {
    consumer: &'a mut Consumer<T, R>,
}

waits_on_threads!(Receive);

impl<T, R> Wait for Receive<'_, T, R> {
    fn patience(&self) -> Patience {
        self.consumer.patience()
    }

    #[inline]
    fn attempt(&mut self) -> ControlFlow<Option<Self::Output>> {
        match self.consumer.receive_express() {
            Ok(delivery) => ControlFlow::Break(Some(Ok(delivery))),
            // One whose requester waits does not pause, nor does one try again past another that waits.
            Err(NotExpress::HasToWait) if !self.consumer.serves() => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(None),
        }
    }
}

impl<'a, T, R> Receive<'a, T, R> {
    #[inline]
    pub(crate) fn new(consumer: &'a mut Consumer<T, R>) -> Self {
        Receive { consumer }
    }
}

impl<T, R> Future for Receive<'_, T, R> {
    type Output = Result<Delivery<T, R>, ReceiveError>;

    // Where it is used: a delivery that is handed back through memory costs more than the rest of a receive.
    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(turn::poll_go_on(cx, &*self.consumer));
        match self.consumer.receive_express() {
            Ok(delivery) => Poll::Ready(Ok(delivery)),
            Err(known) => {
                // Apart, so that the usual way needs no memory.
                let mut found = None;
                let poll = self.poll_any(cx, known, &mut found);
                poll.map(|result| result.and_then(|()| found.ok_or(ReceiveError::Closed)))
            }
        }
    }
}

impl<T, R> Receive<'_, T, R> {
    #[inline(never)]
    fn poll_any(
        &mut self,
        cx: &mut Context<'_>,
        known: NotExpress,
        found: &mut Option<Delivery<T, R>>,
    ) -> Poll<Result<(), ReceiveError>> {
        let mut into = |delivery| *found = Some(delivery);
        self.consumer.poll_receive(1, cx, known, &mut into)
    }
}

impl<T, R> Drop for Receive<'_, T, R> {
    #[inline]
    fn drop(&mut self) {
        self.consumer.stop_waiting();
    }
}

impl<T, R> fmt::Debug for Receive<'_, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receive").finish_non_exhaustive()
    }
}

/// A look for an event; made by [`Consumer::try_receive`].
///
/// In memory it is ready at its first poll. Dropped before it is ready, it has taken no event.
///
/// ```
/// # use bookdrop::{Consumer, Driver};
/// # futures_lite::future::block_on(async {
/// let library: Driver = Driver::memory(10);
/// assert!(Consumer::new(&library).try_receive().await.is_err(), "there is nothing");
/// # });
/// ```
#[must_use = "a receive does nothing unless it is awaited or waited for"]
pub struct TryReceive<'a, T = (), R = Value> {
    consumer: &'a mut Consumer<T, R>,
}

waits_on_threads!(TryReceive);

impl<T, R> Wait for TryReceive<'_, T, R> {
    fn patience(&self) -> Patience {
        self.consumer.patience()
    }
}

impl<'a, T, R> TryReceive<'a, T, R> {
    pub(crate) fn new(consumer: &'a mut Consumer<T, R>) -> Self {
        TryReceive { consumer }
    }
}

impl<T, R> Future for TryReceive<'_, T, R> {
    type Output = Result<Delivery<T, R>, TryReceiveError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.consumer.poll_try_receive(cx)
    }
}

impl<T, R> Drop for TryReceive<'_, T, R> {
    fn drop(&mut self) {
        self.consumer.stop_waiting();
    }
}

impl<T, R> fmt::Debug for TryReceive<'_, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TryReceive").finish_non_exhaustive()
    }
}

/// The wait for some events; made by [`Consumer::receive_batch`].
///
/// Dropped before it is ready, it has taken no event.
///
/// ```
/// # use bookdrop::{Consumer, Driver, Event, Producer};
/// # futures_lite::future::block_on(async {
/// # let library: Driver = Driver::memory(10);
/// Producer::new(&library).send(Event::new("S")).await?;
/// let books = Consumer::new(&library).receive_batch(10).await?;
/// assert_eq!(books.len(), 1); // what is there, not 10
/// # Ok::<(), bookdrop::Error>(()) }).unwrap();
/// ```
#[must_use = "a receive does nothing unless it is awaited or waited for"]
pub struct ReceiveBatch<'a, T = (), R = Value> {
    consumer: &'a mut Consumer<T, R>,
    max: usize,
}

waits_on_threads!(ReceiveBatch);

impl<T, R> Wait for ReceiveBatch<'_, T, R> {
    fn patience(&self) -> Patience {
        self.consumer.patience()
    }
}

impl<'a, T, R> ReceiveBatch<'a, T, R> {
    pub(crate) fn new(consumer: &'a mut Consumer<T, R>, max: usize) -> Self {
        ReceiveBatch {
            consumer,
            max: max.max(1),
        }
    }
}

impl<T, R> Future for ReceiveBatch<'_, T, R> {
    type Output = Result<Vec<Delivery<T, R>>, ReceiveError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(turn::poll_go_on(cx, &*self.consumer));
        let (max, mut found) = (self.max, Vec::new());
        let mut into = |delivery| found.push(delivery);
        let poll = self
            .consumer
            .poll_receive(max, cx, NotExpress::Unknown, &mut into);
        poll.map(|result| result.map(|()| found))
    }
}

impl<T, R> Drop for ReceiveBatch<'_, T, R> {
    fn drop(&mut self) {
        self.consumer.stop_waiting();
    }
}

impl<T, R> fmt::Debug for ReceiveBatch<'_, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveBatch")
            .field("max", &self.max)
            .finish_non_exhaustive()
    }
}
