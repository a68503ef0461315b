//! What an event costs from its send to its ack while many others stand in the queue: it is put in behind all of them, and the
//! oldest is taken out. A small backlog and a large one, in turn. It is about ourselves: others take hours to be filled.

use std::time::Instant;

use bookdrop_bench_common::event::Events;
use bookdrop_bench_common::measured::{Measured, Unit};
use bookdrop_bench_common::progress;

use super::{BYTES, Context, FILLED_AT_ONCE, Row};
use crate::contenders::ours;
use crate::queue::{Contender, Durability, Queue};
use crate::turns::{self, Seat, rounds};

/// The name of the group.
pub(crate) const GROUP: &str = "standing backlog";
/// The smaller one.
pub(crate) const SMALL: u64 = 1_000;

/// One for each durability, with both backlogs.
pub(crate) fn rows() -> Vec<Row> {
    let rows = Durability::ALL.map(|durability| Row {
        name: format!("{GROUP}, {}", durability.name()),
        run: Box::new(move |context| run(context, durability)),
    });
    rows.into()
}

/// The name of the row with this backlog.
pub(crate) fn row(durability: Durability, backlog: u64) -> String {
    format!("{}, {backlog} events waiting", durability.name())
}

fn run(context: &Context<'_>, durability: Durability) -> Vec<Measured> {
    let name = format!("{GROUP}, {}", durability.name());
    let events = Events::of(BYTES);
    let backlogs = [SMALL, context.sizes.backlog];
    let contenders = context.admitted(vec![ours()]);
    let mut seats: Vec<Seat> = Vec::new();
    for contender in &contenders {
        for backlog in backlogs {
            context
                .watchdog
                .round(format!("{name}, {}, filling", contender.name));
            progress::show(&format!("{name}, {}: {backlog} events", contender.name));
            seats.push(filled(context, contender, durability, backlog, &events));
        }
    }
    // What each has sent and received so far.
    let mut past: Vec<_> = (0..seats.len()).map(|at| (backlogs[at % 2], 0)).collect();
    let results = rounds(&name, &mut seats, context, |index, seat, count| {
        turn(&*seat.queue, &events, count, &mut past[index])
    });
    turns::remove(seats, context.place);
    let of = |at: usize| Measured {
        group: GROUP,
        row: row(durability, backlogs[at]),
        unit: Unit::EventsPerSecond,
        results: results.iter().skip(at).step_by(2).cloned().collect(),
    };
    vec![of(0), of(1)]
}

/// Fills a queue without flushes, and opens it again as it is measured.
fn filled(
    context: &Context<'_>,
    contender: &Contender,
    durability: Durability,
    backlog: u64,
    events: &Events,
) -> Seat {
    let folder = format!("{} {backlog}", durability.name());
    let seat = turns::open(contender, context.place, &folder, Durability::Never);
    fill(&*seat.queue, events, backlog);
    drop(seat);
    turns::open(contender, context.place, &folder, durability)
}

/// Puts so many events in.
pub(super) fn fill(queue: &dyn Queue, events: &Events, count: u64) {
    for first in (0..count).step_by(FILLED_AT_ONCE as usize) {
        let numbers = first..count.min(first + FILLED_AT_ONCE);
        queue.send_all(numbers.map(|number| events.make(number)).collect());
    }
}

/// One thread does all three, one after the other. Panics unless the events come in order.
fn turn(queue: &dyn Queue, events: &Events, count: u64, past: &mut (u64, u64)) -> f64 {
    let (sent, received) = past;
    let mut consumer = queue.consumer();
    let started = Instant::now();
    for _ in 0..count {
        queue.send(events.make(*sent));
        *sent += 1;
        assert_eq!(consumer.receive(), *received, "events come in order");
        *received += 1;
        consumer.ack();
    }
    count as f64 / started.elapsed().as_secs_f64()
}
