//! Measures bookdrop's queue in PostgreSQL beside the bare client with a queue by hand, and beside others, on one server and in
//! alternating rounds.
//!
//! Everyone carries the same events under the same load, and every round proves that exactly the events arrived that were sent, or
//! panics. `--help` names the options.
//!
//! It is a library so that peers that cannot be built in this workspace can take part all the same: see `peers`.

#![forbid(unsafe_code)]

pub mod load;
pub mod place;
pub mod queue;

mod contenders;
mod options;
mod page;
mod report;
mod rows;
mod turns;

use std::time::Duration;

use bookdrop_bench_common::watchdog::Watchdog;

use crate::load::Work;
use crate::options::Options;
use crate::place::Place;
use crate::queue::Contender;
use crate::report::Report;
use crate::rows::{Context, Row};

/// No turn takes nearly so long.
const LIMIT: Duration = Duration::from_secs(300);

/// Those who can do this work.
pub type Contenders = fn(Work) -> Vec<Contender>;

/// Does what the command line asks for, with further contenders.
pub fn run(further: Contenders) {
    let options = Options::from_command_line();
    let mut rows = rows::all();
    rows.retain(|row| options.wants(&row.name()));
    if rows.is_empty() {
        fail(
            "no row has all these texts in its name; --list prints the names of the rows",
            2,
        );
    }
    if options.list {
        rows.iter().for_each(|row| println!("{}", row.name()));
        return;
    }
    if let Err(problem) = measure(&rows, &options, further) {
        fail(&problem, 1);
    }
}

fn measure(rows: &[Row], options: &Options, further: Contenders) -> Result<(), String> {
    let watchdog = Watchdog::start(LIMIT);
    let place = Place::start()?;
    let mut report = Report::new(options, &place)?;
    let context = Context {
        options,
        place: &place,
        watchdog: &watchdog,
        further,
    };
    for row in rows {
        let measured = rows::run(row, &context);
        if measured.results.is_empty() {
            return Err(format!(
                "none of the contenders of --with takes part in {}",
                row.name()
            ));
        }
        report.row(measured);
    }
    report.end()
}

/// What was asked for cannot be done.
fn fail(problem: &str, code: i32) -> ! {
    eprintln!("{problem}");
    std::process::exit(code);
}
