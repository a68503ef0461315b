//! How long it takes until a folder with many events in it is open and its first event could be received. The files are still in
//! memory from having been written, so this is the work, not the disk.

use std::time::Instant;

use bookdrop_bench_common::event::Events;
use bookdrop_bench_common::measured::{Measured, Measurement, Unit};

use super::backlog::fill;
use super::{BYTES, Context, Row};
use crate::contenders::queues;
use crate::queue::Durability;

const GROUP: &str = "opening";
/// Each takes long, and they differ by much more than their rounds.
const MOST_ROUNDS: usize = 5;

/// The row.
pub(crate) fn only_row() -> Row {
    Row {
        name: GROUP.to_owned(),
        run: Box::new(|context| vec![run(context)]),
    }
}

fn run(context: &Context<'_>) -> Measured {
    let stored = context.sizes.stored;
    let events = Events::of(BYTES);
    let contenders = context.admitted(queues());
    let folder = |name: &str| context.place.folder(&format!("{GROUP} {name}"));
    for contender in &contenders {
        context
            .watchdog
            .round(format!("{GROUP}, {}, filling", contender.name));
        let queue = (contender.open)(&folder(contender.name), Durability::Never);
        fill(&*queue, &events, stored);
    }
    context.place.settle();
    let mut results: Vec<_> = contenders
        .iter()
        .map(|contender| Measurement {
            contender: contender.name,
            role: contender.role,
            rounds: Vec::new(),
        })
        .collect();
    let rounds = context.options.rounds.min(MOST_ROUNDS);
    for round in 0..=rounds {
        for index in (0..contenders.len()).map(|at| (at + round) % contenders.len()) {
            let contender = &contenders[index];
            context
                .watchdog
                .round(format!("{GROUP}, {}", contender.name));
            let started = Instant::now();
            let queue = (contender.open)(&folder(contender.name), Durability::Always);
            let took = started.elapsed().as_secs_f64();
            assert_eq!(queue.count(), stored, "events in {}", contender.name);
            drop(queue);
            if round > 0 {
                results[index].rounds.push(took);
            }
            context.place.settle();
        }
    }
    for contender in &contenders {
        context.place.remove(&folder(contender.name));
    }
    Measured {
        group: GROUP,
        row: format!("{stored} events of {BYTES} bytes"),
        unit: Unit::Seconds,
        results,
    }
}
