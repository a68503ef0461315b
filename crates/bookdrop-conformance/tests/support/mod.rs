//! The driver on disk, as a behaviour asks for it.

use std::{env, fs};

use bookdrop::{Driver, disk_address};
use bookdrop_conformance::{Book, Condition, Setup};

/// Opens the folder of this name, which is removed when it is not needed any more.
pub(crate) fn open(setup: &Setup, options: &str) -> Driver<Book, Condition> {
    let folder = env::temp_dir().join(&setup.name);
    let unused = folder.clone();
    // A folder that stays costs disk space, and no test its result.
    setup.when_over(move || drop(fs::remove_dir_all(unused)));
    // Short segments, so that they change often.
    let address = format!(
        "{}?segment_bytes={}&{}&{options}",
        disk_address(&folder),
        2 * setup.max_event_bytes,
        setup.options(),
    );
    let opened = Driver::open(address).wait();
    opened.expect("the folder can be opened")
}
