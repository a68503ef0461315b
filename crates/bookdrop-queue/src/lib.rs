//! The in-process machinery of [bookdrop](https://docs.rs/bookdrop): a bounded queue of events, a reply slot, a deadline
//! timer and the waiting of threads. Programs use `bookdrop`; this crate is for its drivers.
//!
//! - [`Queue`]: bounded, with groups, keys, priority, delays, attempts and dead letters.
//! - [`ReplySlot`]: one answer from the one who works to the one who waits.
//! - [`timer`]: the one thread that knows when a deadline has come.
//! - [`park`]: ends a future on a plain thread.
//!
//! It depends on nothing but the standard library, and has no unsafe code.

#![forbid(unsafe_code)]

pub mod clock;
mod effects;
mod item;
mod machine;
pub mod park;
mod queue;
mod reply;
mod slab;
mod stats;
mod sync;
pub mod timer;

pub use item::{Cause, DeadReason, Item, Standing};
pub use machine::{Backoff, Dead, GroupId, Limits, MAX_PRIORITY, Taken};
pub use queue::{DEFAULT_GROUP, OnFull, Over, Queue, Reader, Refusal, Refused, Sending, Waiting};
pub use reply::{ReplySlot, ToWake};
pub use slab::Ticket;
pub use stats::{Counters, Depths};
