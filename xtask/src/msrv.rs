//! No crate that our users build asks for a newer Rust than we state.
//!
//! That our own code calls nothing newer is for clippy's `incompatible_msrv`, and for the compiler of that version itself.

use crate::tree::{self, PLATFORMS, Query};
use crate::workspace::{Package, Workspace};
use std::collections::BTreeSet;

/// What asks for more than the product crate that brings it in, one sentence each.
pub(crate) fn complaints(workspace: &Workspace) -> Result<Vec<String>, String> {
    // A set, since a crate is mostly the same trouble on every platform.
    let mut complaints = BTreeSet::new();
    for product in workspace.products() {
        for platform in PLATFORMS {
            let packages = tree::packages(
                workspace,
                &Query {
                    package: &product.name,
                    platform,
                    edges: "normal,build",
                    features: "--all-features",
                },
            )?;
            for package in packages {
                complaints.extend(complaint(product, package));
            }
        }
    }
    Ok(complaints.into_iter().collect())
}

fn complaint(product: &Package, package: &Package) -> Option<String> {
    let Some(stated) = &product.rust_version else {
        return Some(format!("{} states no rust-version", product.name));
    };
    // A crate that states nothing promises nothing: it is taken at that.
    let asked = package.rust_version.as_ref()?;
    (numbers(asked) > numbers(stated)).then(|| {
        format!(
            "{} {} asks for Rust {asked}; {} states {stated}",
            package.name, package.version, product.name
        )
    })
}

/// `1.88` and `1.88.0` are the same version.
fn numbers(version: &str) -> [u32; 3] {
    let mut numbers = [0; 3];
    for (number, text) in numbers.iter_mut().zip(version.split('.')) {
        *number = text.parse().unwrap_or(0);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::made_up::{member, workspace};
    use serde_json::json;

    fn asking(version: Option<&str>) -> Option<String> {
        let mut dependency = member("dependency", &[]);
        dependency["rust_version"] = json!(version);
        let workspace = workspace(&[member("bookdrop", &[]), dependency]);
        complaint(&workspace.packages[0], &workspace.packages[1])
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        for fine in [None, Some("1.9"), Some("1.88"), Some("1.88.0")] {
            assert_eq!(asking(fine), None, "{fine:?}");
        }
        for newer in ["1.88.1", "1.89", "1.100.0", "2.0"] {
            assert!(asking(Some(newer)).is_some(), "{newer}");
        }
    }

    #[test]
    fn a_product_must_state_its_own() {
        let mut silent = member("bookdrop", &[]);
        silent["rust_version"] = json!(null);
        let workspace = workspace(&[silent]);
        assert!(complaint(&workspace.packages[0], &workspace.packages[0]).is_some());
    }
}
