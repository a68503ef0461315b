//! Runs contenders in turn, round after round.

use bookdrop_bench_common::calibration::calibrate;
use bookdrop_bench_common::measured::Measurement;
use bookdrop_bench_common::progress;

use crate::place::Place;
use crate::queue::{Contender, Queue};

/// No turn has more events.
const MOST: u64 = 1 << 16;

/// A contender whose queue is open.
pub(crate) struct Seat {
    /// Who.
    pub contender: Contender,
    /// Its queue.
    pub queue: Box<dyn Queue>,
    /// Events of a round.
    pub events: u64,
}

/// Lets all of them have their turn in each round, and another one begin each round, so that a drift of the machine meets all of
/// them alike. The first round, in which nothing is counted, tells each how many events it has.
pub(crate) fn rounds(
    name: &str,
    seats: &mut [Seat],
    rounds: usize,
    seconds: f64,
    place: &Place,
    mut turn: impl FnMut(&mut Seat, u64) -> f64,
) -> Vec<Measurement> {
    let mut results: Vec<_> = seats.iter().map(nothing_yet).collect();
    for seat in &mut *seats {
        seat.events = calibrate(seconds, MOST, |events| {
            let rate = turn(seat, events);
            place.settle(&seat.queue.tables());
            rate
        });
    }
    for round in 0..rounds {
        for at in 0..seats.len() {
            let index = (at + round) % seats.len();
            let seat = &mut seats[index];
            let events = seat.events;
            results[index].rounds.push(turn(seat, events));
            place.settle(&seat.queue.tables());
        }
        progress::show(&format!("{name} {}/{rounds}", round + 1));
    }
    progress::show("");
    results
}

fn nothing_yet(seat: &Seat) -> Measurement {
    Measurement {
        contender: seat.contender.name,
        role: seat.contender.role,
        rounds: Vec::new(),
    }
}
