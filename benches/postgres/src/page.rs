//! The page that `--publish` writes.

use bookdrop_bench_common::machine::Origin;
use bookdrop_bench_common::markdown::{GENERATED, capital};
use bookdrop_bench_common::measured::Measured;
use bookdrop_bench_common::shown::{conditions_table, row_table};

use crate::options::Options;

/// The name of the page.
pub(crate) const NAME: &str = "postgres.md";
/// The name of the file with the machine-readable lines of the same run.
pub(crate) const DATA: &str = "postgres.jsonl";

/// The page.
pub(crate) fn page(
    measured: &[Measured],
    options: &Options,
    origin: &Origin,
    server: &str,
) -> String {
    let mut page = format!("{GENERATED}\n\n# The queue in PostgreSQL\n\n");
    if options.quick {
        page += "**A smoke run: its figures mean nothing.**\n\n";
    }
    page += &conditions_table(
        origin,
        &[
            ("PostgreSQL", server.to_owned()),
            ("rounds", options.rounds.to_string()),
            ("seconds each", options.seconds.to_string()),
        ],
    );
    page += &format!(
        "\nWhat is measured, and how, is in [benchmarks.md](../benchmarks.md#the-queue-in-postgresql). [The lines for machines]({DATA})\n"
    );
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
