//! The driver in PostgreSQL where the server dies and the network fails.
//!
//! `BOOKDROP_LONG=1` kills the server 50 times.

#![cfg(unix)]

mod ledger;
mod load;
mod partition;
mod restart;

use std::time::Duration;

use bookdrop::Driver;

/// What happens is waited for so long, at most.
const PATIENCE: Duration = Duration::from_secs(60);

type Library = Driver<String, String>;

/// Opens a queue of a server, with further options.
fn open(url: &str, queue: &str, options: &str) -> Library {
    let opened = Driver::open(format!("{url}?queue={queue}&{options}")).wait();
    opened.expect("the queue can be opened")
}

/// Looks until it is so.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it never came: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
