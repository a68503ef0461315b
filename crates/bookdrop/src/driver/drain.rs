//! The end of a driver that is to lose nothing.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bookdrop_backend::Error as BackendError;
use bookdrop_queue::{Waiting, clock};

use crate::backed::Backed;
use crate::deadline::Limit;
use crate::event::Event;
use crate::memory::Memory;

/// What a [drain](crate::Driver::drain) left.
///
/// ```
/// # use std::time::Duration;
/// # use bookdrop::{Driver, Event, Producer};
/// # let library: Driver = Driver::memory(10);
/// Producer::new(&library).send(Event::new("S")).wait()?;
/// let report = library.drain(Duration::from_secs(5)).wait()?;
/// for left in report.left {
///     println!("{} is left in group {}", left.event.name(), left.group);
/// }
/// # Ok::<(), bookdrop::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "in memory it holds the events that were left, and over a backend it says how many are still in hand"]
pub struct DrainReport<T = ()> {
    /// What was still queued or delayed, oldest first.
    pub left: Vec<Left<T>>,
    /// How many events were still in hand when the grace time ended.
    pub unfinished: usize,
}

/// An event that a [drain](crate::Driver::drain) gives back.
#[derive(Debug)]
#[non_exhaustive]
pub struct Left<T = ()> {
    /// The group it was for.
    pub group: String,
    /// How often it had been handed over.
    pub attempts: u32,
    /// The event.
    pub event: Event<T>,
}

/// Drains a driver in memory.
pub(super) async fn memory<T, R>(memory: &Memory<T, R>, grace: Duration) -> DrainReport<T> {
    memory.queue.begin_drain();
    let mut hands = EmptyHands {
        memory,
        waiting: None,
    };
    let mut limit = Limit::new(clock::after(clock::now(), grace));
    poll_fn(
        |cx| match memory.queue.poll_empty_handed(&mut hands.waiting, cx) {
            Poll::Pending => limit.poll(cx),
            ready => ready,
        },
    )
    .await;
    drop(hands);
    let (left, unfinished) = memory.queue.take_left();
    let left = left.into_iter().map(|(group, attempts, stored)| Left {
        group,
        attempts,
        event: stored.event,
    });
    DrainReport {
        left: left.collect(),
        unfinished,
    }
}

/// Waits for what is in hand, and leaves no waiter behind when the drain is dropped.
struct EmptyHands<'a, T, R> {
    memory: &'a Memory<T, R>,
    waiting: Waiting,
}

impl<T, R> Drop for EmptyHands<'_, T, R> {
    fn drop(&mut self) {
        self.memory
            .queue
            .stop_waiting_empty_handed(&mut self.waiting);
    }
}

/// Drains a driver over a backend, where what is queued stays.
pub(super) async fn backed<T, R>(
    backed: &Backed<T, R>,
    grace: Duration,
) -> Result<DrainReport<T>, BackendError> {
    let mut limit = Limit::new(clock::after(clock::now(), grace));
    let mut drain = backed.backend().drain();
    poll_fn(|cx| match Pin::new(&mut drain).poll(cx) {
        Poll::Pending => limit.poll(cx).map(Ok),
        ready => ready,
    })
    .await?;
    Ok(DrainReport {
        left: Vec::new(),
        unfinished: backed.backend().in_hand(),
    })
}
