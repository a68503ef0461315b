//! Runs contenders in turn, round after round.

use std::path::PathBuf;

use bookdrop_bench_common::calibration::calibrate;
use bookdrop_bench_common::measured::{Measurement, Role};
use bookdrop_bench_common::progress;

use crate::place::Place;
use crate::queue::{Contender, Durability, Queue};

/// A contender whose queue is open.
pub(crate) struct Seat {
    /// Who.
    pub name: &'static str,
    /// What it is to us.
    pub role: Role,
    /// Its queue.
    pub queue: Box<dyn Queue>,
    /// Events of a round.
    pub events: u64,
    folder: PathBuf,
}

impl Seat {
    /// Opens the queue that lies in a folder of this name.
    pub(crate) fn open(
        contender: &Contender,
        place: &Place,
        folder: &str,
        durability: Durability,
    ) -> Self {
        let folder = place.folder(&format!("{folder} {}", contender.name));
        Self {
            name: contender.name,
            role: contender.role,
            queue: (contender.open)(&folder, durability),
            events: 0,
            folder,
        }
    }

    /// Closes it, and removes its folder.
    pub(crate) fn remove(self, place: &Place) {
        drop(self.queue);
        place.remove(&self.folder);
    }
}

/// No turn has more events.
const MOST: u64 = 1 << 21;

/// Lets all of them have their turn in each round, and another one begin each round, so that a drift of the disk meets all of
/// them alike. The first round, in which nothing is counted, tells each how many events it has.
pub(crate) fn rounds(
    name: &str,
    seats: &mut [Seat],
    rounds: usize,
    seconds: f64,
    place: &Place,
    mut turn: impl FnMut(usize, &Seat, u64) -> f64,
) -> Vec<Measurement> {
    let mut results: Vec<_> = seats.iter().map(nothing_yet).collect();
    for (index, seat) in seats.iter_mut().enumerate() {
        seat.events = calibrate(seconds, MOST, |events| turn(index, seat, events));
        place.settle();
    }
    for round in 0..rounds {
        for index in (0..seats.len()).map(|at| (at + round) % seats.len()) {
            let seat = &seats[index];
            results[index].rounds.push(turn(index, seat, seat.events));
            place.settle();
        }
        progress::show(&format!("{name} {}/{rounds}", round + 1));
    }
    progress::show("");
    results
}

fn nothing_yet(seat: &Seat) -> Measurement {
    Measurement {
        contender: seat.name,
        role: seat.role,
        rounds: Vec::new(),
    }
}
