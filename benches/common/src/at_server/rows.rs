//! The rows: what is measured.

use std::sync::Arc;

use crate::event::Events;
use crate::measured::{Measured, Unit};
use crate::options::Options;
use crate::turns::{self, rounds};
use crate::watchdog::Watchdog;

use super::load::{Load, Work};
use super::queue::{Contender, Place, Queue};

type Seat = turns::Seat<Box<dyn Queue>>;

/// Bytes of an event.
const BYTES: usize = 256;
/// How many tasks are at work at the same time.
const TASKS: [usize; 2] = [1, 64];
/// No turn has more events.
const MOST: u64 = 1 << 16;
/// So many events are put in at once where a queue is filled.
const FILLED_AT_ONCE: u64 = 1_000;

/// What all rows are run with.
pub(super) struct Context<'a, P> {
    /// What was asked for.
    pub options: &'a Options,
    /// The server.
    pub place: &'a P,
    /// Told of each turn.
    pub watchdog: &'a Watchdog,
    /// Who takes part.
    pub contenders: &'a dyn Fn(Work) -> Vec<Contender<P>>,
}

/// Something to measure.
pub(super) struct Row {
    work: Work,
    tasks: usize,
}

impl Row {
    /// Its name, for filters.
    pub(super) fn name(&self) -> String {
        format!("{}, {}", self.work.name(), self.conditions())
    }

    fn conditions(&self) -> String {
        let plural = if self.tasks == 1 { "" } else { "s" };
        format!("{} task{plural}", self.tasks)
    }
}

/// Everything that there is.
pub(super) fn all() -> Vec<Row> {
    let of = |work| TASKS.map(|tasks| Row { work, tasks });
    Work::ALL.into_iter().flat_map(of).collect()
}

/// Measures a row.
pub(super) fn run<P: Place>(row: &Row, context: &Context<'_, P>) -> Measured {
    let (options, place) = (context.options, context.place);
    let name = row.name();
    let contenders = (context.contenders)(row.work).into_iter();
    let mut seats: Vec<Seat> = contenders
        .filter(|one| options.admits(one.name))
        .map(|one| {
            let queue_name =
                format!("{} {name}", one.name).replace(|c: char| !c.is_alphanumeric(), "_");
            let queue = (one.open)(place, &queue_name, row.work, row.tasks);
            Seat::new(one.name, one.role, queue)
        })
        .collect();
    let of = Arc::new(Events::of(BYTES));
    let results = rounds(&name, &mut seats, options, MOST, |_, seat, events| {
        context.watchdog.round(format!("{name}, {}", seat.name));
        let load = Load {
            work: row.work,
            events,
            of: of.clone(),
        };
        let rate = turn(seat, &load);
        place.settle(&seat.queue.traces());
        rate
    });
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
    assert_eq!(seat.queue.count(), left, "events of {}", seat.name);
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
