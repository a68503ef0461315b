//! The promise that `bookdrop` without default features is a small thing to depend on.

use crate::tree::{self, PLATFORMS, Query};
use crate::workspace::{Package, Workspace};

/// Ours included.
const MOST_CRATES: usize = 16;

/// What breaks the promise on some platform, one sentence each. Prints the sizes.
pub(crate) fn complaints(workspace: &Workspace) -> Result<Vec<String>, String> {
    let mut complaints = Vec::new();
    for platform in PLATFORMS {
        let packages = tree::packages(
            workspace,
            &Query {
                package: "bookdrop",
                platform,
                edges: "normal",
                features: "--no-default-features",
            },
        )?;
        println!(
            "   {} crates of at most {MOST_CRATES} on {platform}",
            packages.len()
        );
        complaints.extend(complaints_about(platform, &packages));
    }
    Ok(complaints)
}

fn complaints_about(platform: &str, packages: &[&Package]) -> Vec<String> {
    let mut complaints = Vec::new();
    if packages.len() > MOST_CRATES {
        let names: Vec<&str> = packages.iter().map(|p| p.name.as_str()).collect();
        complaints.push(format!(
            "{} crates on {platform}, at most {MOST_CRATES} are promised: {}",
            packages.len(),
            names.join(", ")
        ));
    }
    for package in packages {
        if package.targets.iter().any(|target| target.is("proc-macro")) {
            complaints.push(format!(
                "{} on {platform} is a procedural macro: none is promised",
                package.name
            ));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::made_up::{member, workspace};
    use serde_json::json;

    #[test]
    fn the_limit_is_the_last_size_that_is_fine() {
        let many: Vec<_> = (0..17).map(|n| member(&format!("c{n}"), &[])).collect();
        let workspace = workspace(&many);
        let packages: Vec<&Package> = workspace.packages.iter().collect();
        assert_eq!(complaints_about("here", &packages[..16]), [""; 0]);
        assert_eq!(complaints_about("here", &packages).len(), 1);
    }

    #[test]
    fn a_procedural_macro_is_told() {
        let mut mac = member("mac", &[]);
        mac["targets"][0]["kind"] = json!(["proc-macro"]);
        let workspace = workspace(&[member("bookdrop", &[]), mac]);
        let packages: Vec<&Package> = workspace.packages.iter().collect();
        let told = complaints_about("here", &packages);
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with("mac "));
    }
}
