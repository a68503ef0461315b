//! The contract between [bookdrop](https://docs.rs/bookdrop) and whatever keeps its events elsewhere, as bytes.
//!
//! A driver in memory moves values. Every other driver is a [`Backend`], which moves [`Record`]s: what the driver has to
//! know of an event, and its content as bytes. Programs use `bookdrop`; this crate is for authors of backends.
//!
//! # Futures
//!
//! The futures of a backend are polled by the user's task or thread, on any executor or none. So one that needs a runtime of
//! its own keeps a thread for it, and its futures wait for that thread; [`telling`] is for these. Each acts at its first poll.
//! What dropping it later means is said at each method: where it says *goes on*, what was begun is carried out all the same,
//! and only nobody hears how it ended.

#![forbid(unsafe_code)]

mod backend;
mod capabilities;
mod dead;
mod delivery;
mod error;
mod outgoing;
mod record;
mod request;
mod stats;
pub mod telling;

pub use backend::{Backend, NotFetched, NotPublished, Place, Progress, Reader, Wait};
pub use capabilities::Capabilities;
pub use dead::{Dead, DeadReason, Letters};
pub use delivery::{Fetched, Receipt, Settled, Settlement};
pub use error::{Error, ErrorKind};
pub use outgoing::Outgoing;
pub use record::Record;
pub use request::{Asking, Unanswered, Why};
pub use stats::Stats;
