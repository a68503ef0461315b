//! Tables for people, lines for machines.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use bookdrop_bench_common::machine::Origin;
use bookdrop_bench_common::measured::Measured;
use bookdrop_bench_common::shown::{self, Conditions};

use crate::options::Options;
use crate::page;
use crate::place::Place;

/// Prints what was measured, and keeps it for the page.
pub(crate) struct Report {
    options: Options,
    origin: Origin,
    server: String,
    json: Vec<File>,
    measured: Vec<Measured>,
}

impl Report {
    /// Starts a report and says under which conditions.
    pub(crate) fn new(options: &Options, place: &Place) -> Result<Self, String> {
        let server = place.conditions();
        println!("PostgreSQL {server}");
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
            server,
            json: files
                .iter()
                .map(|path| create(path))
                .collect::<Result<_, _>>()?,
            measured: Vec::new(),
        })
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, measured: Measured) {
        let is_first = |last: &Measured| last.group != measured.group;
        if self.measured.last().is_none_or(is_first) {
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

    /// Writes the page.
    pub(crate) fn end(self) -> Result<(), String> {
        let Some(directory) = &self.options.publish else {
            return Ok(());
        };
        let path = directory.join(page::NAME);
        let text = page::page(&self.measured, &self.options, &self.origin, &self.server);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    }
}
