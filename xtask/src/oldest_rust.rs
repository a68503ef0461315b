//! The libraries of the product crates compile with the very Rust version that they state.
//!
//! Clippy's `incompatible_msrv` knows what the standard library lacked then. What else the language and the dependencies ask
//! for, only the old compiler itself can say.

use crate::cargo;
use crate::steps::{Outcome, Steps};
use crate::workspace::Workspace;
use std::collections::BTreeMap;

/// A step for every stated version that rustup has a toolchain of; the others are left out.
pub(crate) fn steps(steps: &mut Steps, workspace: &Workspace) -> Outcome {
    let installed = cargo::read(&mut cargo::toolchains(&workspace.root)).unwrap_or_default();
    for (version, packages) in stated(workspace) {
        let name = format!("Rust {version}");
        match toolchain(&installed, version) {
            Some(toolchain) => steps.step(&name, || compile(workspace, toolchain, &packages))?,
            None => steps.leave_out(format!("{name} (rustup has no toolchain of it)")),
        }
    }
    Ok(())
}

/// The product crates by the version that they state.
fn stated(workspace: &Workspace) -> BTreeMap<&str, Vec<&str>> {
    let mut stated: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for product in workspace.products() {
        if let Some(version) = &product.rust_version {
            stated.entry(version).or_default().push(&product.name);
        }
    }
    stated
}

/// The toolchain of a version in the list that rustup prints; `1.88` may be there as `1.88.0` too.
fn toolchain<'a>(installed: &'a str, version: &str) -> Option<&'a str> {
    let names = installed
        .lines()
        .filter_map(|l| l.split_whitespace().next());
    let mut matching = names.filter(|name| {
        let rest = name.strip_prefix(version);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
    });
    matching.next()
}

fn compile(workspace: &Workspace, toolchain: &str, packages: &[&str]) -> Outcome {
    let mut command = cargo::cargo_of(toolchain, &workspace.root);
    command.args(["check", "--lib", "--all-features"]);
    for package in packages {
        command.args(["--package", package]);
    }
    // Another compiler: its output must not throw away the main build's.
    command.arg("--target-dir");
    command.arg(workspace.target_directory.join("oldest-rust"));
    cargo::run(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::made_up::{member, workspace};
    use serde_json::json;

    #[test]
    fn a_toolchain_is_of_that_version_or_a_patch_of_it() {
        let found = |installed| toolchain(installed, "1.88");
        let list =
            "stable-x86_64-unknown-linux-gnu (active, default)\n1.88-x86_64-unknown-linux-gnu\n";
        assert_eq!(found(list), Some("1.88-x86_64-unknown-linux-gnu"));
        assert_eq!(
            found("1.88.0-aarch64-apple-darwin (default)"),
            Some("1.88.0-aarch64-apple-darwin")
        );
        assert_eq!(found("1.88"), Some("1.88"));
        for other in [
            "",
            "no installed toolchains",
            "1.8-x86_64",
            "1.880-x86_64",
            "1.95.0-x86_64",
            "nightly-1.88",
        ] {
            assert_eq!(found(other), None, "{other}");
        }
    }

    #[test]
    fn every_product_crate_counts_under_what_it_states() {
        let mut newer = member("bookdrop-disk", &[]);
        newer["rust_version"] = json!("1.90");
        let house = [
            member("bookdrop-queue", &[]),
            newer,
            member("bookdrop", &[]),
            member("xtask", &[]),
        ];
        let workspace = workspace(&house);
        let stated: Vec<_> = stated(&workspace).into_iter().collect();
        assert_eq!(
            stated,
            [
                ("1.88", vec!["bookdrop-queue", "bookdrop"]),
                ("1.90", vec!["bookdrop-disk"])
            ]
        );
    }
}
