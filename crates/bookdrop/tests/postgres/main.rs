//! The driver in PostgreSQL where the server dies, the network fails, other processes are killed and clocks go wrong; and what
//! it refuses, needs and hides.
//!
//! `BOOKDROP_LONG=1` kills the server 50 times. Other processes are this same program; see `other`.

#![cfg(unix)]

mod clocks;
mod connecting;
mod database;
mod forgotten;
mod ledger;
mod load;
mod locks;
mod oldest;
mod openings;
mod orders;
mod other;
mod outbox;
mod partition;
mod patience;
mod processes;
mod restart;
mod rights;
mod secrets;
mod sharing;
mod story;
mod tls;
mod user;

use std::time::Duration;

use bookdrop::Driver;

/// What happens is waited for so long, at most.
const PATIENCE: Duration = Duration::from_secs(60);
/// A deadline that no test sees.
const NEVER: Duration = Duration::from_secs(3600);

type Library = Driver<String, String>;

/// Opens a queue of a server, with further options.
fn open(url: &str, queue: &str, options: &str) -> Library {
    open_at(&format!("{url}?queue={queue}&{options}"))
}

fn open_at(address: &str) -> Library {
    Driver::open(address)
        .wait()
        .expect("the queue can be opened")
}

/// Looks until it is so.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it never came: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
