//! `cargo xtask publish`: measures all that `docs/performance.md` shows, and makes its pages anew.

use crate::cargo;
use crate::steps::{Outcome, Steps};
use crate::workspace::Workspace;
use std::process::{Command, Stdio};

const BENCHMARK: &str = "run --release -p bookdrop-bench";
/// What is measured in turn, by name, and what the benchmark is asked for. The same commands stand in the document.
const PARTS: [(&str, &str); 4] = [
    ("the system's allocator", "-- --publish docs/performance"),
    (
        "mimalloc",
        "--features mimalloc -- --publish docs/performance --rounds 5",
    ),
    (
        "a busy machine",
        "-- --publish docs/performance threads --busy --scale 0.2",
    ),
    (
        "frameworks",
        "--features frameworks -- --publish docs/performance/frameworks async \
         --with bookdrop --with kameo --with ractor --with actix --with ruststream --rounds 5 --scale 0.3",
    ),
];

/// Looks at more than the benchmark does, which marks a commit whose code was changed: so no page has that mark.
const STATUS: [&str; 6] = [
    "status",
    "--porcelain",
    "--untracked-files=no",
    "--",
    ".",
    ":(exclude)docs/performance",
];

pub(crate) fn run() -> Outcome {
    let steps = Steps::of("publish");
    let workspace = Workspace::read()?;
    let commit = clean_commit(&workspace)?;
    for (name, asked) in PARTS {
        steps.step(name, || {
            measure(&workspace, asked)?;
            match clean_commit(&workspace)? == commit {
                true => Ok(()),
                false => Err(
                    "another commit is checked out than the one that was measured before"
                        .to_owned(),
                ),
            }
        })?;
    }
    steps.finish();
    Ok(())
}

/// The commit that is checked out, if nothing was changed since.
fn clean_commit(workspace: &Workspace) -> Result<String, String> {
    no_changes(&git(workspace, &STATUS)?)?;
    git(workspace, &["rev-parse", "HEAD"])
}

fn git(workspace: &Workspace, asked: &[&str]) -> Result<String, String> {
    let mut git = Command::new("git");
    git.current_dir(&workspace.root).stdin(Stdio::null());
    cargo::read(git.args(asked))
}

/// The pages name the commit, so what is measured has to be one.
fn no_changes(changes: &str) -> Outcome {
    if changes.is_empty() {
        return Ok(());
    }
    Err(format!(
        "the pages name the commit, and this is not committed:\n{}",
        changes.trim_end()
    ))
}

fn measure(workspace: &Workspace, asked: &str) -> Outcome {
    let mut command = cargo::cargo(&workspace.root);
    command.args(BENCHMARK.split_whitespace());
    cargo::run(command.args(asked.split_whitespace()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_the_same_commands() {
        let document = include_str!("../../docs/performance.md").replace("\\\n", "");
        let words: Vec<&str> = document.split_whitespace().collect();
        let document = words.join(" ");
        for (name, asked) in PARTS {
            // A prompt or the end of the block follows, so nothing more is asked for there.
            let ends = ["$", "```"].map(|end| format!("$ cargo {BENCHMARK} {asked} {end}"));
            assert!(ends.iter().any(|end| document.contains(end)), "{name}");
        }
    }

    #[test]
    fn what_is_not_committed_is_named() {
        assert_eq!(no_changes(""), Ok(()));
        let error = no_changes(" M Cargo.lock\n").expect_err("there is a change");
        assert!(error.ends_with(" M Cargo.lock"), "{error}");
    }
}
