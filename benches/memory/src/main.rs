//! Measures bookdrop's memory driver beside other channels, all in one process and in alternating rounds.
//!
//! Everyone makes the same events, moves as many of them on the same executor, and reads all of each; every round
//! proves that exactly the events arrived that were sent, or panics. `--help` names the options.

#![deny(unsafe_code)]

#[allow(unsafe_code)] // An allocator cannot be implemented without.
mod alloc;
mod busy;
mod clock;
mod contenders;
mod kind;
mod options;
mod pin;
mod publish;
mod queue;
mod report;
mod rounds;
mod runtime;
mod tally;
mod workloads;

use std::time::Duration;

use bookdrop_bench_common::watchdog::Watchdog;

use crate::busy::Busy;
use crate::options::Options;
use crate::report::Report;

/// No round takes nearly so long.
const LIMIT: Duration = Duration::from_secs(120);

fn main() {
    let options = Options::from_command_line();
    if publish::is_asked(&options) {
        publish::run(&options);
        return;
    }
    let watchdog = Watchdog::start(LIMIT);
    if options.pinned {
        pin::switch_on();
    }
    let all = contenders::catalogue();
    let rows = workloads::rows(&all, &options);
    if rows.is_empty() {
        fail(
            "no row has all these texts in its name, or none of the contenders of --with takes part; --list prints the names of the rows",
        );
    }
    if options.list {
        rows.iter().for_each(|row| println!("{}", row.path()));
        return;
    }
    let _busy = options.busy.then(Busy::start);
    let mut report = Report::new(&options).unwrap_or_else(|problem| fail(&problem));
    for row in &rows {
        report.row(&rounds::measure(row, row.rounds(options.rounds), &watchdog));
    }
    report.end();
}

/// What was asked for cannot be done.
fn fail(problem: &str) -> ! {
    eprintln!("{problem}");
    std::process::exit(2);
}
