//! The queue's tests under miri, which sees undefined behaviour that a test cannot.

use crate::cargo;
use crate::floors;
use crate::steps::Outcome;
use crate::workspace::Workspace;

/// Whether a nightly toolchain with miri is installed.
pub(crate) fn is_installed(workspace: &Workspace) -> bool {
    let mut command = cargo::cargo_of("nightly", &workspace.root);
    command.args(["miri", "--version"]);
    cargo::read(&mut command).is_ok()
}

pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let mut command = cargo::cargo_of("nightly", &workspace.root);
    command.args(["miri", "test", "--package", floors::QUEUE]);
    command.args(["--lib", "--tests", "--target-dir"]);
    // Another compiler: its output must not throw away the main build's.
    command.arg(workspace.target_directory.join("miri"));
    cargo::run(&mut command)
}
