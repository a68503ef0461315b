//! Events per second: sent, or sent, received and settled.

use std::sync::Arc;

use bookdrop_bench_common::event::Events;
use bookdrop_bench_common::measured::{Measured, Unit};

use super::{BYTES, Context, Row};
use crate::contenders::for_threads;
use crate::load::Load;
use crate::queue::Durability;
use crate::turns::{self, Seat, rounds};

/// The group in which nothing is received.
pub(crate) const SEND_ONLY: &str = "send only";
/// The group in which everything is done.
const ALL_THREE: &str = "send + receive + ack";

/// All rows of both groups.
pub(crate) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for group in [SEND_ONLY, ALL_THREE] {
        for durability in Durability::ALL {
            for senders in [1, 64] {
                let name = row(durability, senders);
                rows.push(Row {
                    name: format!("{group}, {name}"),
                    run: Box::new(move |context| vec![run(context, group, durability, senders)]),
                });
            }
        }
    }
    rows
}

/// The name of a row.
fn row(durability: Durability, senders: usize) -> String {
    let plural = if senders == 1 { "" } else { "s" };
    format!("{}, {senders} sender{plural}", durability.name())
}

fn run(
    context: &Context<'_>,
    group: &'static str,
    durability: Durability,
    senders: usize,
) -> Measured {
    let consumers = if group == SEND_ONLY { 0 } else { senders };
    let contenders = context.admitted(for_threads(senders + consumers));
    let name = format!("{group}, {}", row(durability, senders));
    let open = |one| turns::open(one, context.place, &name, durability);
    let mut seats: Vec<Seat> = contenders.iter().map(open).collect();
    let of = Arc::new(Events::of(BYTES));
    let results = rounds(&name, &mut seats, context, |_, seat, events| {
        let of = of.clone();
        turn(
            seat,
            Load {
                senders,
                consumers,
                events,
                of,
            },
        )
    });
    turns::remove(seats, context.place);
    Measured {
        group,
        row: row(durability, senders),
        unit: Unit::EventsPerSecond,
        results,
    }
}

/// One turn: panics unless afterwards the events are there that must be.
fn turn(seat: &Seat, load: Load) -> f64 {
    let took = seat.queue.carry(&load);
    let left = if load.consumers > 0 { 0 } else { load.events };
    assert_eq!(seat.queue.count(), left, "events in {}", seat.name);
    if left > 0 {
        seat.queue.clear();
    }
    load.events as f64 / took.as_secs_f64()
}
