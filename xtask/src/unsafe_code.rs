//! Every product crate forbids unsafe code at its root.

use crate::workspace::Workspace;
use std::fs;

const FORBIDDEN: &str = "#![forbid(unsafe_code)]";

/// The crate roots that lack the line, one sentence each.
pub(crate) fn complaints(workspace: &Workspace) -> Result<Vec<String>, String> {
    let mut complaints = Vec::new();
    for package in workspace.products() {
        let roots = package
            .targets
            .iter()
            .filter(|t| t.is("lib") || t.is("bin"));
        for root in roots {
            let source = fs::read_to_string(&root.source)
                .map_err(|error| format!("{}: {error}", root.source.display()))?;
            if !forbids(&source) {
                complaints.push(format!("{} lacks `{FORBIDDEN}`", root.source.display()));
            }
        }
    }
    Ok(complaints)
}

fn forbids(source: &str) -> bool {
    source.lines().any(|line| line.trim() == FORBIDDEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_attribute_counts() {
        assert!(forbids("//! Docs.\n\n#![forbid(unsafe_code)]\n"));
        assert!(!forbids("//! Docs.\n"));
        assert!(!forbids("// #![forbid(unsafe_code)]\n"));
        assert!(!forbids("#![deny(unsafe_code)]\n"));
    }
}
