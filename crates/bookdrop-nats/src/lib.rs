//! The driver of [bookdrop](https://docs.rs/bookdrop) that keeps its queue in NATS JetStream.
//!
//! - [`Journal`](journal::Journal): the journal of a queue, in a stream of the server. One driver at a time writes it.
//! - [`Server`]: how the server is reached.

#![forbid(unsafe_code)]

mod api;
mod error;
pub mod journal;
mod link;
mod names;
mod options;
mod server;

pub use options::Options;
pub use server::Server;
