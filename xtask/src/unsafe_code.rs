//! Unsafe code stays where it is expected: a few named files of the queue, and nowhere else.

use crate::workspace::Workspace;
use std::fs;
use std::path::Path;

const FORBIDDEN: &str = "#![forbid(unsafe_code)]";
const DENIED: &str = "#![deny(unsafe_code)]";
const ALLOWED: &str = "#[allow(unsafe_code)]";
/// The one crate that may have any.
const QUEUE: &str = "bookdrop-queue";
/// Its modules that may.
pub(crate) const FILES: [&str; 4] = ["loan", "lock", "prefetch", "recycled"];

/// The crate roots that lack the line or allow more than they may, one sentence each.
pub(crate) fn complaints(workspace: &Workspace) -> Result<Vec<String>, String> {
    let mut complaints = Vec::new();
    for package in workspace.products() {
        let roots = package
            .targets
            .iter()
            .filter(|t| t.is("lib") || t.is("bin"));
        for root in roots {
            let source = read(&root.source)?;
            let at = root.source.display();
            if package.name != QUEUE {
                if !has_line(&source, FORBIDDEN) {
                    complaints.push(format!("{at} lacks `{FORBIDDEN}`"));
                }
                continue;
            }
            if !has_line(&source, DENIED) {
                complaints.push(format!("{at} lacks `{DENIED}`"));
            }
            let allowed = allowed(&source);
            if allowed != FILES {
                complaints.push(format!(
                    "{at} allows unsafe code in {allowed:?}, not in {FILES:?}"
                ));
            }
        }
    }
    Ok(complaints)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn has_line(source: &str, wanted: &str) -> bool {
    source.lines().any(|line| line.trim() == wanted)
}

/// The modules for which a root allows unsafe code.
fn allowed(source: &str) -> Vec<&str> {
    let mut lines = source.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with(ALLOWED) {
            let module = lines
                .next()
                .and_then(|line| line.trim().strip_prefix("mod "));
            found.push(module.map_or(line, |module| module.trim_end_matches(';')));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_attribute_counts() {
        assert!(has_line(
            "//! Docs.\n\n#![forbid(unsafe_code)]\n",
            FORBIDDEN
        ));
        assert!(!has_line("//! Docs.\n", FORBIDDEN));
        assert!(!has_line("// #![forbid(unsafe_code)]\n", FORBIDDEN));
        assert!(!has_line("#![deny(unsafe_code)]\n", FORBIDDEN));
    }

    #[test]
    fn each_module_that_may_is_named() {
        let source =
            "mod a;\n#[allow(unsafe_code)] // Why.\nmod b;\n#[allow(unsafe_code)]\npub fn c() {}\n";
        assert_eq!(allowed(source), ["b", "#[allow(unsafe_code)]"]);
    }
}
