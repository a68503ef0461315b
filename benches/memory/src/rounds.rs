//! Runs a row: all its contenders in turn, round after round.

use bookdrop_bench_common::progress;
use bookdrop_bench_common::stats::Spread;
use bookdrop_bench_common::watchdog::Watchdog;

use crate::clock::Round;
use crate::contenders::Role;
use crate::workloads::{Cell, Row};

/// A row that was run.
pub(crate) struct Measured<'a> {
    /// What was run.
    pub row: &'a Row<'a>,
    /// What each contender took.
    pub results: Vec<Measurement<'a>>,
}

/// What one contender took in one row.
pub(crate) struct Measurement<'a> {
    /// Who.
    pub cell: &'a Cell<'a>,
    /// Its rounds, in order.
    pub rounds: Vec<Round>,
    /// How many times as fast as the best peer, round by round; none if there is no peer in the row.
    pub speed: Option<Spread>,
    /// Whether it is the best peer.
    pub best: bool,
    /// The same against the best peer that recycles by hand.
    pub speed_to_pool: Option<Spread>,
    /// Whether it is the best of those.
    pub best_pool: bool,
}

impl Measurement<'_> {
    /// Nanoseconds on the wall per event.
    pub(crate) fn wall(&self) -> Spread {
        Spread::of(self.rounds.iter().map(Round::wall_per_event))
    }

    /// Nanoseconds of CPU time per event.
    pub(crate) fn cpu(&self) -> Spread {
        Spread::of(self.rounds.iter().map(Round::cpu_per_event))
    }
}

/// Runs so many rounds, and one before them that is not counted. In each round every contender has its turn, and a
/// different one begins, so that a drift of the machine meets all of them alike.
pub(crate) fn measure<'a>(row: &'a Row<'a>, rounds: usize, watchdog: &Watchdog) -> Measured<'a> {
    let runtime = row.executor.map(|executor| executor.start());
    let count = row.cells.len();
    let mut taken: Vec<Vec<Round>> = row
        .cells
        .iter()
        .map(|_| Vec::with_capacity(rounds))
        .collect();
    for round in 0..=rounds {
        for index in (0..count).map(|turn| (turn + round) % count) {
            let cell = &row.cells[index];
            watchdog.round(format!("{}, {}", row.path(), cell.contender));
            let took = (cell.run)(runtime.as_ref());
            if round > 0 {
                taken[index].push(took);
            }
        }
        progress::show(&format!("{} {round}/{rounds}", row.path()));
    }
    progress::show("");
    let results = row
        .cells
        .iter()
        .zip(taken)
        .map(|(cell, rounds)| Measurement {
            cell,
            rounds,
            speed: None,
            best: false,
            speed_to_pool: None,
            best_pool: false,
        });
    let mut measured = Measured {
        row,
        results: results.collect(),
    };
    compare(&mut measured.results);
    measured
}

/// Finds the best peer of either sort, and everyone's speed against it in the same rounds.
fn compare(results: &mut [Measurement<'_>]) {
    if let Some((best, speeds)) = against_best(results, Role::Peer) {
        results[best].best = true;
        for (result, speed) in results.iter_mut().zip(speeds) {
            result.speed = Some(speed);
        }
    }
    if let Some((best, speeds)) = against_best(results, Role::Pool) {
        results[best].best_pool = true;
        for (result, speed) in results.iter_mut().zip(speeds) {
            result.speed_to_pool = Some(speed);
        }
    }
}

/// Which one in this role has the least median, and how many times as fast as it everyone is.
fn against_best(results: &[Measurement<'_>], role: Role) -> Option<(usize, Vec<Spread>)> {
    let peers = (0..results.len()).filter(|&index| results[index].cell.role == role);
    let median = |index: usize| results[index].wall().median;
    let best = peers.min_by(|&a, &b| median(a).total_cmp(&median(b)))?;
    let measure = &results[best].rounds;
    let speeds = results.iter().map(|result| {
        let rounds = result.rounds.iter().zip(measure);
        Spread::of(rounds.map(|(round, peer)| peer.wall_per_event() / round.wall_per_event()))
    });
    Some((best, speeds.collect()))
}
