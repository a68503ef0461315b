//! Tables for people, lines for machines.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use crate::machine::Origin;
use crate::measured::Measured;
use crate::options::Options;
use crate::page::Page;
use crate::shown::{self, Conditions};

/// Prints what was measured, and keeps it for the page.
pub struct Report<'a> {
    options: &'a Options,
    /// Of the page and of the file with the machine-readable lines, without their endings.
    name: &'static str,
    origin: Origin,
    json: Vec<File>,
    measured: Vec<Measured>,
}

impl<'a> Report<'a> {
    /// Starts a report, whose page has this name.
    pub fn new(options: &'a Options, name: &'static str) -> Result<Self, String> {
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
            files.push(directory.join(format!("{name}.jsonl")));
        }
        files.extend(options.json.clone());
        let create = |path: &Path| {
            File::create(path).map_err(|error| format!("{}: {error}", path.display()))
        };
        Ok(Self {
            options,
            name,
            origin: Origin::of_this_run(),
            json: files
                .iter()
                .map(|path| create(path))
                .collect::<Result<_, _>>()?,
            measured: Vec::new(),
        })
    }

    /// Adds a row.
    pub fn row(&mut self, measured: Measured) {
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

    /// All rows so far.
    pub fn measured(&self) -> &[Measured] {
        &self.measured
    }

    /// Writes the page, if that was asked for.
    pub fn end(self, page: &Page<'_>) -> Result<(), String> {
        let Some(directory) = &self.options.publish else {
            return Ok(());
        };
        let path = directory.join(format!("{}.md", self.name));
        let text = page.text(self.name, &self.measured, self.options, &self.origin);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    }
}
