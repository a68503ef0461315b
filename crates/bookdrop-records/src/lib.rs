//! A queue of records, as a backend of [bookdrop](https://docs.rs/bookdrop): what drivers have in common that keep the whole queue
//! in one process while it is open, and write down somewhere what happens to it. Programs use `bookdrop`; this crate is for its
//! drivers.
//!
//! - [`Records`]: the backend, over a [`Store`] or in memory.
//! - [`Entry`] and [`Event`]: an item of the queue, and what its copies in all groups share.
//! - [`Ledger`]: hears what happens, under the queue's lock. [`Store`]: says what of it survives.

#![forbid(unsafe_code)]

mod entry;
mod event;
mod in_memory;
mod reason;
mod records;
mod store;

pub use entry::Entry;
pub use event::Event;
pub use in_memory::{InMemory, Nowhere};
pub use reason::{known_reason, told_reason};
pub use records::{HandOver, Holder, InHand, Records, Until, seed};
pub use store::{Ledger, Store, Unread};
