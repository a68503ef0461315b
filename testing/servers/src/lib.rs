//! Real servers for the tests of drivers: started on a free port of the loopback interface, over data of their own, killed as
//! the machine might kill them, and started again.
//!
//! A [`Proxy`] stands between a client and a server and does what networks do.
//!
//! A server never outlives the test process, however that ends. Only Unix has the means for this, so elsewhere the crate is
//! empty.

#![forbid(unsafe_code)]
#![cfg(unix)]

mod command;
mod left_out;
mod nats;
mod no_server;
mod postgres;
mod proxy;
mod server;
mod watched;

pub use left_out::is_left_out;
pub use nats::{Nats, nats};
pub use no_server::NoServer;
pub use postgres::{Postgres, postgres};
pub use proxy::{Direction, Proxy};
