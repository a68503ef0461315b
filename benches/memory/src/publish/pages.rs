//! The pages of one allocator: a summary, and for each group of rows a page with its plots and tables.

use std::fs;
use std::path::Path;

use super::markdown::{
    GENERATED, capital, digits, exactly, median_and_extremes, speed, table, words,
};
use super::record::Record;
use super::saved::{Run, Saved, Subject, slug};
use super::{plots, summary};

/// Writes all pages and plots into a directory of its own, in place of earlier ones.
pub(crate) fn write(saved: &Saved, directory: &Path) -> Result<(), String> {
    let directory = directory.join(slug(&saved.allocator));
    clear(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let put = |name: String, text: &str| {
        let path = directory.join(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    put("summary.md".to_owned(), &summary::page(saved))?;
    for group in saved.groups() {
        let saved = saved.of_group(group);
        let mut page = head(&saved, group);
        for kind in saved.kinds(group) {
            page += &format!("\n## {kind}\n\n");
            for (name, svg) in plots::draw(&saved, group, kind)? {
                put(name.clone(), &svg)?;
                page += &format!("![{group}, {kind}]({name})\n\n");
            }
            page += &figures(&saved, group, kind);
        }
        put(format!("{}.md", slug(group)), &page)?;
    }
    Ok(())
}

/// Makes the directory, and removes the pages and plots of an earlier time.
fn clear(directory: &Path) -> std::io::Result<()> {
    fs::create_dir_all(directory)?;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|ending| ending == "md" || ending == "svg")
        {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn head(saved: &Saved, group: &str) -> String {
    let legend = match saved.subject(group) {
        Subject::Time => {
            "Nanoseconds per event: median (least..greatest round). Speed: against the best peer of the row, round by round,\n\
             median [quartiles]; 2.00x is twice as fast. A control does other work and is never the measure."
        }
        Subject::Heap => {
            "Calls of the allocator and bytes asked for per event, what the heap grew by in all, and the CPU time per event in\n\
             nanoseconds (median)."
        }
        Subject::Figures(_) => "Median (least..greatest round).",
    };
    format!(
        "{GENERATED}\n\n# {}\n\nMeasured on {}. [Summary](summary.md)\n\n{}\n{legend}\n",
        capital(group),
        saved.allocator,
        summary::conditions(saved)
    )
}

/// Everyone's figures, run beside run.
fn figures(saved: &Saved, group: &str, kind: &str) -> String {
    let subject = saved.subject(group);
    let columns = |run: &Run| {
        let columns: Vec<&str> = match &subject {
            Subject::Time => vec!["ns", "speed"],
            Subject::Heap => vec!["allocations", "bytes", "heap growth", "CPU ns"],
            Subject::Figures(names) => names.iter().map(String::as_str).collect(),
        };
        let named = columns
            .iter()
            .enumerate()
            .map(|(index, column)| match index {
                0 => format!("{}: {}", run.condition.name(), words(column)),
                _ => words(column),
            });
        named.collect::<Vec<_>>()
    };
    let cells = |record: &Record| match &subject {
        Subject::Time => vec![median_and_extremes(&record.wall), speed(record)],
        Subject::Heap => costs(record),
        Subject::Figures(names) => names
            .iter()
            .map(|name| {
                record
                    .figure(name)
                    .as_ref()
                    .map_or_else(String::new, exactly)
            })
            .collect(),
    };
    rows(saved, group, kind, columns, cells)
}

/// What a contender asks of the allocator.
fn costs(record: &Record) -> Vec<String> {
    let heap = record.heap;
    let cell = |figure: Option<String>| figure.unwrap_or_default();
    vec![
        cell(heap.map(|heap| format!("{:.4}", heap.allocations))),
        cell(heap.map(|heap| format!("{:.1}", heap.bytes))),
        cell(heap.map(|heap| format!("{:.0}", heap.growth))),
        cell(record.cpu.map(|cpu| digits(cpu.median))),
    ]
}

fn rows(
    saved: &Saved,
    group: &str,
    kind: &str,
    columns: impl Fn(&Run) -> Vec<String>,
    cells: impl Fn(&Record) -> Vec<String>,
) -> String {
    let mut head = vec!["row".to_owned(), "contender".to_owned()];
    head.extend(saved.runs.iter().flat_map(&columns));
    let mut table_rows = Vec::new();
    for row in saved.rows(group, kind) {
        for (index, one) in row.iter().enumerate() {
            let label = if index == 0 {
                one.label()
            } else {
                String::new()
            };
            let mut line = vec![label, contender(one)];
            for run in &saved.runs {
                let nothing = || vec![String::new(); columns(run).len()];
                line.extend(run.find(one).map_or_else(nothing, &cells));
            }
            table_rows.push(line);
        }
    }
    table(&head, 2, &table_rows)
}

fn contender(record: &Record) -> String {
    let name = &record.contender;
    match record.role.as_str() {
        "ours" => format!("**{name}**"),
        "peer" => name.clone(),
        role => format!("{name} ({role})"),
    }
}
