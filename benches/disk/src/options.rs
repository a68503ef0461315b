//! The command line.

use std::path::PathBuf;

/// What `--help` prints.
const HELP: &str = "\
Measures bookdrop's queue on disk beside the disk itself and embedded stores, in one process, in alternating rounds.

cargo run --release -p bookdrop-bench-disk -- [options] [filter]...

  filter                  only rows whose name contains every such text (see --list)
  --with <text>           only contenders whose name contains this text, or is this text behind a `=` (may be repeated)
  --rounds <n>            rounds of each contender in a row (21)
  --seconds <x>           about how long each of them takes (0.4)
  --backlog <n>           events in the larger of the two standing backlogs (10000000)
  --stored <n>            events in a folder that is opened (1000000)
  --volume <MiB>          what is written while each send is timed (1024)
  --quick                 a smoke run: 3 short rounds, little of everything; its figures mean nothing
  --folder <directory>    where the files go, which must be on the disk to measure (a temporary directory)
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
    /// Events in the larger backlog.
    pub backlog: u64,
    /// Events in a folder that is opened.
    pub stored: u64,
    /// Bytes that are written while each send is timed.
    pub volume: u64,
    /// A smoke run.
    pub quick: bool,
    /// Where the files go.
    pub folder: Option<PathBuf>,
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
        let pick = |usual: u64, quickly: u64| if quick { quickly } else { usual };
        Self {
            rounds: pick(21, 3) as usize,
            seconds: if quick { 0.02 } else { 0.4 },
            backlog: pick(10_000_000, 100_000),
            stored: pick(1_000_000, 20_000),
            volume: pick(1024, 4) << 20,
            quick,
            folder: None,
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
                "--backlog" => options.backlog = number(value()?)?,
                "--stored" => options.stored = number(value()?)?,
                "--volume" => options.volume = number::<u64>(value()?)? << 20,
                "--folder" => options.folder = Some(value()?.into()),
                "--json" => options.json = Some(value()?.into()),
                "--publish" => options.publish = Some(value()?.into()),
                "--list" => options.list = true,
                "--with" => options.with.push(value()?.to_lowercase()),
                flag if flag.starts_with('-') => return Err(format!("unknown option {flag}")),
                filter => options.only.push(filter.to_lowercase()),
            }
        }
        let counts = [options.backlog, options.stored, options.volume];
        let is_time = options.seconds > 0.0 && options.seconds.is_finite();
        if options.rounds == 0 || counts.contains(&0) || !is_time {
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
        let options = parsed("--backlog 7 --quick always").expect("good");
        let options = options.expect("not help");
        assert_eq!((options.backlog, options.rounds), (7, 3));
        assert!(options.wants("Send only, sync always") && !options.wants("sync never"));
    }

    #[test]
    fn contenders_are_named_in_part_or_as_a_whole() {
        let admits = |words: &str, name| {
            let options = parsed(words).expect("good").expect("not help");
            options.admits(name)
        };
        assert!(admits("--list", "redb"));
        assert!(admits("--with redb", "redb, batched"));
        assert!(admits("--with fjall --with =redb", "redb"));
        assert!(!admits("--with =redb", "redb, batched"));
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
