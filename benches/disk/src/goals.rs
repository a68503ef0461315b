//! What the queue on disk is to reach, and what it reached.

use bookdrop_bench_common::markdown;
use bookdrop_bench_common::stats::{Spread, TIE};

use crate::measured::Measured;
use crate::queue::Durability;
use crate::rows::{BACKLOG, SEND_ONLY, SMALL, backlog_row};

/// A part of the disk's own speed, for 64 senders who share its flushes.
const OF_THE_SHARED_LIMIT: f64 = 0.8;
/// The rows that are compared with the disk, with what is asked of them.
const WITH_THE_DISK: [(&str, f64); 2] = [
    ("sync always, 64 senders", OF_THE_SHARED_LIMIT),
    ("sync always, 1 sender", 1.0 / TIE),
];

/// One goal of which something was measured.
pub(crate) struct Goal {
    /// Which rows it is about.
    pub rows: String,
    /// What is wanted.
    pub wanted: String,
    /// What was reached.
    pub reached: String,
    /// Whether that is enough.
    pub is_reached: bool,
}

/// Those of which something was measured.
pub(crate) fn all(measured: &[Measured]) -> Vec<Goal> {
    let with_the_disk = WITH_THE_DISK.iter().filter_map(|(row, least)| {
        let found = measured.iter().find(|one| is_row(one, SEND_ONLY, row))?;
        let ratio = found.against(found.ours()?, found.limit()?);
        let wanted = format!("at least {least:.2}x the raw limit");
        Some(goal(format!("{SEND_ONLY}, {row}"), wanted, &ratio, *least))
    });
    let mut goals: Vec<Goal> = with_the_disk.collect();
    let mut groups: Vec<&str> = measured.iter().map(|one| one.group).collect();
    groups.dedup();
    goals.extend(groups.iter().filter_map(|group| ahead(measured, group)));
    goals.extend(
        Durability::ALL
            .iter()
            .filter_map(|durability| long(measured, *durability)),
    );
    goals
}

fn is_row(one: &Measured, group: &str, row: &str) -> bool {
    one.group == group && one.row == row
}

/// Ahead of every peer in all rows of a group, but for those that are compared with the disk.
fn ahead(measured: &[Measured], group: &str) -> Option<Goal> {
    let rows = measured.iter().filter(|one| {
        let is_with_the_disk = |(row, _): &(&str, f64)| is_row(one, SEND_ONLY, row);
        one.group == group && !WITH_THE_DISK.iter().any(is_with_the_disk)
    });
    let ratios = rows.filter_map(|one| Some((one.against_best_peer()?, &one.row)));
    let (least, row) = ratios.min_by(|a, b| a.0.median.total_cmp(&b.0.median))?;
    let wanted = "more than a tie ahead of every peer".to_owned();
    let mut goal = goal(format!("{group}, all other rows"), wanted, &least, TIE);
    goal.reached += &format!(" ({row})");
    Some(goal)
}

/// No slower with many events waiting than with few.
fn long(measured: &[Measured], durability: Durability) -> Option<Goal> {
    let in_group = |one: &&Measured| {
        one.group == BACKLOG && one.row.starts_with(&format!("{},", durability.name()))
    };
    let small = backlog_row(durability, SMALL);
    let few = measured.iter().find(|one| is_row(one, BACKLOG, &small))?;
    let many = measured
        .iter()
        .filter(in_group)
        .find(|one| one.row != small)?;
    let ratio = many.ours_against(few)?;
    let wanted = format!("a tie with {SMALL} events waiting");
    let rows = format!("{BACKLOG}, {}", many.row);
    Some(goal(rows, wanted, &ratio, 1.0 / TIE))
}

fn goal(rows: String, wanted: String, ratio: &Spread, least: f64) -> Goal {
    Goal {
        rows,
        wanted,
        reached: markdown::ratio(ratio),
        is_reached: ratio.median >= least,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::Unit::EventsPerSecond;
    use crate::measured::tests::row;

    #[test]
    fn each_goal_looks_at_its_own_rows() {
        let small = backlog_row(Durability::Always, SMALL);
        let large = backlog_row(Durability::Always, 5_000);
        let measured = [
            row(
                SEND_ONLY,
                "sync always, 64 senders",
                EventsPerSecond,
                [100.0, 85.0, 1.0, 80.0],
            ),
            row(
                SEND_ONLY,
                "sync never, 1 sender",
                EventsPerSecond,
                [100.0, 50.0, 1.0, 5.0],
            ),
            row(BACKLOG, &small, EventsPerSecond, [0.0, 50.0, 1.0, 5.0]),
            row(BACKLOG, &large, EventsPerSecond, [0.0, 30.0, 1.0, 25.0]),
        ];
        let goals = all(&measured);
        let reached = goals
            .iter()
            .map(|goal| (goal.rows.as_str(), goal.is_reached));
        let expected = [
            ("send only, sync always, 64 senders", true),
            ("send only, all other rows", true),
            ("standing backlog, all other rows", false),
            ("standing backlog, sync always, 5000 events waiting", false),
        ];
        assert_eq!(reached.collect::<Vec<_>>(), expected);
    }
}
