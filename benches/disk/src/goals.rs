//! What the queue on disk is to reach, and what it reached.

use bookdrop_bench_common::markdown;
use bookdrop_bench_common::measured::{Measured, Unit};
use bookdrop_bench_common::stats::{Spread, TIE};

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

/// Says what was reached.
pub(crate) fn print(goals: &[Goal]) {
    println!("\n== goals\n");
    for goal in goals {
        let verdict = if goal.is_reached {
            "reached"
        } else {
            "not reached"
        };
        println!(
            "  {}: {}, {}: {verdict}",
            goal.rows, goal.wanted, goal.reached
        );
    }
}

/// The same for the page.
pub(crate) fn section(goals: &[Goal]) -> String {
    let rows = goals.iter().map(|goal| {
        let reached = match goal.is_reached {
            true => format!("**{}**", goal.reached),
            false => goal.reached.clone(),
        };
        vec![goal.rows.clone(), goal.wanted.clone(), reached]
    });
    let head = ["rows", "goal", "reached"].map(str::to_owned);
    let table = markdown::table(&head, 3, &rows.collect::<Vec<_>>());
    format!("\n## Goals\n\nWhat is reached is in bold.\n\n{table}")
}

/// Those of which something was measured.
pub(crate) fn all(measured: &[Measured]) -> Vec<Goal> {
    let mut goals: Vec<Goal> = WITH_THE_DISK
        .iter()
        .flat_map(|(row, least)| with_the_disk(measured, row, *least))
        .collect();
    let throughput = measured
        .iter()
        .filter(|one| one.unit == Unit::EventsPerSecond);
    let mut groups: Vec<&str> = throughput.map(|one| one.group).collect();
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

/// As quick as the disk, or nearly so: as threads, and as tasks where there are some.
fn with_the_disk(measured: &[Measured], row: &str, least: f64) -> Vec<Goal> {
    let found = measured.iter().find(|one| is_row(one, SEND_ONLY, row));
    let Some((found, limit)) = found.and_then(|found| Some((found, found.limit()?))) else {
        return Vec::new();
    };
    let each = found.all_of_ours().map(|ours| {
        let rows = format!("{SEND_ONLY}, {row}, {}", ours.contender);
        let wanted = format!("at least {least:.2}x the raw limit");
        goal(rows, wanted, &found.against(ours, limit), least)
    });
    each.collect()
}

/// Ahead of every peer in all rows of a group, but for those in which the disk is the limit.
fn ahead(measured: &[Measured], group: &str) -> Option<Goal> {
    let rows = measured
        .iter()
        .filter(|one| one.group == group && !WITH_THE_DISK.iter().any(|(row, _)| one.row == *row));
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
    use bookdrop_bench_common::measured::Unit::{EventsPerSecond, Seconds};
    use bookdrop_bench_common::measured::{Measurement, OURS, Role};

    /// A row with a limit, us and two peers.
    fn row(group: &'static str, row: &str, unit: Unit, figures: [f64; 4]) -> Measured {
        let who = [
            ("raw limit", Role::Limit),
            (OURS, Role::Ours),
            ("slow", Role::Peer),
            ("fast", Role::Peer),
        ];
        let results = who.into_iter().zip(figures);
        let results = results.map(|((contender, role), figure)| Measurement {
            contender,
            role,
            rounds: vec![figure; 3],
        });
        Measured {
            group,
            row: row.to_owned(),
            unit,
            results: results.collect(),
        }
    }

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
            // How long that takes is told, and has no goal.
            row("opening", "all", Seconds, [0.0, 30.0, 1.0, 25.0]),
        ];
        let goals = all(&measured);
        let reached = goals
            .iter()
            .map(|goal| (goal.rows.as_str(), goal.is_reached));
        let expected = [
            ("send only, sync always, 64 senders, bookdrop", true),
            ("send only, all other rows", true),
            ("standing backlog, all other rows", false),
            ("standing backlog, sync always, 5000 events waiting", false),
        ];
        assert_eq!(reached.collect::<Vec<_>>(), expected);
    }
}
