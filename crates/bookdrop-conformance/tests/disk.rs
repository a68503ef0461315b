//! The driver on disk does what every driver must do.

#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use bookdrop::{Driver, OnFull};
use bookdrop_conformance::{Book, Condition, Setup};
use tempfile::TempDir;

/// Where all folders of this test lie.
static FOLDERS: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

fn folder(setup: &Setup) -> PathBuf {
    FOLDERS.path().join(&setup.name)
}

fn open(folder: &Path, setup: &Setup, options: &str) -> Driver<Book, Condition> {
    let on_full = match setup.on_full {
        OnFull::Wait => "wait",
        OnFull::Reject => "reject",
        OnFull::DropOldest => "drop_oldest",
        other => panic!("{other:?} is new"),
    };
    let address = format!(
        "disk:{}?capacity={}&max_attempts={}&max_deliveries={}&max_delayed={}&max_dead={}\
         &retry_backoff_first={}ns&retry_backoff_max={}ns&duplicate_window={}ns&on_full={on_full}\
         &max_event_bytes={}&segment_bytes={}&{options}",
        folder.display(),
        setup.capacity,
        setup.max_attempts,
        setup.max_deliveries,
        setup.max_delayed,
        setup.max_dead,
        setup.backoff_first.as_nanos(),
        setup.backoff_max.as_nanos(),
        setup.duplicate_window.as_nanos(),
        setup.max_event_bytes,
        // Short, so that they change often.
        2 * setup.max_event_bytes,
    );
    let opened = Driver::open(address).wait();
    opened.expect("the folder can be opened")
}

bookdrop_conformance::suite!(always, |setup| open(&folder(setup), setup, "sync=always"));
bookdrop_conformance::suite!(never, |setup| open(
    &folder(setup),
    setup,
    "sync=never&codec=msgpack"
));
