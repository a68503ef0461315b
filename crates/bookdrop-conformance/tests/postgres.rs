//! The driver in PostgreSQL does what every driver must do.

#![cfg(unix)]

use std::path::PathBuf;
use std::sync::OnceLock;
use std::{env, fs, process};

use bookdrop::{Driver, OnFull};
use bookdrop_conformance::{Book, Condition, Setup};

/// Opens the queue of this name, on the server of this test process.
fn open(setup: &Setup) -> Driver<Book, Condition> {
    let on_full = match setup.on_full {
        OnFull::Wait => "wait",
        OnFull::Reject => "reject",
        OnFull::DropOldest => "drop_oldest",
        other => panic!("{other:?} is new"),
    };
    let address = format!(
        "{}?queue={}&capacity={}&max_attempts={}&max_deliveries={}&max_delayed={}&max_dead={}\
         &retry_backoff_first={}ns&retry_backoff_max={}ns&duplicate_window={}ns&on_full={on_full}\
         &max_event_bytes={}&lease=8s",
        server(),
        setup.name,
        setup.capacity,
        setup.max_attempts,
        setup.max_deliveries,
        setup.max_delayed,
        setup.max_dead,
        setup.backoff_first.as_nanos(),
        setup.backoff_max.as_nanos(),
        setup.duplicate_window.as_nanos(),
        setup.max_event_bytes,
    );
    let opened = Driver::open(address).wait();
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
        let url = bookdrop_test_servers::postgres().url();
        let note = note_of(process::id());
        fs::write(note, &url).expect("the processes of the suite are told where the server is");
        url
    })
}

/// Where a process says which server it has.
fn note_of(process: u32) -> PathBuf {
    env::temp_dir().join(format!("bookdrop-conformance-postgres-{process}"))
}

/// The short form: one executor.
mod short {
    use super::*;

    bookdrop_conformance::__under_test!(open, || bookdrop_test_servers::is_left_out("postgres"));
    bookdrop_conformance::__on_executor!(tokio_multi_thread, TokioMultiThread);
}

// The long form: all executors, and all at once.
bookdrop_conformance::suite!(
    long,
    open,
    unless || {
        !bookdrop_conformance::run::is_long() || bookdrop_test_servers::is_left_out("postgres")
    }
);
