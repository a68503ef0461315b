//! Tables for people, lines for machines.

use std::fs::File;
use std::io::Write;

use bookdrop_bench_common::machine::Origin;
use bookdrop_bench_common::markdown;
use bookdrop_bench_common::stats::{Spread, geometric_mean};
use serde_json::json;

use crate::alloc;
use crate::clock::{Figure, Round};
use crate::contenders::Role;
use crate::options::Options;
use crate::pin;
use crate::rounds::{Measured, Measurement};
use crate::workloads::Row;

/// Prints what was measured, group by group.
pub(crate) struct Report {
    conditions: String,
    options: Options,
    origin: Origin,
    json: Option<File>,
    group: &'static str,
    lines: Vec<String>,
    ours: Vec<Line>,
}

/// One of our figures, for the summary of a group.
struct Line {
    contender: &'static str,
    kind: &'static str,
    row: String,
    speed: f64,
    /// Against the best crate + pool, where one took part.
    to_pool: Option<f64>,
}

impl Report {
    /// Starts a report and says under which conditions.
    pub(crate) fn new(options: &Options) -> Result<Self, String> {
        let conditions = conditions(options);
        println!("{conditions}");
        println!(
            "ns per event: median, min..max; \"speed\" is against the best peer of the row, round by round."
        );
        if options.quick {
            println!("QUICK: a smoke run, its figures mean nothing.");
        }
        let create = |path| File::create(path).map_err(|error| format!("--json {path:?}: {error}"));
        Ok(Self {
            conditions,
            options: options.clone(),
            origin: Origin::of_this_run(),
            json: options.json.as_ref().map(create).transpose()?,
            group: "",
            lines: Vec::new(),
            ours: Vec::new(),
        })
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, measured: &Measured<'_>) {
        if measured.row.group != self.group {
            self.end_group();
            self.group = measured.row.group;
            println!("\n== {} ({})", self.group, self.conditions);
        }
        let executor = measured
            .row
            .executor
            .map_or("threads", |executor| executor.name());
        println!(
            "\n{}, {}, {executor}{}",
            measured.row.name,
            measured.row.kind.name(),
            match measured.row.events {
                0 => String::new(),
                events => format!(", {events} a round"),
            }
        );
        for result in &measured.results {
            println!("{}", self.line(result));
            self.lines.push(self.machine_line(measured, result));
            self.note_ours(measured, result);
        }
    }

    /// Ends the last group.
    pub(crate) fn end(mut self) {
        self.end_group();
    }

    fn line(&self, result: &Measurement<'_>) -> String {
        let wall = result.wall();
        let name = result.cell.contender;
        let spread = format!("{:.1}..{:.1}", wall.min, wall.max);
        let mut line = format!(
            "  {name:<26} {:>9.1} {spread:>20}  cpu {:>8}  {}",
            wall.median,
            self.cpu(result),
            verdict(result)
        );
        if let Some(heap) = heap(result) {
            line += &format!(
                "\n{:29}{:.4} allocations, {:.1} bytes per event; the heap grew by {} bytes",
                "", heap.calls, heap.bytes, heap.grown
            );
        }
        for (figure, spread) in figures(result) {
            line += &format!(
                "\n{:29}{:.3} ({:.3}..{:.3}) {}",
                "", spread.median, spread.min, spread.max, figure.unit
            );
        }
        line
    }

    /// The two busy threads would be counted too.
    fn cpu(&self, result: &Measurement<'_>) -> String {
        if self.options.busy {
            "-".to_owned()
        } else {
            format!("{:.1}", result.cpu().median)
        }
    }

    fn machine_line(&self, measured: &Measured<'_>, result: &Measurement<'_>) -> String {
        let heap = heap(result);
        json!({
            "group": measured.row.group,
            "row": measured.row.name,
            "kind": measured.row.kind.name(),
            "executor": measured.row.executor.map(|executor| executor.name()),
            "contender": result.cell.contender,
            "role": result.cell.role.name(),
            "best_peer": result.best,
            "pinned": self.options.pinned,
            "busy": self.options.busy,
            "quick": self.options.quick,
            "allocator": alloc::NAME,
            "cores": pin::cores().len(),
            "processor": self.origin.processor,
            "kernel": self.origin.kernel,
            "rustc": self.origin.rustc,
            "commit": self.origin.commit,
            "date": self.origin.date,
            "events": measured.row.events,
            "rounds": result.rounds.len(),
            "ns": spread(&result.wall()),
            "ns_of_each_round": result.rounds.iter().map(|each| round(each.wall_per_event())).collect::<Vec<_>>(),
            "cpu_ns": (!self.options.busy).then(|| spread(&result.cpu())),
            "speed": result.speed.as_ref().map(spread),
            "best_pool": result.best_pool,
            "speed_to_pool": result.speed_to_pool.as_ref().map(spread),
            "allocations": heap.as_ref().map(|heap| heap.calls),
            "bytes": heap.as_ref().map(|heap| heap.bytes),
            "heap_growth": heap.as_ref().map(|heap| heap.grown),
            "figures": figures(result)
                .map(|(figure, all)| (figure.name.to_owned(), spread(&all)))
                .collect::<serde_json::Map<_, _>>(),
        })
        .to_string()
    }

