//! `cargo xtask check`: everything that can be said about the code without running it, what the hot paths cost, the loom
//! models and shuttle.

use crate::steps::{Outcome, Steps, no_complaints};
use crate::tools::{CLIPPY, RUSTFMT};
use crate::workspace::Workspace;
use crate::{
    build_time, cargo, floors, fuzz, guard, licences, loom, miri, msrv, oldest_rust, shuttle, size,
    unsafe_code, whys,
};

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) build_time: bool,
    pub(crate) miri: bool,
}

/// The quick steps come first, so that most mistakes are told within seconds.
pub(crate) fn run(options: &Options) -> Outcome {
    let mut steps = Steps::of("check");
    let workspace = Workspace::read()?;
    let w = &workspace;
    RUSTFMT.step(&mut steps, w, "format", || format(w))?;
    steps.step("floors", || no_complaints(floors::complaints(w)))?;
    steps.step("licences", || no_complaints(licences::complaints(w)))?;
    steps.step("reasons for dependencies", || {
        no_complaints(whys::complaints(w)?)
    })?;
    steps.step("unsafe code", || no_complaints(unsafe_code::complaints(w)?))?;
    steps.step("size", || no_complaints(size::complaints(w)?))?;
    steps.step("Rust version of dependencies", || {
        no_complaints(msrv::complaints(w)?)
    })?;
    CLIPPY.step(&mut steps, w, "lints", || lints(w))?;
    oldest_rust::steps(&mut steps, w)?;
    steps.step("documentation", || documentation(w))?;
    steps.step("fuzz targets", || fuzz::run(w))?;
    guard::steps(&mut steps, w)?;
    steps.step("loom models", || loom::run(w))?;
    steps.step("shuttle", || shuttle::run(w))?;
    optional(&mut steps, w, options)?;
    steps.finish();
    Ok(())
}

fn optional(steps: &mut Steps, workspace: &Workspace, options: &Options) -> Outcome {
    if options.build_time {
        steps.step("build time", || build_time::run(workspace))?;
    } else {
        steps.leave_out("build time (asked for with --build-time)");
    }
    if !options.miri {
        steps.leave_out("miri (asked for with --miri)");
    } else if miri::is_installed(workspace) {
        steps.step("miri", || miri::run(workspace))?;
    } else {
        steps.leave_out("miri (there is no nightly toolchain with it)");
    }
    Ok(())
}

fn format(workspace: &Workspace) -> Outcome {
    cargo::run(cargo::cargo(&workspace.root).args(["fmt", "--all", "--check"]))
}

/// The benchmarks too: nothing else notices when they stop compiling.
fn lints(workspace: &Workspace) -> Outcome {
    // Only the lint by name makes sure that the stated Rust version is checked, whatever clippy's groups hold.
    const DENIED: [&str; 5] = ["--", "-D", "warnings", "-D", "clippy::incompatible_msrv"];
    let mut command = cargo::cargo(&workspace.root);
    command.args(["clippy", "--workspace", "--all-targets", "--all-features"]);
    cargo::run(command.args(DENIED))?;
    loom::lints(workspace, &DENIED)?;
    shuttle::lints(workspace, &DENIED)
}

fn documentation(workspace: &Workspace) -> Outcome {
    let mut command = cargo::cargo(&workspace.root);
    command.env("RUSTDOCFLAGS", "-D warnings");
    command.args(["doc", "--no-deps", "--all-features"]);
    for product in workspace.products() {
        command.args(["--package", &product.name]);
    }
    cargo::run(&mut command)
}
