//! The page that `--publish` writes.

use bookdrop_bench_common::machine::Origin;
use bookdrop_bench_common::markdown::{GENERATED, capital, table};
use bookdrop_bench_common::measured::Measured;
use bookdrop_bench_common::shown::{conditions_table, row_table};

use crate::goals;
use crate::options::Options;

/// The name of the page.
pub(crate) const NAME: &str = "disk.md";
/// The name of the file with the machine-readable lines of the same run.
pub(crate) const DATA: &str = "disk.jsonl";

/// The page.
pub(crate) fn page(measured: &[Measured], options: &Options, origin: &Origin) -> String {
    let mut page = format!("{GENERATED}\n\n# The queue on disk\n\n");
    if options.quick {
        page += "**A smoke run: its figures mean nothing.**\n\n";
    }
    page += &conditions(options, origin);
    page += &format!(
        "\nWhat is measured, and how, is in [benchmarks.md](../benchmarks.md). [The lines for machines]({DATA})\n"
    );
    page += "\n## Goals\n\nWhat is reached is in bold.\n\n";
    page += &goals_table(measured);
    page += "\nMedian (least..greatest round). Ratios are taken round by round: median [quartiles]; 2.00x is twice as fast.\n";
    let mut group = "";
    for one in measured {
        if one.group != group {
            group = one.group;
            page += &format!("\n## {}\n", capital(group));
        }
        page += &format!("\n### {}\n\n", capital(&one.row));
        page += &row_table(one);
    }
    page
}

fn conditions(options: &Options, origin: &Origin) -> String {
    let further = [
        ("rounds", options.rounds.to_string()),
        ("seconds each", options.seconds.to_string()),
    ];
    conditions_table(origin, &further)
}

fn goals_table(measured: &[Measured]) -> String {
    let goals = goals::all(measured).into_iter().map(|goal| {
        let reached = match goal.is_reached {
            true => format!("**{}**", goal.reached),
            false => goal.reached,
        };
        vec![goal.rows, goal.wanted, reached]
    });
    let head = ["rows", "goal", "reached"].map(str::to_owned);
    table(&head, 3, &goals.collect::<Vec<_>>())
}
