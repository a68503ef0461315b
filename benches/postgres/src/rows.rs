//! The rows: what is measured.

use std::sync::Arc;

use bookdrop_bench_common::event::Events;
use bookdrop_bench_common::measured::{Measured, Unit};
use bookdrop_bench_common::watchdog::Watchdog;

use crate::Contenders;
use crate::contenders;
use crate::load::{Load, Work};
use crate::options::Options;
use crate::place::Place;
use crate::turns::{Seat, rounds};

/// Bytes of an event.
const BYTES: usize = 256;
/// How many tasks are at work at the same time.
const TASKS: [usize; 2] = [1, 64];
/// So many events are put in at once where a queue is filled.
const FILLED_AT_ONCE: u64 = 1_000;

/// What all rows are run with.
pub(crate) struct Context<'a> {
    /// What was asked for.
    pub options: &'a Options,
    /// The server.
    pub place: &'a Place,
    /// Told of each turn.
    pub watchdog: &'a Watchdog,
    /// Who takes part beside those of this crate.
    pub further: Contenders,
}

/// Something to measure.
pub(crate) struct Row {
    work: Work,
    tasks: usize,
}

impl Row {
    /// Its name, for filters.
    pub(crate) fn name(&self) -> String {
        format!("{}, {}", self.work.name(), self.conditions())
    }

    fn conditions(&self) -> String {
        let plural = if self.tasks == 1 { "" } else { "s" };
        format!("{} task{plural}", self.tasks)
    }
}

/// Everything that there is.
pub(crate) fn all() -> Vec<Row> {
    let of = |work| TASKS.map(|tasks| Row { work, tasks });
    Work::ALL.into_iter().flat_map(of).collect()
}

/// Measures a row.
pub(crate) fn run(row: &Row, context: &Context<'_>) -> Measured {
    let (options, place) = (context.options, context.place);
    let name = row.name();
    let mut seats: Vec<Seat> = contenders::of(row.work)
        .into_iter()
        .chain((context.further)(row.work))
        .filter(|contender| options.admits(contender.name))
        .map(|contender| {
            let table =
                format!("{} {name}", contender.name).replace(|c: char| !c.is_alphanumeric(), "_");
            Seat {
                queue: (contender.open)(place, &table, row.work, row.tasks),
                contender,
                events: 0,
            }
        })
        .collect();
    let of = Arc::new(Events::of(BYTES));
    let results = rounds(
        &name,
        &mut seats,
        options.rounds,
        options.seconds,
        place,
        |seat, events| {
            context
                .watchdog
                .round(format!("{name}, {}", seat.contender.name));
            let of = of.clone();
            turn(
                seat,
                &Load {
                    work: row.work,
                    events,
                    of,
                },
            )
        },
    );
    Measured {
        group: row.work.name(),
        row: row.conditions(),
        unit: Unit::EventsPerSecond,
        results,
    }
}

/// One turn: panics unless afterwards the events are there that must be.
fn turn(seat: &mut Seat, load: &Load) -> f64 {
    if load.work == Work::Receive {
        fill(seat, load);
    }
    let took = seat.queue.carry(load);
    let left = if load.work == Work::Send {
        load.events
    } else {
        0
    };
    assert_eq!(
        seat.queue.count(),
        left,
        "events of {}",
        seat.contender.name
    );
    if left > 0 {
        seat.queue.clear();
    }
    load.events as f64 / took.as_secs_f64()
}

fn fill(seat: &mut Seat, load: &Load) {
    let numbers: Vec<u64> = (0..load.events).collect();
    for some in numbers.chunks(FILLED_AT_ONCE as usize) {
        let events = some.iter().map(|number| load.of.make(*number));
        seat.queue.fill(events.collect());
    }
}
