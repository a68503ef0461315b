//! What every driver at a server keeps to: where the server dies, the network fails, other processes are killed and clocks go wrong.
//!
//! Which server that is says the `engine` of each test.

pub(crate) mod clocks;
pub(crate) mod ledger;
pub(crate) mod load;
pub(crate) mod log;
pub(crate) mod orders;
pub(crate) mod other;
pub(crate) mod partition;
pub(crate) mod processes;
pub(crate) mod restart;
pub(crate) mod sharing;
pub(crate) mod story;

use std::time::Duration;

use bookdrop::Driver;

use crate::engine;

/// What happens is waited for so long, at most.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// A deadline that no test sees.
pub(crate) const NEVER: Duration = Duration::from_secs(3600);

pub(crate) type Library = Driver<String, String>;

/// Opens a queue of a server, with further options.
pub(crate) fn open(url: &str, queue: &str, options: &str) -> Library {
    open_at(&engine::address(url, queue, options))
}

pub(crate) fn open_at(address: &str) -> Library {
    Driver::open(address)
        .wait()
        .expect("the queue can be opened")
}

/// Looks until it is so.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it never came: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
