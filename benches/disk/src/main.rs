//! Measures bookdrop's queue on disk beside the disk itself and embedded stores, all in one process and in alternating rounds.
//!
//! Everyone carries the same events under the same load, and every round proves that exactly the events arrived that were sent, or
//! panics. `--help` names the options.

#![forbid(unsafe_code)]

mod contenders;
mod goals;
mod load;
mod options;
mod place;
mod queue;
mod rows;
mod turns;

use std::time::Duration;

use bookdrop_bench_common::options::{Options, fail};
use bookdrop_bench_common::page::Page;
use bookdrop_bench_common::report::Report;
use bookdrop_bench_common::watchdog::Watchdog;

use crate::options::Sizes;
use crate::place::Place;
use crate::rows::{Context, Row};

/// No turn takes nearly so long, nor does filling the longest queue.
const LIMIT: Duration = Duration::from_secs(1_800);

fn main() {
    let (options, sizes) = options::from_command_line();
    let mut rows = rows::all();
    options.choose(&mut rows, |row| row.name.clone());
    if let Err(problem) = measure(&rows, &options, &sizes) {
        fail(&problem, 1);
    }
}

fn measure(rows: &[Row], options: &Options, sizes: &Sizes) -> Result<(), String> {
    let watchdog = Watchdog::start(LIMIT);
    let place = Place::below(sizes.folder.as_deref())?;
    let mut report = Report::new(options, "disk")?;
    let context = Context {
        options,
        sizes,
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
    let goals = goals::all(report.measured());
    goals::print(&goals);
    report.end(&Page {
        title: "The queue on disk",
        conditions: &[],
        summary: &goals::section(&goals),
    })
}
