//! The driver of [bookdrop](https://docs.rs/bookdrop) that keeps its queue in PostgreSQL, where any number of processes share it.
//!
//! - [`Postgres`]: the backend.
//! - [`Server`]: the server and the way to it, with or without TLS.
//! - [`Options`]: the bounds of the queue, the lease, and how long to wait for a server that cannot be reached.
//!
//! What lies in the database is in the schema `bookdrop`, and readable: `src/schema.sql` is all of it.

#![forbid(unsafe_code)]

mod abandoned;
mod asks;
mod backend;
mod commands;
mod counters;
mod desk;
mod error;
mod hands;
mod link;
mod opening;
mod options;
mod outgoing;
mod round;
mod schema;
mod server;
mod shared;
mod shipping;
mod sql;
mod warnings;

pub use backend::Postgres;
pub use options::Options;
pub use server::Server;
