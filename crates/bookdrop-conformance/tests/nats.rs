//! The driver in NATS does what every driver must do.

#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{env, fs, process};

use bookdrop::Driver;
use bookdrop_conformance::{Book, Condition, Setup};

/// Opens the queue of this name, on the server of this test process.
fn open(setup: &Setup) -> Driver<Book, Condition> {
    let (server, name, options) = (server(), &setup.name, setup.options());
    let opened = Driver::open(format!("{server}/{name}?lease=8s&{options}")).wait();
    opened.expect("the queue can be opened")
}

/// The server of this test process, or of the one that started it to play a part.
fn server() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        if env::var_os("BOOKDROP_OTHER_PROCESS").is_some() {
            let note = note_of(std::os::unix::process::parent_id());
            return fs::read_to_string(note).expect("whoever started this process has a server");
        }
        let url = bookdrop_test_servers::nats().url();
        let note = note_of(process::id());
        fs::write(note, &url).expect("the processes of the suite are told where the server is");
        url
    })
}

/// Where a process says which server it has.
fn note_of(process: u32) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("nats-of-{process}"))
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
