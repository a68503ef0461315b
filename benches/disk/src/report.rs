//! Tables for people, lines for machines.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use bookdrop_bench_common::machine::Origin;
use bookdrop_bench_common::markdown;
use bookdrop_bench_common::stats::Spread;
use serde_json::json;

use crate::contenders::OURS;
use crate::goals;
use crate::measured::{Measured, Measurement, Unit};
use crate::options::Options;
use crate::page;
use crate::queue::Role;

/// Prints what was measured, and keeps it for the page.
pub(crate) struct Report {
    options: Options,
    origin: Origin,
    json: Vec<File>,
    measured: Vec<Measured>,
}

impl Report {
    /// Starts a report and says under which conditions.
    pub(crate) fn new(options: &Options) -> Result<Self, String> {
        println!(
            "{} rounds of about {} s; median (least..greatest round), ratios round by round: median [quartiles].",
            options.rounds, options.seconds
        );
        if options.quick {
            println!("QUICK: a smoke run, its figures mean nothing.");
        }
        let mut files = Vec::new();
        if let Some(directory) = &options.publish {
            fs::create_dir_all(directory)
                .map_err(|error| format!("{}: {error}", directory.display()))?;
            files.push(directory.join(page::DATA));
        }
        files.extend(options.json.clone());
        let create = |path: &Path| {
            File::create(path).map_err(|error| format!("{}: {error}", path.display()))
        };
        Ok(Self {
            options: options.clone(),
            origin: Origin::of_this_run(),
            json: files
                .iter()
                .map(|path| create(path))
                .collect::<Result<_, _>>()?,
            measured: Vec::new(),
        })
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, measured: Measured) {
        if self
            .measured
            .last()
            .is_none_or(|last| last.group != measured.group)
        {
            println!("\n== {}", measured.group);
        }
        println!("\n{} ({})", measured.row, measured.unit.name());
        for result in &measured.results {
            println!(
                "  {:<18} {:<32} {}",
                result.contender,
                figure(&result.spread(), measured.unit),
                comparisons(&measured, result).join("; ")
            );
            let line = self.machine_line(&measured, result);
            for file in &mut self.json {
                writeln!(file, "{line}").expect("the machine-readable lines can be written");
            }
        }
        self.measured.push(measured);
    }

    /// Says what was reached, and writes the page.
    pub(crate) fn end(self) -> Result<(), String> {
        println!("\n== goals\n");
        for goal in goals::all(&self.measured) {
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
        let Some(directory) = &self.options.publish else {
            return Ok(());
        };
        let path = directory.join(page::NAME);
        let text = page::page(&self.measured, &self.options, &self.origin);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn machine_line(&self, measured: &Measured, result: &Measurement) -> String {
        let to_limit = to_limit(measured, result);
        let ours_to_it = ours_to_it(measured, result);
        json!({
            "group": measured.group,
            "row": measured.row,
            "unit": measured.unit.name(),
            "contender": result.contender,
            "role": result.role.name(),
            "figure": spread(&result.spread()),
            "each_round": result.rounds,
            "to_limit": to_limit.as_ref().map(spread),
            "ours_to_it": ours_to_it.as_ref().map(spread),
            "quick": self.options.quick,
            "seconds": self.options.seconds,
            "processor": self.origin.processor,
            "kernel": self.origin.kernel,
            "rustc": self.origin.rustc,
            "commit": self.origin.commit,
            "date": self.origin.date,
        })
        .to_string()
    }
}

/// A median and its extremes, with as many digits as mean something.
pub(crate) fn figure(spread: &Spread, unit: Unit) -> String {
    match unit {
        Unit::Seconds => format!(
            "{:.3} ({:.3}..{:.3})",
            spread.median, spread.min, spread.max
        ),
        Unit::EventsPerSecond | Unit::Microseconds => markdown::median_and_extremes(spread),
    }
}

/// What is said of a contender in words.
fn comparisons(measured: &Measured, result: &Measurement) -> Vec<String> {
    let to_limit =
        to_limit(measured, result).map(|ratio| markdown::ratio(&ratio) + " of the limit");
    let ours =
        ours_to_it(measured, result).map(|ratio| format!("{OURS} {}", markdown::ratio(&ratio)));
    to_limit.into_iter().chain(ours).collect()
}

/// Its part of what the disk can do.
pub(crate) fn to_limit(measured: &Measured, result: &Measurement) -> Option<Spread> {
    let limit = measured.limit().filter(|_| result.role != Role::Limit)?;
    Some(measured.against(result, limit))
}

/// How many times as good as a peer we are.
pub(crate) fn ours_to_it(measured: &Measured, result: &Measurement) -> Option<Spread> {
    let ours = measured.ours().filter(|_| result.role == Role::Peer)?;
    Some(measured.against(ours, result))
}

fn spread(spread: &Spread) -> serde_json::Value {
    let Spread {
        min,
        q1,
        median,
        q3,
        max,
    } = *spread;
    json!({ "min": min, "q1": q1, "median": median, "q3": q3, "max": max })
}
