//! Tables for people, lines for machines.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use bookdrop_bench_common::machine::Origin;
use bookdrop_bench_common::measured::Measured;
use bookdrop_bench_common::shown::{self, Conditions};

use crate::goals;
use crate::options::Options;
use crate::page;

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
        shown::print(&measured);
        let conditions = Conditions {
            quick: self.options.quick,
            seconds: self.options.seconds,
            origin: &self.origin,
        };
        for result in &measured.results {
            let line = shown::machine_line(&measured, result, &conditions);
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
}
