//! The promise that `bookdrop` without default features is built quickly.

use crate::cargo;
use crate::steps::{Outcome, seconds};
use crate::workspace::Workspace;
use std::fs;
use std::time::{Duration, Instant};

const LONGEST: Duration = Duration::from_secs(20);

/// Builds from nothing and prints how long it took.
pub(crate) fn run(workspace: &Workspace) -> Outcome {
    let empty = workspace
        .target_directory
        .join(format!("build-time-{}", std::process::id()));
    let mut command = cargo::cargo(&workspace.root);
    command.args(["build", "--release", "--package", "bookdrop"]);
    command.args(["--no-default-features", "--target-dir"]);
    command.arg(&empty);
    // A cache of compiled crates would answer for the compiler.
    command.env("RUSTC_WRAPPER", "");

    // Every crate was downloaded when the metadata was read, so this is compilation alone.
    let started = Instant::now();
    let built = cargo::run(&mut command);
    let took = started.elapsed();
    let removed = fs::remove_dir_all(&empty);

    built?;
    removed.map_err(|error| format!("{}: {error}", empty.display()))?;
    println!(
        "   a clean release build took {}, at most {} is promised",
        seconds(took),
        seconds(LONGEST)
    );
    if took < LONGEST {
        Ok(())
    } else {
        Err(format!("the build took {}", seconds(took)))
    }
}
