//! The models of the queue's protocols, each run by loom in every interleaving.

use crate::cargo;
use crate::floors;
use crate::steps::Outcome;
use crate::workspace::Workspace;
use std::process::Command;

/// The test files of the queue that exist under `cfg(loom)` alone.
const FILES: [&str; 2] = ["loom", "loom_timer"];

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    cargo::run(&mut models(workspace, &FILES))?;
    // A file that compiles to nothing passes too, as each of them does without the cfg.
    for file in FILES {
        let listed = cargo::read(models(workspace, &[file]).args(["--", "--list"]))?;
        if !lists_a_model(&listed) {
            return Err(format!("there is not one model in `{file}`"));
        }
    }
    Ok(())
}

/// Clippy over what no other build sees: the models, and the queue's code for them.
pub(crate) fn lints(workspace: &Workspace, denied: &[&str]) -> Outcome {
    let mut command = with_cfg(workspace, "clippy");
    cargo::run(command.arg("--all-targets").args(denied))
}

fn models(workspace: &Workspace, files: &[&str]) -> Command {
    let mut command = with_cfg(workspace, "test");
    for file in files {
        command.args(["--test", file]);
    }
    command
}

/// A command of cargo's over the queue under `cfg(loom)`. Optimised, since there are many interleavings.
fn with_cfg(workspace: &Workspace, command: &str) -> Command {
    let mut cargo = cargo::cargo(&workspace.root);
    cargo.env("RUSTFLAGS", "--cfg loom");
    cargo.env_remove("CARGO_ENCODED_RUSTFLAGS");
    cargo.args([command, "--release", "--package", floors::QUEUE]);
    // Other flags would throw away the main build.
    cargo.arg("--target-dir");
    cargo.arg(workspace.target_directory.join("loom"));
    cargo
}

/// Reads what `--list` of a test file prints.
pub(crate) fn lists_a_model(listed: &str) -> bool {
    listed.lines().any(|line| line.ends_with(": test"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::made_up::workspace;

    #[test]
    fn a_file_without_a_model_is_noticed() {
        assert!(lists_a_model(
            "slot::answer: test\n\n1 test, 0 benchmarks\n"
        ));
        assert!(!lists_a_model("\n0 tests, 0 benchmarks\n"));
        assert!(!lists_a_model("a: benchmark\n\n0 tests, 1 benchmark\n"));
    }

    #[test]
    fn each_file_can_be_asked_apart() {
        let command = models(&workspace(&[]), &["loom_timer"]);
        let words: Vec<_> = command
            .get_args()
            .filter_map(|word| word.to_str())
            .collect();
        assert_eq!(words.iter().filter(|word| **word == "--test").count(), 1);
        assert!(words.ends_with(&["--test", "loom_timer"]), "{words:?}");
    }
}
