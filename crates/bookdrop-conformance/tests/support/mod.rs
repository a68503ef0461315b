//! The driver on disk, as a behaviour asks for it.

use std::{env, fs};

use bookdrop::{Driver, OnFull, disk_address};
use bookdrop_conformance::{Book, Condition, Setup};

/// Opens the folder of this name, which is removed when it is not needed any more.
pub(crate) fn open(setup: &Setup, options: &str) -> Driver<Book, Condition> {
    let folder = env::temp_dir().join(&setup.name);
    let unused = folder.clone();
    // A folder that stays costs disk space, and no test its result.
    setup.when_over(move || drop(fs::remove_dir_all(unused)));
    let on_full = match setup.on_full {
        OnFull::Wait => "wait",
        OnFull::Reject => "reject",
        OnFull::DropOldest => "drop_oldest",
        other => panic!("{other:?} is new"),
    };
    let address = format!(
        "{}?capacity={}&max_attempts={}&max_deliveries={}&max_delayed={}&max_dead={}\
         &retry_backoff_first={}ns&retry_backoff_max={}ns&duplicate_window={}ns&on_full={on_full}\
         &max_event_bytes={}&segment_bytes={}&{options}",
        disk_address(&folder),
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
