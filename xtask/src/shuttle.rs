//! Scenarios of the queue that are too large for loom, run by shuttle in many random schedules.

use crate::cargo;
use crate::floors;
use crate::loom::lists_a_model;
use crate::steps::Outcome;
use crate::workspace::Workspace;
use std::process::Command;

/// The test file of the queue that exists under `cfg(shuttle)` alone.
const FILE: [&str; 2] = ["--test", "shuttle"];

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    cargo::run(with_cfg(workspace, "test").args(FILE))?;
    // A file that compiles to nothing passes too, as this one does without the cfg.
    let listed = cargo::read(
        with_cfg(workspace, "test")
            .args(FILE)
            .args(["--", "--list"]),
    )?;
    if lists_a_model(&listed) {
        Ok(())
    } else {
        Err("there is not one scenario in `shuttle`".to_owned())
    }
}

/// Clippy over what no other build sees: the scenarios, and the queue's code for them.
pub(crate) fn lints(workspace: &Workspace, denied: &[&str]) -> Outcome {
    let mut command = with_cfg(workspace, "clippy");
    cargo::run(command.arg("--all-targets").args(denied))
}

/// A command of cargo's over the queue under `cfg(shuttle)`. Optimised, since there are many schedules.
fn with_cfg(workspace: &Workspace, command: &str) -> Command {
    let mut cargo = cargo::cargo(&workspace.root);
    cargo.env("RUSTFLAGS", "--cfg shuttle");
    cargo.env_remove("CARGO_ENCODED_RUSTFLAGS");
    cargo.args([command, "--release", "--package", floors::QUEUE]);
    // Other flags would throw away the main build.
    cargo.arg("--target-dir");
    cargo.arg(workspace.target_directory.join("shuttle"));
    cargo
}
