//! The in-process machinery of [bookdrop](https://docs.rs/bookdrop): a bounded queue of events, replies, a deadline
//! timer and the waiting of threads. Programs use `bookdrop`; this crate is for its drivers.
//!
//! - [`Queue`]: bounded, with groups, keys, priority, delays, attempts, dead letters, requests and their answers.
//! - [`Lender`] and [`Loan`]: what a consumer shares with its deliveries.
//! - [`timer`]: the one thread that knows when a deadline has come.
//! - [`park`]: ends a future on a plain thread.
//!
//! It depends on nothing but the standard library. Its unsafe code lies in four files: `lock.rs`, `loan.rs`, `prefetch.rs` and
//! `recycled.rs`.

#![deny(unsafe_code)]

pub mod clock;
mod effects;
mod item;
#[allow(unsafe_code)] // A value that many threads read, and the last one frees.
mod loan;
#[cfg_attr(any(loom, shuttle), allow(dead_code))]
#[allow(unsafe_code)] // The value inside the lock.
mod lock;
mod machine;
mod note;
pub mod park;
#[allow(unsafe_code)] // An instruction that the language has no word for.
mod prefetch;
mod queue;
#[allow(unsafe_code)] // A body of any type in memory of no type.
mod recycled;
mod slab;
mod stats;
mod sync;
pub mod timer;

#[cfg(loom)]
pub use lock::LockForModel;

pub use item::{Cause, DeadReason, Item, Room, Standing};
pub use loan::{Lender, Lending, Loan};
pub use machine::{Backoff, CallId, Dead, GroupId, Hand, Limits, MAX_PRIORITY, Past, Spot, Taken};
pub use note::Note;
pub use prefetch::prefetch;
pub use queue::{
    Asking, DEFAULT_GROUP, Hold, NotExpress, OnFull, Over, Queue, Reader, Refusal, Refused, Seat,
    Waited, Waiting, Working,
};
pub use recycled::{Block, Recycle, Recycled};
pub use slab::Ticket;
pub use stats::{Counters, Depths};
