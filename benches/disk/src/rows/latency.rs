//! How long single sends of one sender take while a consumer settles what was sent, over so many bytes that files fill up and are
//! given back again and again. The worst ones say how long that stalls a sender.

use std::thread;
use std::time::Instant;

use bookdrop_bench_common::event::Events;
use bookdrop_bench_common::measured::{Measured, Measurement, Unit};

use super::{BYTES, Context, Row};
use crate::contenders::queues;
use crate::queue::{Durability, Queue};
use crate::turns::{self, Seat};

const GROUP: &str = "latency of a send";
/// Each takes long.
const MOST_ROUNDS: usize = 3;
/// So many events are under way at most. The sender waits for the consumer between two sends, not within one.
const WINDOW: usize = 1_000;
/// Where each send waits for a flush, larger events fill the files, or it would take all day.
const LARGE: usize = 16 << 10;
/// What is told of all sends of a round: its name, and the part that is quicker.
const TOLD: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("worst", 1.0)];

/// One for each durability, with all that is told.
pub(crate) fn rows() -> Vec<Row> {
    let rows = Durability::ALL.map(|durability| Row {
        name: format!("{GROUP}, {}", durability.name()),
        run: Box::new(move |context| run(context, durability)),
    });
    rows.into()
}

fn run(context: &Context<'_>, durability: Durability) -> Vec<Measured> {
    let options = context.options;
    let bytes = match durability {
        Durability::Always => LARGE,
        Durability::Never => BYTES,
    };
    let events = Events::of(bytes);
    let count = context.sizes.volume / bytes as u64;
    let name = format!("{GROUP}, {}", durability.name());
    let contenders = context.admitted(queues());
    let open = |one| turns::open(one, context.place, &name, durability);
    let seats: Vec<Seat> = contenders.iter().map(open).collect();
    let mut told: Vec<Vec<[f64; 3]>> = vec![Vec::new(); seats.len()];
    for round in 0..options.rounds.min(MOST_ROUNDS) {
        for index in (0..seats.len()).map(|at| (at + round) % seats.len()) {
            context
                .watchdog
                .round(format!("{name}, {}", seats[index].name));
            told[index].push(turn(&*seats[index].queue, &events, count));
            context.place.settle();
        }
    }
    let measured = TOLD
        .iter()
        .enumerate()
        .map(|(at, (told_name, _))| Measured {
            group: GROUP,
            row: format!(
                "{}, events of {bytes} bytes, {told_name}",
                durability.name()
            ),
            unit: Unit::Microseconds,
            results: seats
                .iter()
                .zip(&told)
                .map(|(seat, told)| Measurement {
                    contender: seat.name,
                    role: seat.role,
                    rounds: told.iter().map(|round| round[at]).collect(),
                })
                .collect(),
        });
    let measured = measured.collect();
    turns::remove(seats, context.place);
    measured
}

/// One sender, each of whose sends is timed, and one consumer.
fn turn(queue: &dyn Queue, events: &Events, count: u64) -> [f64; 3] {
    let (settled, room) = std::sync::mpsc::sync_channel(WINDOW);
    for _ in 0..WINDOW {
        settled.send(()).expect("there is room for all of them");
    }
    let mut took: Vec<u32> = Vec::with_capacity(count as usize);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut consumer = queue.consumer();
            for number in 0..count {
                assert_eq!(consumer.receive(), number, "events come in order");
                consumer.ack();
                // The sender may have sent its last one.
                let _ = settled.send(());
            }
        });
        for number in 0..count {
            room.recv().expect("the consumer is there");
            let event = events.make(number);
            let started = Instant::now();
            queue.send(event);
            let nanos = started.elapsed().as_nanos();
            took.push(u32::try_from(nanos).unwrap_or(u32::MAX));
        }
        drop(room);
    });
    took.sort_unstable();
    let last = took.len() - 1;
    TOLD.map(|(_, part)| f64::from(took[(last as f64 * part) as usize]) / 1_000.0)
}
