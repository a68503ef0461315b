//! The command line: what this program is asked for beside what all are.

use std::num::NonZeroU64;
use std::path::PathBuf;

use bookdrop_bench_common::options::{Options, Program, number};

const PROGRAM: Program = Program {
    about: "Measures bookdrop's queue on disk beside the disk itself and embedded stores, in one process",
    command: "cargo run --release -p bookdrop-bench-disk",
    rounds: 21,
    further: "\
\x20 --backlog <n>           events in the larger of the two standing backlogs (10000000)
  --stored <n>            events in a folder that is opened (1000000)
  --volume <MiB>          what is written while each send is timed (1024)
  --folder <directory>    where the files go, which must be on the disk to measure (a temporary directory)
",
};

/// How much there is, and where.
#[derive(Clone, Debug)]
pub(crate) struct Sizes {
    /// Events in the larger backlog.
    pub backlog: u64,
    /// Events in a folder that is opened.
    pub stored: u64,
    /// Bytes that are written while each send is timed.
    pub volume: u64,
    /// Where the files go.
    pub folder: Option<PathBuf>,
}

/// Reads the command line; ends the process where there is nothing to run.
pub(crate) fn from_command_line() -> (Options, Sizes) {
    let [mut backlog, mut stored, mut volume] = [None::<NonZeroU64>; 3];
    let mut folder = None;
    let options = PROGRAM.options(&mut |flag, value| {
        match flag {
            "--backlog" => backlog = Some(number(&value()?)?),
            "--stored" => stored = Some(number(&value()?)?),
            "--volume" => volume = Some(number(&value()?)?),
            "--folder" => folder = Some(value()?.into()),
            _ => return Ok(false),
        }
        Ok(true)
    });
    let pick = |said: Option<NonZeroU64>, usual, quickly| match said {
        Some(said) => said.get(),
        None if options.quick => quickly,
        None => usual,
    };
    let sizes = Sizes {
        backlog: pick(backlog, 10_000_000, 100_000),
        stored: pick(stored, 1_000_000, 20_000),
        volume: pick(volume, 1024, 4) << 20,
        folder,
    };
    (options, sizes)
}
