//! The server of these tests: NATS.

pub(crate) use bookdrop_test_servers::Nats as Server;

use crate::server::Library;

/// The feature of the driver.
pub(crate) const NAME: &str = "nats";
/// What a driver is opened with whose network fails.
pub(crate) const OPTIONS: &str = "capacity=5";

/// Whether only the server knows what became of a request: the driver that keeps the queue does.
pub(crate) const ASKS_THE_SERVER: bool = false;

/// The server that tests share which do not kill it.
pub(crate) fn shared() -> &'static Server {
    bookdrop_test_servers::nats()
}

pub(crate) fn is_left_out() -> bool {
    bookdrop_test_servers::is_left_out(NAME)
}

pub(crate) fn address(url: &str, queue: &str, options: &str) -> String {
    format!("{url}/{queue}?{options}")
}

/// Whether a driver knows that the server cannot be reached. One that keeps the queue can be asked all the same, and others ask it.
pub(crate) fn is_away(_library: &Library) -> bool {
    true
}
