//! Builds and runs the program with the hot paths.

use super::callgrind;
use super::figures::Heap;
use crate::cargo;
use crate::workspace::Workspace;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

const NAME: &str = "bookdrop-guard";

/// So many events before and while allocations are counted, so that one allocation in a million events is seen.
const HEAP_EVENTS: u64 = 1_000_000;

/// Few and many events under callgrind. What both runs do besides, to start and to warm up, falls out of the difference.
const WARM_UP: u64 = 2_048;
const FEW: u64 = 4_096;
const MANY: u64 = 20_480;

/// A figure for each path, in the program's order.
pub(crate) type Counted<C> = Vec<(String, C)>;

pub(crate) struct Program {
    file: PathBuf,
    paths: Vec<String>,
    /// For what callgrind writes; removed afterwards.
    scratch: PathBuf,
}

impl Program {
    pub(crate) fn build(workspace: &Workspace) -> Result<Program, String> {
        // Flags of somebody's own change the figures, and would throw away the main build too.
        let target = workspace.target_directory.join("guard");
        let mut command = cargo::cargo(&workspace.root);
        for flags in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_BUILD_RUSTFLAGS",
            "CARGO_BUILD_TARGET",
        ] {
            command.env_remove(flags);
        }
        command.args(["build", "--release", "--package", NAME, "--target-dir"]);
        cargo::run(command.arg(&target))?;

        let name = format!("{NAME}{}", std::env::consts::EXE_SUFFIX);
        let file = target.join("release").join(name);
        let listed = cargo::read(Command::new(&file).arg("--list"))?;
        Ok(Program {
            file,
            paths: listed.lines().map(str::to_owned).collect(),
            scratch: target.join(format!("callgrind-{}", std::process::id())),
        })
    }

    /// What the steady state asks of the allocator, for each path.
    pub(crate) fn count_allocations(&self) -> Result<Counted<Heap>, String> {
        self.for_each_path(|path| {
            let mut command = Command::new(&self.file);
            command
                .arg(path)
                .args([HEAP_EVENTS, HEAP_EVENTS].map(|n| n.to_string()));
            let printed = cargo::read(&mut command)?;
            heap(&printed).ok_or_else(|| format!("{path}: `{printed}` was not understood"))
        })
    }

    /// The instructions of an event, for each path: those of the program, which has all of ours and of Rust's standard
    /// library in it, on the thread that runs the path.
    ///
    /// The C library is left out. How it allocates and copies depends on its version and on the processor.
    pub(crate) fn count_instructions(&self) -> Result<Counted<u64>, String> {
        let making = fs::create_dir_all(&self.scratch);
        making.map_err(|error| format!("{}: {error}", self.scratch.display()))?;
        let counted = self.for_each_path(|path| {
            let few = self.under_callgrind(path, FEW)?;
            let many = self.under_callgrind(path, MANY)?;
            Ok(per_event(many.saturating_sub(few), MANY - FEW))
        });
        let removed = fs::remove_dir_all(&self.scratch);
        removed.map_err(|error| format!("{}: {error}", self.scratch.display()))?;
        counted
    }

    fn under_callgrind(&self, path: &str, events: u64) -> Result<u64, String> {
        let out = format!("{path}-{events}");
        let mut command = Command::new("valgrind");
        command.current_dir(&self.scratch).stdin(Stdio::null());
        // Not what somebody has in a `.valgrindrc`.
        command.args(["--command-line-only=yes", "--tool=callgrind"]);
        command.args(["--separate-threads=yes", "--dump-line=no"]);
        command.arg(format!("--callgrind-out-file={out}"));
        command.arg(&self.file).arg(path);
        command.args([WARM_UP, events].map(|n| n.to_string()));
        cargo::read(&mut command)?;

        // The first thread is the one that runs the path; another one, such as the timer's, has to do with time.
        let file = self.scratch.join(format!("{out}-01"));
        let text =
            fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let object = self.file.file_name().map(Path::new).unwrap_or(&self.file);
        callgrind::instructions(&text, &object.to_string_lossy())
            .map_err(|error| format!("{path}: {error}"))
    }

    /// As many at once as there are cores: counts do not mind.
    fn for_each_path<C: Send>(
        &self,
        count: impl Fn(&str) -> Result<C, String> + Sync,
    ) -> Result<Counted<C>, String> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let next = Mutex::new(self.paths.iter().enumerate());
        let done = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(|| {
                    loop {
                        let taken = next.lock().expect("nobody panics with it").next();
                        let Some((index, path)) = taken else { break };
                        let counted = count(path).map(|cost| (path.clone(), cost));
                        done.lock()
                            .expect("nobody panics with it")
                            .push((index, counted));
                    }
                });
            }
        });
        let mut done = done.into_inner().expect("nobody panicked with it");
        done.sort_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, counted)| counted).collect()
    }
}

/// Rounded to the next whole instruction.
fn per_event(instructions: u64, events: u64) -> u64 {
    (instructions + events / 2) / events
}

/// Reads the lines that the program prints, each a word and a number.
fn heap(printed: &str) -> Option<Heap> {
    let number = |word: &str| {
        let mut lines = printed.lines().filter_map(|line| line.split_once(' '));
        lines.find(|(own, _)| *own == word)?.1.parse::<i128>().ok()
    };
    let events = number("events").filter(|events| *events > 0)?;
    let per_million = |count: i128| u64::try_from(count * 1_000_000 / events).ok();
    Some(Heap {
        allocations: per_million(number("allocations")?)?,
        bytes: per_million(number("bytes")?)?,
        growth: number("growth")?.try_into().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_prints_counts_per_million_events() {
        let printed = "events 500000\nallocations 1000001\nbytes 30\ngrowth -16\n";
        let expected = Heap {
            allocations: 2_000_002,
            bytes: 60,
            growth: -16,
        };
        assert_eq!(heap(printed), Some(expected));
        assert_eq!(heap("events 0\nallocations 1\nbytes 1\ngrowth 0\n"), None);
        assert_eq!(heap("events 5\nallocations 1\nbytes 1\n"), None);
        assert_eq!(heap("events 5\nallocations -1\nbytes 1\ngrowth 0\n"), None);
    }

    #[test]
    fn instructions_are_rounded() {
        assert_eq!(per_event(1_049, 100), 10);
        assert_eq!(per_event(1_050, 100), 11);
    }
}
