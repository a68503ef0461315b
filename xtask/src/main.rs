//! The checks and tests of this repository, and its published figures: `cargo xtask check`, `cargo xtask test`,
//! `cargo xtask guard` and `cargo xtask publish`.

mod build_time;
mod cargo;
mod check;
mod floors;
mod fuzz;
mod guard;
mod licences;
mod loom;
mod miri;
mod msrv;
mod oldest_rust;
mod publish;
mod shuttle;
mod size;
mod steps;
mod test;
mod tools;
mod tree;
mod unsafe_code;
mod whys;
mod workspace;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask check [--build-time] [--miri]
    formatting, lints, documentation, dependencies, layering, the hot paths, the loom models and shuttle
    --build-time   also measure a clean release build
    --miri         also run the tests of unsafe code under miri, where a nightly toolchain has it
cargo xtask test [--long] [--without SERVER]...
    unit, integration, conformance and documentation tests, and every example
    --long         the long forms of the tests
    --without      leaves out the tests that need this server: `postgres` or `nats`
cargo xtask guard [--update]
    what the hot paths cost in allocations and instructions, as `check` looks at it too
    --update       record what they cost now
cargo xtask publish
    measures everything that docs/performance.md shows and makes its pages anew; takes an hour or more of a machine that
    does nothing else, and everything but the pages has to be committed";

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Help,
    Check(check::Options),
    Test(test::Options),
    Guard(guard::Options),
    Publish,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match asked(&arguments) {
        Ok(Asked::Help) => {
            println!("{HELP}");
            Ok(())
        }
        Ok(Asked::Check(options)) => check::run(&options),
        Ok(Asked::Test(options)) => test::run(&options),
        Ok(Asked::Guard(options)) => guard::run(&options),
        Ok(Asked::Publish) => publish::run(),
        Err(error) => Err(format!("{error}\n\n{HELP}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn asked(arguments: &[String]) -> Result<Asked, String> {
    let (command, flags) = match arguments {
        [] => return Err("no command given".to_owned()),
        [command, flags @ ..] => (command.as_str(), flags),
    };
    match command {
        "check" => {
            let mut options = check::Options::default();
            for flag in flags {
                match flag.as_str() {
                    "--build-time" => options.build_time = true,
                    "--miri" => options.miri = true,
                    other => return Err(format!("`check` does not know `{other}`")),
                }
            }
            Ok(Asked::Check(options))
        }
        "test" => {
            let mut options = test::Options::default();
            let mut flags = flags.iter();
            while let Some(flag) = flags.next() {
                match flag.as_str() {
                    "--long" => options.long = true,
                    "--without" => options.leave_out(flags.next())?,
                    other => return Err(format!("`test` does not know `{other}`")),
                }
            }
            Ok(Asked::Test(options))
        }
        "guard" => {
            let mut options = guard::Options::default();
            for flag in flags {
                match flag.as_str() {
                    "--update" => options.update = true,
                    other => return Err(format!("`guard` does not know `{other}`")),
                }
            }
            Ok(Asked::Guard(options))
        }
        "publish" => match flags {
            [] => Ok(Asked::Publish),
            [other, ..] => Err(format!("`publish` does not know `{other}`")),
        },
        "help" | "--help" | "-h" => Ok(Asked::Help),
        other => Err(format!("there is no command `{other}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Asked, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        asked(&words)
    }

    #[test]
    fn flags_belong_to_their_command() {
        let both = check::Options {
            build_time: true,
            miri: true,
        };
        assert_eq!(parse("check --miri --build-time"), Ok(Asked::Check(both)));
        assert_eq!(parse("check"), Ok(Asked::Check(check::Options::default())));
        let long = test::Options {
            long: true,
            ..test::Options::default()
        };
        assert_eq!(parse("test --long"), Ok(Asked::Test(long)));
        assert_eq!(
            parse("guard --update"),
            Ok(Asked::Guard(guard::Options { update: true }))
        );
        assert_eq!(parse("publish"), Ok(Asked::Publish));
        assert!(parse("check --long").is_err());
        assert!(parse("check --update").is_err());
        assert!(parse("test --miri").is_err());
        assert!(parse("publish --update").is_err());
    }

    #[test]
    fn servers_are_left_out_by_name() {
        let neither = parse("test --without postgres --long --without nats --without nats");
        let options = test::Options {
            long: true,
            without: vec!["postgres", "nats"],
        };
        assert_eq!(neither, Ok(Asked::Test(options)));
        assert!(parse("test --without").is_err());
        assert!(parse("test --without --long").is_err());
        assert!(parse("test --without postgresql").is_err());
        assert!(parse("check --without postgres").is_err());
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert!(parse("").is_err());
        assert!(parse("chek").is_err());
        assert_eq!(parse("--help"), Ok(Asked::Help));
    }
}
