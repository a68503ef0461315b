//! The fuzz targets, which stand apart from the workspace: they compile, and their seeds pass. Nothing is fuzzed here.

use crate::cargo;
use crate::steps::Outcome;
use crate::workspace::Workspace;

/// Without the compiler's instrumentation, which alone needs a nightly toolchain.
pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let mut command = cargo::cargo(&workspace.root);
    // Locked: nobody would commit what cargo mends there.
    command.args(["test", "--quiet", "--locked", "--manifest-path"]);
    command.arg("fuzz/Cargo.toml").arg("--target-dir");
    command.arg(workspace.target_directory.join("fuzz"));
    cargo::run(&mut command)
}
