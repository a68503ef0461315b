//! Events, a queue, a consumer and, where it is asked for, a reply within a deadline.
//!
//! ```
//! use bookdrop::{Consumer, Driver, Event, Producer};
//!
//! # futures_lite::future::block_on(async {
//! let library: Driver = Driver::memory(100); // the driver holds the queue
//! let a = Producer::new(&library);
//! let mut b = Consumer::new(&library);
//!
//! // A puts book S into the library
//! a.send(Event::new("S").with_header("title", "hello world").with_value("pages", 120)).await?;
//!
//! // B picks it up when B has time
//! let book = b.receive().await?;
//! println!("{:?}", book.header("title"));
//! book.ack().await?;
//! # Ok::<(), bookdrop::Error>(()) }).unwrap();
//! ```
//!
//! Where A wants an answer, A asks, and waits at most so long:
//!
//! ```
//! # use std::time::Duration;
//! # use bookdrop::{Consumer, Driver, Event, Producer};
//! # futures_lite::future::block_on(async {
//! # let library: Driver = Driver::memory(100);
//! # let a = Producer::new(&library);
//! # let mut b = Consumer::new(&library);
//! let asking = a.request(Event::new("S"), Duration::from_secs(2 * 60 * 60));
//! let answering = async {
//!     let book = b.receive().await?;
//!     // Not begun at all when A has given up.
//!     book.reply_with(async |book| Ok(format!("{} is as good as new", book.name()).into())).await?;
//!     Ok::<(), bookdrop::Error>(())
//! };
//! # let (state, answered) = futures_lite::future::zip(asking, answering).await;
//! # answered?;
//! assert_eq!(state?, "S is as good as new");
//! # Ok::<(), bookdrop::Error>(()) }).unwrap();
//! ```
//!
//! - An [`Event`] has a name, headers, values and a typed body, which is moved and, in memory, never serialized.
//! - A [`Driver`] holds one bounded queue of events. It is a queue, not a channel: dropping producers or consumers closes nothing.
//! - A [`Producer`] sends, or sends and waits for the reply.
//! - A [`Consumer`] receives a [`Delivery`], which is settled exactly once, or comes back.
//! - A [`Worker`] does so for you, and calls a handler for each event.
//!
//! # Drivers
//!
//! | made by | events | when the process ends |
//! |---|---|---|
//! | [`Driver::memory`], [`Driver::builder`] | are moved, and may be of any type that is `Send` | are gone |
//! | [`Driver::open`] with `disk:` and a folder | are written down, by serde | are there when the folder is opened again |
//! | [`Driver::open`] with `postgres:` or `nats:` and a server | are written down, by serde | are at the server, for all processes |
//! | [`Driver::new`], [`Driver::with_codec`] | are written down, by serde | are where the backend keeps them |
//!
//! [`disk_address`] makes the address of a path. [`Driver::open`] opens memory by its address as well. All of them are used in the same way; what one of them can do its
//! [`capabilities`](Driver::capabilities) say. What can fail outside of the program fails with a [`BackendError`].
//!
//! # Features
//!
//! On by default: `open` for addresses; `disk`, on Unix; `message-pack`, a codec beside JSON; `worker`, for handlers. Not on by default: `postgres` and
//! `nats`, the drivers in PostgreSQL and in NATS.
//!
//! # Async and threads
//!
//! Every operation is a future that acts at its first poll, but for sends and receives that let other tasks run first: see
//! [`Consumer::receive`]. Await it on any executor; on a plain thread end it with
//! `.wait()`, `.wait_for(duration)` or `.wait_until(instant)`. No runtime has to be running, not even for deadlines and
//! delays. Every future says what dropping it means.
//!
//! # Guarantees
//!
//! At least once by default: a delivery that is dropped unsettled comes back. First in, first out; with keys in order per
//! key. A request has one deadline and at most one reply, and work is never begun for those who have given up. Every queue
//! and every buffer has a named bound.

#![forbid(unsafe_code)]

#[cfg(feature = "open")]
mod address;
mod answer;
mod backed;
mod builder;
mod consumer;
mod dead_letters;
mod deadline;
mod delivery;
mod driver;
mod error;
mod event;
mod failure;
mod home;
pub mod limits;
mod memory;
mod operation;
mod producer;
mod receive;
mod reply;
mod request;
mod seat;
mod send;
mod turn;
#[cfg(feature = "worker")]
mod worker;

/// The futures that the methods of producers and consumers return: to be awaited on any executor, or waited for on a plain
/// thread. They stand apart so that `use bookdrop::*` does not hide the trait `Send`.
pub mod operations {
    #[cfg(feature = "open")]
    pub use crate::driver::open::Open;
    pub use crate::receive::{Receive, ReceiveBatch, TryReceive};
    pub use crate::request::Request;
    pub use crate::send::{Send, SendBatch, TrySend};
}

#[cfg(feature = "open")]
pub use address::disk_address;
pub use answer::Answer;
pub use backed::Codec;
pub use builder::Builder;
pub use consumer::Consumer;
pub use dead_letters::{DeadLetter, DeadLetterId, DeadLetters};
pub use delivery::Delivery;
#[cfg(feature = "open")]
pub use driver::open::Damage;
pub use driver::{DrainReport, Driver, Left};
pub use error::{
    Error, ErrorKind, InvalidDeadLetterId, InvalidGroup, ReceiveError, RequestError,
    RequestErrorKind, SendBatchError, SendError, SendErrorKind, SettleError, SettleErrorKind,
    TimedOut, TryReceiveError,
};
#[cfg(feature = "open")]
pub use error::{OpenError, OpenErrorKind};
pub use event::{Event, InvalidEvent};
pub use failure::Failure;
pub use operation::Operation;
pub use producer::Producer;
pub use reply::Reply;
#[cfg(feature = "worker")]
pub use worker::{
    Blocking, Done, Handler, Outcome, Retry, Retrying, WorkReport, Worker, WorkerHandle, blocking,
    retrying,
};

pub use bookdrop_backend::{
    Capabilities, Error as BackendError, ErrorKind as BackendErrorKind, Outgoing, Stats,
};
pub use bookdrop_queue::{DeadReason, OnFull};
pub use serde_json::Value;

/// The samples of the readme compile and run, in both languages.
#[cfg(doctest)]
mod readme {
    #[doc = include_str!("../../../README.md")]
    mod english {}

    #[doc = include_str!("../../../README.zh-CN.md")]
    mod chinese {}
}
