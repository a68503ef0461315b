//! The first page: how it was measured, what the goals are, and our speed in each group.

use std::collections::BTreeSet;

use super::goals;
use super::markdown::{GENERATED, capital, table, times};
use super::record::Record;
use super::saved::{Run, Saved, Subject, slug};
use crate::contenders;
use crate::options::Options;
use crate::workloads;
use bookdrop_bench_common::stats::geometric_mean;

/// The page.
pub(crate) fn page(saved: &Saved) -> String {
    let mut page = format!("{GENERATED}\n\n# Measured on {}\n\n", saved.allocator);
    page += &conditions(saved);
    page += "\n## Goals\n\nWhat is reached is in bold; a dash stands where it is not asked for or was not measured.\n\n";
    page += &goals_table(saved);
    page += "\n## By group\n";
    for group in saved.groups() {
        page += &format!(
            "\n### {}\n\n[Tables and plots]({}.md)\n",
            capital(group),
            slug(group)
        );
        let saved = saved.of_group(group);
        if saved.subject(group) == Subject::Time {
            page += "\n";
            page += &speeds(&saved, group);
        }
    }
    page
}

/// How it was run, with a warning where the figures mean nothing or cannot be compared.
pub(crate) fn conditions(saved: &Saved) -> String {
    let head = [
        "run",
        "processor",
        "kernel",
        "rustc",
        "commit",
        "date",
        "cores",
        "rounds",
    ];
    let rows: Vec<Vec<String>> = saved.runs.iter().map(condition).collect();
    let mut text = table(&head.map(str::to_owned), 6, &rows);
    if saved.records().any(|record| record.quick) {
        text.insert_str(0, "**A smoke run: its figures mean nothing.**\n\n");
    }
    let commits: BTreeSet<_> = saved
        .records()
        .map(|record| &record.origin.commit)
        .collect();
    if commits.len() > 1 {
        text.insert_str(
            0,
            "**The runs are not of one commit: compare within a column only.**\n\n",
        );
    }
    text
}

fn condition(run: &Run) -> Vec<String> {
    let first = run.records.first();
    let origin = first.map(|record| record.origin.clone());
    let origin = origin.unwrap_or_default();
    let rounds = run.records.iter().map(|record| record.rounds).max();
    vec![
        run.condition.name().to_owned(),
        origin.processor.unwrap_or_default(),
        origin.kernel.unwrap_or_default(),
        origin.rustc.unwrap_or_default(),
        origin.commit.unwrap_or_default(),
        origin.date.unwrap_or_default(),
        first.map_or(0, |record| record.cores).to_string(),
        rounds.unwrap_or(0).to_string(),
    ]
}

fn goals_table(saved: &Saved) -> String {
    let mut head = ["rows", "figure", "goal"].map(str::to_owned).to_vec();
    let reached = saved.runs.iter();
    head.extend(reached.map(|run| format!("reached, {}", run.condition.name())));
    let catalogue = contenders::catalogue();
    let all_rows = workloads::rows(&catalogue, &Options::default());
    let rows: Vec<Vec<String>> = goals::all()
        .iter()
        .map(|goal| {
            let mut row = vec![goal.name(), goal.figure.name(), goal.bound.name()];
            let count = goal.count(&all_rows);
            let runs = saved.runs.iter();
            row.extend(runs.map(|run| goal.reached(run.condition, &run.records, count)));
            row
        })
        .collect();
    table(&head, head.len(), &rows)
}

/// Our speed against the best peer over all rows of a group, for each kind of event.
fn speeds(saved: &Saved, group: &str) -> String {
    let mut head = vec!["ours".to_owned(), "event".to_owned()];
    for run in &saved.runs {
        let name = run.condition.name();
        head.extend([format!("{name}: geometric mean"), "least row".to_owned()]);
    }
    let mut rows: Vec<Vec<String>> = Vec::new();
    for kind in saved.kinds(group) {
        for ours in [goals::DEFAULT, goals::AUTO_ACK] {
            let mut row = vec![ours.to_owned(), kind.to_owned()];
            for run in &saved.runs {
                let lines = run.records.iter().filter(|record| {
                    (record.group.as_str(), record.kind.as_str()) == (group, kind)
                        && record.contender == ours
                });
                row.extend(mean_and_least(&lines.collect::<Vec<_>>()));
            }
            rows.push(row);
        }
    }
    table(&head, 2, &rows)
}

fn mean_and_least(lines: &[&Record]) -> [String; 2] {
    let speeds = lines
        .iter()
        .filter_map(|line| Some((line.speed?.median, line)));
    let speeds: Vec<_> = speeds.collect();
    let Some((least, line)) = speeds.iter().min_by(|a, b| a.0.total_cmp(&b.0)) else {
        return ["-".to_owned(), "-".to_owned()];
    };
    let only: Vec<f64> = speeds.iter().map(|(speed, _)| *speed).collect();
    [
        times(geometric_mean(&only)),
        format!("{} ({})", times(*least), line.label()),
    ]
}
