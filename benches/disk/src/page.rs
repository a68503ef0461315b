//! The page that `--publish` writes.

use bookdrop_bench_common::machine::Origin;
use bookdrop_bench_common::markdown::{GENERATED, capital, ratio, table};

use crate::contenders::OURS;
use crate::goals;
use crate::measured::{Measured, Measurement};
use crate::options::Options;
use crate::queue::Role;
use crate::report::{figure, ours_to_it, to_limit};

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
    let head = [
        "processor",
        "kernel",
        "rustc",
        "commit",
        "date",
        "rounds",
        "seconds each",
    ];
    let known = |text: &Option<String>| text.clone().unwrap_or_default();
    let row = vec![
        known(&origin.processor),
        known(&origin.kernel),
        known(&origin.rustc),
        known(&origin.commit),
        known(&origin.date),
        options.rounds.to_string(),
        options.seconds.to_string(),
    ];
    table(&head.map(str::to_owned), 5, &[row])
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

/// Only with the columns of which there is something to say.
fn row_table(measured: &Measured) -> String {
    let has_limit = measured.limit().is_some();
    let mut head = vec!["contender".to_owned(), measured.unit.name().to_owned()];
    if has_limit {
        head.push("of the raw limit".to_owned());
    }
    head.push(format!("{OURS} against it"));
    let rows = measured.results.iter().map(|result| {
        let written = |spread: Option<_>| spread.as_ref().map_or_else(String::new, ratio);
        let mut row = vec![name(result), figure(&result.spread(), measured.unit)];
        if has_limit {
            row.push(written(to_limit(measured, result)));
        }
        row.push(written(ours_to_it(measured, result)));
        row
    });
    table(&head, 1, &rows.collect::<Vec<_>>())
}

fn name(result: &Measurement) -> String {
    match result.role {
        Role::Ours => format!("**{}**", result.contender),
        Role::Limit | Role::Peer => result.contender.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measured::Unit::EventsPerSecond;
    use crate::measured::tests::row;

    #[test]
    fn a_row_is_a_table_with_the_ratios_that_it_has() {
        let with_limit = row("a", "b", EventsPerSecond, [100.0, 80.0, 10.0, 40.0]);
        let text = row_table(&with_limit);
        assert!(
            text.starts_with("| contender | events/s | of the raw limit | bookdrop against it |")
        );
        assert!(
            text.contains("| **bookdrop** | 80.0 (80.0..80.0) | 0.80x [0.80..0.80], a tie |  |")
        );
        assert!(
            text.contains("| fast | 40.0 (40.0..40.0) | 0.40x [0.40..0.40] | 2.00x [2.00..2.00] |")
        );
        let mut without = with_limit;
        without.results.remove(0);
        assert!(!row_table(&without).contains("raw limit"));
    }
}
