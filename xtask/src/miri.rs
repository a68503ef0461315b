//! The tests of the modules with unsafe code under miri, which sees undefined behaviour that a test cannot.

use std::process::Command;

use crate::cargo;
use crate::floors;
use crate::steps::Outcome;
use crate::unsafe_code;
use crate::workspace::Workspace;

/// Rust has not settled yet which pointers may be used beside which references; the code is to hold in both of the models.
const MODELS: [&str; 2] = ["", "-Zmiri-tree-borrows"];
/// A target where a word of 64 bits may lie at an odd multiple of four.
const LESS_ALIGNED: &str = "i686-unknown-linux-gnu";

/// Whether a nightly toolchain with miri is installed.
pub(crate) fn is_installed(workspace: &Workspace) -> bool {
    let mut command = cargo::cargo_of("nightly", &workspace.root);
    command.args(["miri", "--version"]);
    cargo::read(&mut command).is_ok()
}

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    for model in MODELS {
        cargo::run(tests(workspace, &[]).env("MIRIFLAGS", model))?;
    }
    cargo::run(tests(workspace, &["--target", LESS_ALIGNED]).env("MIRIFLAGS", ""))
}

fn tests(workspace: &Workspace, options: &[&str]) -> Command {
    let mut command = cargo::cargo_of("nightly", &workspace.root);
    command.args(["miri", "test", "--package", floors::QUEUE, "--lib"]);
    command.args(options).arg("--target-dir");
    // Another compiler: its output must not throw away the main build's.
    command.arg(workspace.target_directory.join("miri"));
    // (There is none of `prefetch`: miri knows nothing of what a processor has at hand.)
    command.arg("--");
    command.args(unsafe_code::MODULES.map(|module| format!("{module}::tests::")));
    command
}
