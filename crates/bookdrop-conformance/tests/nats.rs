//! The driver in NATS does what every driver must do.

#![cfg(unix)]

#[path = "support/server.rs"]
mod server;

use bookdrop::Driver;
use bookdrop_conformance::{Book, Condition, Setup};

/// Opens the queue of this name, on the server of this test process.
fn open(setup: &Setup) -> Driver<Book, Condition> {
    let server = server::url(|| bookdrop_test_servers::nats().url());
    let (name, options) = (&setup.name, setup.options());
    let opened = Driver::open(format!("{server}/{name}?lease=8s&{options}")).wait();
    opened.expect("the queue can be opened")
}

/// The short form: one executor.
mod short {
    use super::*;

    bookdrop_conformance::__under_test!(open, || bookdrop_test_servers::is_left_out("nats"));
    bookdrop_conformance::__on_executor!(tokio_multi_thread, TokioMultiThread);
}

// The long form: all executors, and all at once.
bookdrop_conformance::suite!(
    long,
    open,
    unless || {
        !bookdrop_conformance::run::is_long() || bookdrop_test_servers::is_left_out("nats")
    }
);
