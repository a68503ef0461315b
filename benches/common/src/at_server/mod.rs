//! What the benchmarks of queues at a server do alike: the rows, the tasks, and the turns on one server.
//!
//! Everyone carries the same events under the same load, and every round proves that exactly the events arrived that were sent,
//! or panics.

pub mod bookdrop;
pub mod executors;
pub mod load;
pub mod queue;

mod rows;

use std::time::Duration;

use crate::options::{Program, fail};
use crate::page::Page;
use crate::report::Report;
use crate::watchdog::Watchdog;

use load::Work;
use queue::{Contender, Place};
use rows::{Context, Row};

/// No turn takes nearly so long.
const LIMIT: Duration = Duration::from_secs(300);

/// A program that measures a queue at a server.
pub struct Benchmark {
    /// What it says of itself.
    pub program: Program,
    /// What the server is called.
    pub engine: &'static str,
    /// The name of the page and of the file with the lines for machines.
    pub page: &'static str,
}

impl Benchmark {
    /// Does what the command line asks for, with those who can do each work.
    pub fn run<P: Place>(&self, contenders: impl Fn(Work) -> Vec<Contender<P>>) {
        let options = self.program.options(&mut |_, _| Ok(false));
        let mut rows = rows::all();
        options.choose(&mut rows, Row::name);
        let measured = P::start().and_then(|place| {
            // Some clients begin and end nowhere else.
            let _inside = place.runtime().enter();
            let context = Context {
                options: &options,
                place: &place,
                watchdog: &Watchdog::start(LIMIT),
                contenders: &contenders,
            };
            self.measure(&rows, &context)
        });
        if let Err(problem) = measured {
            fail(&problem, 1);
        }
    }

    fn measure<P: Place>(&self, rows: &[Row], context: &Context<'_, P>) -> Result<(), String> {
        let conditions = context.place.conditions();
        println!("{} {conditions}", self.engine);
        let mut report = Report::new(context.options, self.page)?;
        for row in rows {
            let measured = rows::run(row, context);
            if measured.results.is_empty() {
                return Err(format!(
                    "none of the contenders of --with takes part in {}",
                    row.name()
                ));
            }
            report.row(measured);
        }
        report.end(&Page {
            title: &format!("The queue in {}", self.engine),
            conditions: &[(self.engine, conditions)],
            summary: "",
        })
    }
}
