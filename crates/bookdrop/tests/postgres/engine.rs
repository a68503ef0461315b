//! The server of these tests: PostgreSQL.

pub(crate) use bookdrop_test_servers::Postgres as Server;

use crate::server::Library;

/// The feature of the driver.
pub(crate) const NAME: &str = "postgres";
/// What a driver is opened with whose network fails.
pub(crate) const OPTIONS: &str = "capacity=20&tcp_user_timeout=2";

/// Whether only the server knows what became of a request.
pub(crate) const ASKS_THE_SERVER: bool = true;

/// The server that tests share which do not kill it.
pub(crate) fn shared() -> &'static Server {
    bookdrop_test_servers::postgres()
}

pub(crate) fn is_left_out() -> bool {
    bookdrop_test_servers::is_left_out(NAME)
}

pub(crate) fn address(url: &str, queue: &str, options: &str) -> String {
    format!("{url}?queue={queue}&{options}")
}

/// Whether a driver knows that the server cannot be reached. Whatever asks it ends with the driver's patience then.
pub(crate) fn is_away(library: &Library) -> bool {
    library.stats().wait().is_err()
}
