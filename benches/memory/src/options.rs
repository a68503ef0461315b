//! The command line.

use std::path::PathBuf;

/// What `--help` prints.
const HELP: &str = "\
Measures bookdrop's memory driver beside other channels, in one process, in alternating rounds.

cargo run --release -p bookdrop-bench -- [options] [filter]...

  filter, --only <text>   only rows whose name contains every such text (see --list)
  --with <text>           only contenders whose name contains this text (may be repeated); the best peer is one of these
  --rounds <n>            rounds of each contender in a row (9)
  --scale <x>             so many times the usual number of events in a round (1)
  --pinned                pin each thread to a core of its own, in turn when there are fewer cores
  --busy                  with two busy-looping threads beside
  --quick                 a smoke run: 3 rounds, few events; its figures mean nothing
  --json <file>           write the machine-readable lines there, not below the tables
  --publish <directory>   measure twice, not pinned and pinned, and write the pages and plots of both there
  --render <directory>    write the pages and plots anew from what --publish saved there; measures nothing
  --list                  print the names of the rows and end
  --help                  print this and end

Build with `--features mimalloc` to measure on mimalloc in place of the system's malloc, and with `--features frameworks` to have
the actor and broker frameworks take part.";

/// What was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Rounds of each contender in a row.
    pub rounds: usize,
    /// Times the usual number of events.
    pub scale: f64,
    /// Pin threads.
    pub pinned: bool,
    /// Two busy threads beside.
    pub busy: bool,
    /// A smoke run.
    pub quick: bool,
    /// Print the names of the rows only.
    pub list: bool,
    /// Where the machine-readable lines go.
    pub json: Option<PathBuf>,
    /// Where the pages of two runs go.
    pub publish: Option<PathBuf>,
    /// Where the pages of saved runs go.
    pub render: Option<PathBuf>,
    /// All of these are in the name of a row that is run.
    pub only: Vec<String>,
    /// One of these is in the name of a contender that takes part.
    pub with: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rounds: 9,
            scale: 1.0,
            pinned: false,
            busy: false,
            quick: false,
            list: false,
            json: None,
            publish: None,
            render: None,
            only: Vec::new(),
            with: Vec::new(),
        }
    }
}

impl Options {
    /// Reads the command line; ends the process where there is nothing to run.
    pub(crate) fn from_command_line() -> Self {
        match Self::parse(std::env::args().skip(1)) {
            Ok(Some(options)) => options,
            Ok(None) => {
                println!("{HELP}");
                std::process::exit(0);
            }
            Err(problem) => {
                eprintln!("{problem}\n\n{HELP}");
                std::process::exit(2);
            }
        }
    }

    fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options = Self::default();
        let (mut rounds, mut scale) = (None, None);
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--help" | "-h" => return Ok(None),
                "--rounds" => rounds = Some(number::<usize>(&value()?)?),
                "--scale" => scale = Some(number(&value()?)?),
                "--pinned" => options.pinned = true,
                "--busy" => options.busy = true,
                "--quick" => options.quick = true,
                "--list" => options.list = true,
                "--json" => options.json = Some(value()?.into()),
                "--publish" => options.publish = Some(value()?.into()),
                "--render" => options.render = Some(value()?.into()),
                "--only" => options.only.push(value()?.to_lowercase()),
                "--with" => options.with.push(value()?.to_lowercase()),
                flag if flag.starts_with('-') => return Err(format!("unknown option {flag}")),
                filter => options.only.push(filter.to_lowercase()),
            }
        }
        options.rounds = rounds.unwrap_or(if options.quick { 3 } else { 9 });
        options.scale = scale.unwrap_or(if options.quick { 0.05 } else { 1.0 });
        if options.rounds == 0 || !(options.scale > 0.0 && options.scale.is_finite()) {
            return Err("--rounds and --scale are more than 0".to_owned());
        }
        let publishes = options.publish.is_some() || options.render.is_some();
        if publishes && (options.pinned || options.json.is_some() || options.list) {
            return Err("--publish and --render choose --pinned and --json themselves".to_owned());
        }
        Ok(Some(options))
    }

    /// How many events a round has that usually has so many.
    pub(crate) fn scaled(&self, events: u64) -> u64 {
        ((events as f64 * self.scale) as u64).max(100)
    }

    /// Whether a row of this name is to be run.
    pub(crate) fn wants(&self, row: &str) -> bool {
        let row = row.to_lowercase();
        self.only.iter().all(|text| row.contains(text))
    }

    /// Whether a contender of this name takes part.
    pub(crate) fn admits(&self, contender: &str) -> bool {
        let contender = contender.to_lowercase();
        self.with.is_empty() || self.with.iter().any(|text| contender.contains(text))
    }
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse()
        .map_err(|_| format!("{text} is not a number that fits here"))
}
