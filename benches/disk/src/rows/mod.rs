//! The rows: what is measured.

mod backlog;
mod latency;
mod opening;
mod throughput;

use bookdrop_bench_common::measured::Measured;
use bookdrop_bench_common::options::Options;
use bookdrop_bench_common::watchdog::Watchdog;

use crate::options::Sizes;
use crate::place::Place;
use crate::queue::Contender;

pub(crate) use backlog::{GROUP as BACKLOG, SMALL, row as backlog_row};
pub(crate) use throughput::SEND_ONLY;

/// Bytes of an event, where nothing else is said.
const BYTES: usize = 256;
/// So many events are put in at once where a queue is filled.
const FILLED_AT_ONCE: u64 = 1_000;

/// What all rows are run with.
pub(crate) struct Context<'a> {
    /// What was asked for.
    pub options: &'a Options,
    /// How much there is of everything.
    pub sizes: &'a Sizes,
    /// Where the files go.
    pub place: &'a Place,
    /// Told of each turn.
    pub watchdog: &'a Watchdog,
}

impl Context<'_> {
    /// Those of them who were asked for.
    fn admitted(&self, all: Vec<Contender>) -> Vec<Contender> {
        let all = all.into_iter();
        all.filter(|one| self.options.admits(one.name)).collect()
    }
}

/// Something to run: one row, or several that are measured at the same time.
pub(crate) struct Row {
    /// Its name, for filters.
    pub name: String,
    /// Runs it.
    pub run: Box<dyn Fn(&Context<'_>) -> Vec<Measured>>,
}

/// Everything that there is.
pub(crate) fn all() -> Vec<Row> {
    let mut rows = throughput::rows();
    rows.extend(backlog::rows());
    rows.push(opening::only_row());
    rows.extend(latency::rows());
    rows
}
