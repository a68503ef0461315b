//! Runs contenders in turn, round after round.

use crate::calibration::calibrate;
use crate::measured::{Measurement, Role};
use crate::options::Options;
use crate::progress;

/// A contender whose queue is open.
pub struct Seat<Q> {
    /// Who.
    pub name: &'static str,
    /// What it is to us.
    pub role: Role,
    /// Its queue.
    pub queue: Q,
    /// Events of a round.
    pub events: u64,
}

impl<Q> Seat<Q> {
    /// It does not know yet how many events it has.
    pub fn new(name: &'static str, role: Role, queue: Q) -> Self {
        Self {
            name,
            role,
            queue,
            events: 0,
        }
    }
}

/// Lets all of them have their turn in each round, and another one begin each round, so that a drift of the machine meets all
/// of them alike. The first round, in which nothing is counted, tells each how many events it has, `most` at most. What a turn
/// tells is events per second; it is told which seat has it.
pub fn rounds<Q>(
    name: &str,
    seats: &mut [Seat<Q>],
    options: &Options,
    most: u64,
    mut turn: impl FnMut(usize, &mut Seat<Q>, u64) -> f64,
) -> Vec<Measurement> {
    let mut results: Vec<_> = seats.iter().map(nothing_yet).collect();
    for (index, seat) in seats.iter_mut().enumerate() {
        seat.events = calibrate(options.seconds, most, |events| turn(index, seat, events));
    }
    let rounds = options.rounds;
    for round in 0..rounds {
        for at in 0..seats.len() {
            let index = (at + round) % seats.len();
            let seat = &mut seats[index];
            let events = seat.events;
            results[index].rounds.push(turn(index, seat, events));
        }
        progress::show(&format!("{name} {}/{rounds}", round + 1));
    }
    progress::show("");
    results
}

fn nothing_yet<Q>(seat: &Seat<Q>) -> Measurement {
    Measurement {
        contender: seat.name,
        role: seat.role,
        rounds: Vec::new(),
    }
}
