//! The crates that someone who uses a crate of ours has to build.
//!
//! Asked of `cargo tree`, not of `cargo metadata`: the latter unites the features of the whole workspace.

use crate::cargo;
use crate::workspace::{Package, Workspace};
use std::collections::BTreeSet;

/// The platforms whose trees are looked at: cargo resolves any of them on any machine.
pub(crate) const PLATFORMS: &[&str] = &[
    "x86_64-unknown-linux-gnu",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
];

/// Which part of a tree is asked for.
pub(crate) struct Query<'a> {
    pub(crate) package: &'a str,
    pub(crate) platform: &'a str,
    /// As `--edges` of `cargo tree` takes them.
    pub(crate) edges: &'a str,
    /// Such as `--no-default-features`.
    pub(crate) features: &'a str,
}

/// The packages of the tree, the asked one included, each once.
pub(crate) fn packages<'a>(
    workspace: &'a Workspace,
    query: &Query<'_>,
) -> Result<Vec<&'a Package>, String> {
    let mut command = cargo::cargo(&workspace.root);
    command.args(["tree", "--prefix", "none", "--format", "{p}"]);
    command.args(["--package", query.package, "--target", query.platform]);
    command.args(["--edges", query.edges, query.features]);
    let printed = cargo::read(&mut command)?;
    names_and_versions(&printed)
        .into_iter()
        .map(|(name, version)| {
            workspace
                .package(name, version)
                .ok_or_else(|| format!("cargo metadata does not know {name} {version}"))
        })
        .collect()
}

/// Reads lines such as `serde v1.0.0`, `bookdrop v0.1.0 (/src)` or `syn v3.0.0 (*)`.
fn names_and_versions(printed: &str) -> BTreeSet<(&str, &str)> {
    printed
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?.strip_prefix('v')?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_crate_is_read_once() {
        let printed =
            "bookdrop v0.1.0 (/src)\nserde v1.0.1\nserde v1.0.1 (*)\n\nmac v2.0.0 (proc-macro)\n";
        let read: Vec<_> = names_and_versions(printed).into_iter().collect();
        assert_eq!(
            read,
            [("bookdrop", "0.1.0"), ("mac", "2.0.0"), ("serde", "1.0.1")]
        );
    }
}
