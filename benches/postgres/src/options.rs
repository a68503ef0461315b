//! The command line.

use std::path::PathBuf;

/// What `--help` prints.
const HELP: &str = "\
Measures bookdrop's queue in PostgreSQL beside the bare client and others, on one server, in alternating rounds.

cargo run --release -p bookdrop-bench-postgres -- [options] [filter]...

  filter                  only rows whose name contains every such text (see --list)
  --with <text>           only contenders whose name contains this text, or is this text behind a `=` (may be repeated)
  --rounds <n>            rounds of each contender in a row (5; what is published has 21)
  --seconds <x>           about how long each of them takes (0.4)
  --quick                 a smoke run: 3 short rounds; its figures mean nothing
  --json <file>           write the machine-readable lines there
  --publish <directory>   write the page and the machine-readable lines there
  --list                  print the names of the rows and end
  --help                  print this and end";

/// What was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Rounds of each contender in a row.
    pub rounds: usize,
    /// About how long each takes.
    pub seconds: f64,
    /// A smoke run.
    pub quick: bool,
    /// Where the machine-readable lines go.
    pub json: Option<PathBuf>,
    /// Where the page goes.
    pub publish: Option<PathBuf>,
    /// Print the names of the rows only.
    pub list: bool,
    /// All of these are in the name of a row that is run.
    pub only: Vec<String>,
    /// One of these is in the name of a contender that takes part.
    pub with: Vec<String>,
}

impl Options {
    /// What is meant where nothing is said.
    fn new(quick: bool) -> Self {
        Self {
            rounds: if quick { 3 } else { 5 },
            seconds: if quick { 0.02 } else { 0.4 },
            quick,
            json: None,
            publish: None,
            list: false,
            only: Vec::new(),
            with: Vec::new(),
        }
    }

    /// Reads the command line; ends the process where there is nothing to run.
    pub(crate) fn from_command_line() -> Self {
        let words: Vec<String> = std::env::args().skip(1).collect();
        match Self::parse(&words) {
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

    fn parse(words: &[String]) -> Result<Option<Self>, String> {
        let mut options = Self::new(words.iter().any(|word| word == "--quick"));
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--help" | "-h" => return Ok(None),
                "--quick" => {}
                "--rounds" => options.rounds = number(value()?)?,
                "--seconds" => options.seconds = number(value()?)?,
                "--json" => options.json = Some(value()?.into()),
                "--publish" => options.publish = Some(value()?.into()),
                "--list" => options.list = true,
                "--with" => options.with.push(value()?.to_lowercase()),
                flag if flag.starts_with('-') => return Err(format!("unknown option {flag}")),
                filter => options.only.push(filter.to_lowercase()),
            }
        }
        let is_time = options.seconds > 0.0 && options.seconds.is_finite();
        if options.rounds == 0 || !is_time {
            return Err("no number may be 0".to_owned());
        }
        Ok(Some(options))
    }

    /// Whether a row of this name is to be run.
    pub(crate) fn wants(&self, row: &str) -> bool {
        let row = row.to_lowercase();
        self.only.iter().all(|text| row.contains(text))
    }

    /// Whether a contender of this name takes part.
    pub(crate) fn admits(&self, contender: &str) -> bool {
        let is_meant = |text: &String| match text.strip_prefix('=') {
            Some(name) => contender == name,
            None => contender.contains(text.as_str()),
        };
        self.with.is_empty() || self.with.iter().any(is_meant)
    }
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N, String> {
    text.parse()
        .map_err(|_| format!("{text} is not a number that fits here"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &str) -> Result<Option<Options>, String> {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        Options::parse(&words)
    }

    #[test]
    fn a_quick_run_is_quick_in_all_that_is_not_said() {
        let options = parsed("--rounds 7 --quick request").expect("good");
        let options = options.expect("not help");
        assert_eq!((options.rounds, options.seconds), (7, 0.02));
        assert!(options.wants("Request, 1 task") && !options.wants("send, 1 task"));
    }

    #[test]
    fn contenders_are_named_in_part_or_as_a_whole() {
        let admits = |words: &str, name| {
            let options = parsed(words).expect("good").expect("not help");
            options.admits(name)
        };
        assert!(admits("--list", "by hand"));
        assert!(admits("--with bookdrop", "bookdrop, one driver"));
        assert!(!admits("--with =bookdrop", "bookdrop, one driver"));
    }

    #[test]
    fn what_is_no_number_or_unknown_is_told() {
        for wrong in [
            "--rounds",
            "--rounds x",
            "--rounds 0",
            "--seconds nan",
            "--what",
        ] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
