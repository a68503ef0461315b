//! The layer between the behaviours and the driver.
//!
//! It does two things. Its thin methods end every operation with `.await` or, on plain threads, with `.wait()`; and
//! they are the place where a [`Fault`](crate::Fault) can be planted. Errors keep what the library gave back.

mod consumer;
mod delivery;
mod driver;
mod producer;
mod restart;
mod started;
mod worker;

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use bookdrop::{Event, Failure, SettleErrorKind};
use futures_timer::Delay;

pub use consumer::RigConsumer;
pub use delivery::{RigDelivery, RigReply};
pub use driver::{Drained, RigDriver};
pub use producer::{Requesting, RigProducer, Sending};
pub use restart::RigQueue;
pub use started::Started;
pub use worker::{RigWorker, Stopper, Working};

use crate::{Book, Context};

/// Ends an operation: with `.wait()` on plain threads, else with `.await` within the suite's patience.
macro_rules! finish {
    ($ctx:expr, $operation:expr) => {
        match $operation {
            operation if $ctx.blocking() => Ok(operation.wait()),
            operation => $crate::rig::awaited(&$ctx, operation).await,
        }
    };
}
pub(crate) use finish;

/// An operation that did not end within the suite's patience.
#[derive(Debug)]
pub(crate) struct Stuck;

/// Awaits an operation of the driver, within the suite's patience.
pub(crate) async fn awaited<F: Future>(ctx: &Context, operation: F) -> Result<F::Output, Stuck> {
    let mut operation = pin!(operation);
    let mut limit: Option<Delay> = None;
    poll_fn(|cx| {
        // The limit comes first: an operation that is ready only now was not woken when it should have been.
        if limit
            .as_mut()
            .is_some_and(|limit| Pin::new(limit).poll(cx).is_ready())
        {
            return Poll::Ready(Err(Stuck));
        }
        if let Poll::Ready(output) = ctx.plan().poll(operation.as_mut(), cx) {
            return Poll::Ready(Ok(output));
        }
        if !ctx.limited() {
            return Poll::Pending;
        }
        let limit = limit.get_or_insert_with(|| Delay::new(ctx.patience()));
        Pin::new(limit).poll(cx).map(|()| Err(Stuck))
    })
    .await
}

/// Why an event was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// The queue is full.
    Full,
    /// The driver is closed.
    Closed,
    /// The event breaks a limit.
    Invalid,
    /// Neither sent nor refused within the suite's patience.
    Stuck,
}

/// A `send` that was refused, and the event it gave back.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub why: NotSent,
    /// What it gave back.
    pub event: Option<Event<Book>>,
}

/// Why a request has no reply.
#[derive(Clone, Debug)]
pub enum NoReply {
    /// The handler answered with an error, or nobody will ever answer.
    Failed(Failure),
    /// The deadline passed.
    Deadline,
    /// There is no consumer.
    NoConsumer,
    /// The driver is closed.
    Closed,
    /// The queue is full.
    Full,
    /// The event breaks a limit.
    Invalid,
    /// No end within the suite's patience.
    Stuck,
}

/// A request without a reply, and the event if it was never taken.
#[derive(Debug)]
pub struct Unanswered {
    /// Why.
    pub why: NoReply,
    /// The event, where it was never taken.
    pub event: Option<Event<Book>>,
}

/// Why nothing was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReceived {
    /// The driver is closed and nothing is left to hand over.
    Closed,
    /// Nothing came within the suite's patience.
    Stuck,
}

/// Why a delivery was not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotSettled {
    /// The event is one-way, so it cannot be answered.
    NotARequest,
    /// The delivery was settled when it was handed over.
    AutoAcked,
    /// Neither settled nor refused within the suite's patience.
    Stuck,
}

impl From<&SettleErrorKind> for NotSettled {
    fn from(kind: &SettleErrorKind) -> Self {
        match kind {
            SettleErrorKind::AutoAcked => NotSettled::AutoAcked,
            _ => NotSettled::NotARequest,
        }
    }
}

/// A settlement that was refused, and the delivery it gave back.
pub struct SettleRefused {
    /// Why.
    pub why: NotSettled,
    /// What it gave back.
    pub delivery: Option<Box<RigDelivery>>,
}

impl fmt::Debug for SettleRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.why)
    }
}

macro_rules! error {
    ($name:ident, $text:literal, |$error:ident| $shown:expr) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $error = self;
                write!(f, $text, $shown)
            }
        }
        impl std::error::Error for $name {}
    };
}
error!(Refused, "not sent: {:?}", |error| error.why);
error!(Unanswered, "no reply: {:?}", |error| error.why);
error!(NotReceived, "nothing received: {:?}", |error| error);
error!(SettleRefused, "not settled: {:?}", |error| error.why);
