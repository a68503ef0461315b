//! The command line of programs that measure queues in rounds.

use std::path::PathBuf;
use std::str::FromStr;

/// A program, as `--help` tells of it.
pub struct Program {
    /// What it measures, in a sentence.
    pub about: &'static str,
    /// How it is run.
    pub command: &'static str,
    /// Rounds of each contender in a row, where nothing is said.
    pub rounds: usize,
    /// Options of its own, a line for each.
    pub further: &'static str,
}

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Options {
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

/// Gives the value of an option.
pub type Value<'a> = dyn FnMut() -> Result<String, String> + 'a;

/// Reads an option of a program's own, and says whether it is one.
pub type Further<'a> = dyn FnMut(&str, &mut Value<'_>) -> Result<bool, String> + 'a;

impl Program {
    /// Reads the command line; ends the process where there is nothing to run.
    pub fn options(&self, further: &mut Further<'_>) -> Options {
        let words: Vec<String> = std::env::args().skip(1).collect();
        match self.parse(&words, further) {
            Ok(Some(options)) => options,
            Ok(None) => {
                println!("{}", self.help());
                std::process::exit(0);
            }
            Err(problem) => {
                eprintln!("{problem}\n\n{}", self.help());
                std::process::exit(2);
            }
        }
    }

    fn help(&self) -> String {
        let Program {
            about,
            command,
            rounds,
            further,
        } = self;
        format!(
            "\
{about}, in alternating rounds.

{command} -- [options] [filter]...

  filter                  only rows whose name contains every such text (see --list)
  --with <text>           only contenders whose name contains this text, or is this text behind a `=` (may be repeated)
  --rounds <n>            rounds of each contender in a row ({rounds})
  --seconds <x>           about how long each of them takes (0.4)
{further}  --quick                 a smoke run: 3 short rounds, little of everything; its figures mean nothing
  --json <file>           write the machine-readable lines there
  --publish <directory>   write the page and the machine-readable lines there
  --list                  print the names of the rows and end
  --help                  print this and end"
        )
    }

    /// What is meant where nothing is said.
    fn usual(&self, quick: bool) -> Options {
        Options {
            rounds: if quick { 3 } else { self.rounds },
            seconds: if quick { 0.02 } else { 0.4 },
            quick,
            json: None,
            publish: None,
            list: false,
            only: Vec::new(),
            with: Vec::new(),
        }
    }

    fn parse(
        &self,
        words: &[String],
        further: &mut Further<'_>,
    ) -> Result<Option<Options>, String> {
        let mut options = self.usual(words.iter().any(|word| word == "--quick"));
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().cloned().ok_or(format!("{word} needs a value"));
            match word.as_str() {
                "--help" | "-h" => return Ok(None),
                "--quick" => {}
                "--rounds" => options.rounds = number(&value()?)?,
                "--seconds" => options.seconds = number(&value()?)?,
                "--json" => options.json = Some(value()?.into()),
                "--publish" => options.publish = Some(value()?.into()),
                "--list" => options.list = true,
                "--with" => options.with.push(value()?.to_lowercase()),
                flag if flag.starts_with('-') => {
                    if !further(flag, &mut value)? {
                        return Err(format!("unknown option {flag}"));
                    }
                }
                filter => options.only.push(filter.to_lowercase()),
            }
        }
        let is_time = options.seconds > 0.0 && options.seconds.is_finite();
        if options.rounds == 0 || !is_time {
            return Err("no number may be 0".to_owned());
        }
        Ok(Some(options))
    }
}

impl Options {
    /// Whether a row of this name is to be run.
    pub fn wants(&self, row: &str) -> bool {
        let row = row.to_lowercase();
        self.only.iter().all(|text| row.contains(text))
    }

    /// Whether a contender of this name takes part.
    pub fn admits(&self, contender: &str) -> bool {
        let is_meant = |text: &String| match text.strip_prefix('=') {
            Some(name) => contender == name,
            None => contender.contains(text.as_str()),
        };
        self.with.is_empty() || self.with.iter().any(is_meant)
    }

    /// Leaves the rows that are to be run; ends the process where there are none, or where only their names are asked for.
    pub fn choose<R>(&self, rows: &mut Vec<R>, name: impl Fn(&R) -> String) {
        rows.retain(|row| self.wants(&name(row)));
        if rows.is_empty() {
            let problem =
                "no row has all these texts in its name; --list prints the names of the rows";
            fail(problem, 2);
        }
        if self.list {
            rows.iter().for_each(|row| println!("{}", name(row)));
            std::process::exit(0);
        }
    }
}

/// What was asked for cannot be done.
pub fn fail(problem: &str, code: i32) -> ! {
    eprintln!("{problem}");
    std::process::exit(code);
}

/// A number that was said.
pub fn number<N: FromStr>(text: &str) -> Result<N, String> {
    text.parse()
        .map_err(|_| format!("{text} is not a number that fits here"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Knows `--own`, with a value.
    fn parsed(words: &str) -> Result<Option<Options>, String> {
        let program = Program {
            about: "Measures nothing",
            command: "cargo run",
            rounds: 5,
            further: "",
        };
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        program.parse(&words, &mut |flag, value| match flag {
            "--own" => value().map(|_| true),
            _ => Ok(false),
        })
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
        assert!(admits("--own 3 --with bookdrop", "bookdrop, one driver"));
        assert!(admits("--with fjall --with =redb", "redb"));
        assert!(!admits("--with =bookdrop", "bookdrop, one driver"));
    }

    #[test]
    fn what_is_no_number_or_unknown_is_told() {
        for wrong in [
            "--rounds",
            "--rounds x",
            "--rounds 0",
            "--seconds nan",
            "--own",
            "--what",
        ] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
