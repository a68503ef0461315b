//! Measures bookdrop's queue on disk beside the disk itself and embedded stores, all in one process and in alternating rounds.
//!
//! Everyone carries the same events under the same load, and every round proves that exactly the events arrived that were sent, or
//! panics. `--help` names the options.

#![forbid(unsafe_code)]

mod contenders;
mod goals;
mod load;
mod options;
mod page;
mod place;
mod queue;
mod report;
mod rows;
mod turns;

use std::time::Duration;

use bookdrop_bench_common::watchdog::Watchdog;

use crate::options::Options;
use crate::place::Place;
use crate::report::Report;
use crate::rows::{Context, Row};

/// No turn takes nearly so long, nor does filling the longest queue.
const LIMIT: Duration = Duration::from_secs(1_800);

fn main() {
    let options = Options::from_command_line();
    let mut rows = rows::all();
    rows.retain(|row| options.wants(&row.name));
    if rows.is_empty() {
        fail(
            "no row has all these texts in its name; --list prints the names of the rows",
            2,
        );
    }
    if options.list {
        rows.iter().for_each(|row| println!("{}", row.name));
        return;
    }
    if let Err(problem) = measure(&rows, &options) {
        fail(&problem, 1);
    }
}

fn measure(rows: &[Row], options: &Options) -> Result<(), String> {
    let watchdog = Watchdog::start(LIMIT);
    let place = Place::below(options.folder.as_deref())?;
    let mut report = Report::new(options)?;
    let context = Context {
        options,
        place: &place,
        watchdog: &watchdog,
    };
    for row in rows {
        let measured = (row.run)(&context);
        if measured.iter().all(|one| one.results.is_empty()) {
            return Err("none of the contenders of --with takes part".to_owned());
        }
        measured.into_iter().for_each(|one| report.row(one));
    }
    report.end()
}

/// What was asked for cannot be done.
fn fail(problem: &str, code: i32) -> ! {
    eprintln!("{problem}");
    std::process::exit(code);
}
