//! The driver of [bookdrop](https://docs.rs/bookdrop) that keeps its queue in NATS JetStream. Programs use `bookdrop`, with an address
//! like `nats://host:4222/library`; this crate is for settings that no address can hold.
//!
//! - [`Server`]: how the server is reached.
//! - [`Options`]: the bounds of the queue, and [`SyncInterval`]: when the server flushes.
//! - [`open`]: the queue, as a backend.

#![forbid(unsafe_code)]

mod api;
mod bell;
mod clock;
mod error;
mod folder;
mod held;
mod journal;
mod keeper;
mod keeping;
mod link;
mod names;
mod opening;
mod options;
mod pages;
mod seeking;
mod server;
mod warnings;
mod work;

/// Options of the client library, for [`Server::with_options`].
pub use async_nats::ConnectOptions;
use bookdrop_backend::Error;
pub use bookdrop_remote::Remote as Nats;

pub use options::{Options, SyncInterval};
pub use server::Server;

/// Opens the queue of this name at a server. It is made if it is not there.
///
/// Where [`Options::sync_interval`] is not said, it warns, by [`tracing`], that what is confirmed may be lost with the power of the
/// server's machine: target `bookdrop`, level `WARN`, once for each driver. Programs that have no subscriber of `tracing`, and a logger
/// of the crate `log`, find it there.
///
/// # Errors
/// `Invalid`, for a name or options that no queue can have, or for a stream that is no queue of bookdrop, or one with another codec;
/// `Unsupported`, with the version, for a server before 2.10, or one without JetStream; `Denied`, `NoSpace`, `NewerVersion` and
/// `Io`, as the server says.
pub async fn open(server: Server, queue: &str, options: Options) -> Result<Nats, Error> {
    opening::open(server, queue, options).await
}