    fn note_ours(&mut self, measured: &Measured<'_>, result: &Measurement<'_>) {
        if let (Role::Ours, Some(speed)) = (result.cell.role, &result.speed) {
            let executor = measured
                .row
                .executor
                .map_or(String::new(), |executor| format!(", {}", executor.name()));
            self.ours.push(Line {
                contender: result.cell.contender,
                kind: measured.row.kind.name(),
                row: format!("{}{executor}", measured.row.name),
                speed: speed.median,
                to_pool: result.speed_to_pool.as_ref().map(|speed| speed.median),
            });
        }
    }

    fn end_group(&mut self) {
        if Row::is_about_time(self.group) {
            self.summary();
        }
        self.ours.clear();
        for line in self.lines.drain(..) {
            match &mut self.json {
                Some(file) => writeln!(file, "{line}").expect("the file for --json can be written"),
                None => println!("{line}"),
            }
        }
    }

    /// Our speed over all rows of the group, for each kind of event.
    fn summary(&self) {
        let mut seen = Vec::new();
        for Line {
            contender, kind, ..
        } in &self.ours
        {
            if seen.contains(&(contender, kind)) {
                continue;
            }
            seen.push((contender, kind));
            let rows: Vec<&Line> = self
                .ours
                .iter()
                .filter(|line| (&line.contender, &line.kind) == (contender, kind))
                .collect();
            let speeds: Vec<f64> = rows.iter().map(|line| line.speed).collect();
            let worst = rows
                .iter()
                .min_by(|a, b| a.speed.total_cmp(&b.speed))
                .expect("this row at least");
            let mean = geometric_mean(&speeds);
            println!(
                "\n{contender}, {kind}: {mean:.2}x the best peer in the geometric mean of {} rows, least {:.2}x ({})",
                rows.len(),
                worst.speed,
                worst.row
            );
            to_pool(&rows);
        }
        println!();
    }
}

/// The same against the peers that recycle by hand.
fn to_pool(rows: &[&Line]) {
    let compared = rows.iter().filter_map(|line| Some((line.to_pool?, line)));
    let compared: Vec<_> = compared.collect();
    let Some((least, worst)) = compared.iter().min_by(|a, b| a.0.total_cmp(&b.0)) else {
        return;
    };
    let speeds: Vec<f64> = compared.iter().map(|(speed, _)| *speed).collect();
    println!(
        "  {:.2}x the best crate + pool in the geometric mean of {} rows, least {least:.2}x ({})",
        geometric_mean(&speeds),
        speeds.len(),
        worst.row
    );
}

fn conditions(options: &Options) -> String {
    let pinned = if options.pinned {
        "pinned"
    } else {
        "not pinned"
    };
    let busy = if options.busy {
        "two busy threads beside"
    } else {
        "nothing of ours beside"
    };
    format!(
        "{}, {pinned}, {busy}, {} cores, {} rounds",
        alloc::NAME,
        pin::cores().len(),
        options.rounds
    )
}

fn verdict(result: &Measurement<'_>) -> String {
    let Some(speed) = &result.speed else {
        return String::new();
    };
    let role = match (result.cell.role, &result.speed_to_pool) {
        (Role::Control, _) => " (control)".to_owned(),
        (Role::Pool, _) if result.best_pool => " (the best crate + pool)".to_owned(),
        (Role::Pool, _) => " (crate + pool)".to_owned(),
        (Role::Ours, Some(speed)) => format!(", {:.2}x the best crate + pool", speed.median),
        _ => String::new(),
    };
    if result.best {
        "best peer".to_owned()
    } else {
        format!("{}{role}", markdown::ratio(speed))
    }
}

/// What an event asks of the allocator: the median round, and of the growth the least, since a table that grows once
/// by chance in one round is not a leak.
struct HeapPerEvent {
    calls: f64,
    bytes: f64,
    grown: i64,
}

fn heap(result: &Measurement<'_>) -> Option<HeapPerEvent> {
    let counted: Vec<(f64, alloc::Heap)> = result.rounds.iter().filter_map(per_round).collect();
    let grown = counted.iter().map(|(_, heap)| heap.grown).min()?;
    let calls = Spread::of(
        counted
            .iter()
            .map(|(events, heap)| heap.calls as f64 / events),
    )
    .median;
    let bytes = Spread::of(
        counted
            .iter()
            .map(|(events, heap)| heap.bytes as f64 / events),
    )
    .median;
    Some(HeapPerEvent {
        calls,
        bytes,
        grown,
    })
}

/// What was measured besides the time, over all rounds.
fn figures<'a>(result: &'a Measurement<'_>) -> impl Iterator<Item = (Figure, Spread)> + 'a {
    let first = result.rounds[0].figures.iter().enumerate();
    first.map(|(index, figure)| {
        let all = result.rounds.iter().map(|round| round.figures[index].value);
        (*figure, Spread::of(all))
    })
}

fn per_round(round: &Round) -> Option<(f64, alloc::Heap)> {
    round.heap.map(|heap| (round.events as f64, heap))
}

fn spread(spread: &Spread) -> serde_json::Value {
    let Spread {
        min,
        q1,
        median,
        q3,
        max,
    } = *spread;
    json!({ "min": round(min), "q1": round(q1), "median": round(median), "q3": round(q3), "max": round(max) })
}

fn round(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}
