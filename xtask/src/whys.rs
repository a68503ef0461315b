//! Every dependency of a product crate says in its manifest why it is there.

use crate::workspace::Workspace;
use std::fs;

/// The dependencies without a reason, one sentence each.
pub(crate) fn complaints(workspace: &Workspace) -> Result<Vec<String>, String> {
    let mut complaints = Vec::new();
    for package in workspace.products() {
        let manifest = fs::read_to_string(&package.manifest)
            .map_err(|error| format!("{}: {error}", package.manifest.display()))?;
        for name in unexplained(&manifest) {
            complaints.push(format!(
                "{}: no comment above `{name}` says why it is there",
                package.manifest.display()
            ));
        }
    }
    Ok(complaints)
}

/// The dependencies of a manifest that no comment stands above.
///
/// A comment above the head of a table counts for the first line of that table.
fn unexplained(manifest: &str) -> Vec<String> {
    let mut unexplained = Vec::new();
    let mut in_dependencies = false;
    let mut is_explained = false;
    let mut open_brackets = 0;
    let mut former = String::new();
    for line in manifest.lines().map(str::trim) {
        if open_brackets > 0 {
            open_brackets += opened(line);
        } else if let Some(comment) = line.strip_prefix('#') {
            is_explained |= is_sentence(comment);
        } else if line.is_empty() {
            is_explained = false;
        } else if let Some(head) = line.strip_prefix('[') {
            let head = names(head.split(']').next().unwrap_or_default());
            in_dependencies = head
                .last()
                .is_some_and(|name| is_table_of_dependencies(name));
            former.clear();
            if let [.., table, dependency] = head.as_slice()
                && is_table_of_dependencies(table)
            {
                if !is_explained {
                    unexplained.push(dependency.clone());
                }
                is_explained = false;
            }
        } else {
            let name = names(line.split('=').next().unwrap_or_default());
            let name = name.into_iter().next().unwrap_or_default();
            // `name.version = ..` and `name.features = ..` are one dependency.
            if in_dependencies && !is_explained && name != former {
                unexplained.push(name.clone());
            }
            former = name;
            is_explained = false;
            open_brackets += opened(line);
        }
    }
    unexplained
}

fn is_table_of_dependencies(name: &str) -> bool {
    matches!(
        name,
        "dependencies" | "dev-dependencies" | "build-dependencies"
    )
}

/// Whether a reason is on offer at all; whether it is a good one is for the reader.
fn is_sentence(comment: &str) -> bool {
    comment.split_whitespace().count() >= 3
}

/// The parts of a dotted key, where quotes keep a part together.
fn names(key: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut quote = None;
    for c in key.trim().chars() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, '.') => names.push(String::new()),
            (None, c) if c.is_whitespace() => {}
            (_, c) => names.last_mut().expect("there is always one").push(c),
        }
    }
    names
}

/// How many brackets a line leaves open: a list of features may go on for lines.
fn opened(line: &str) -> i32 {
    let mut open = 0;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (None, '#') => break,
            (None, '"' | '\'') => quote = Some(c),
            (Some(start), c) if c == start => quote = None,
            (None, '[' | '{') => open += 1,
            (None, ']' | '}') => open -= 1,
            _ => {}
        }
    }
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_above_the_line_is_asked_for() {
        let manifest = r#"
[package]
name = "bookdrop"

[dependencies]
# The queue: what bookdrop exists for.
bookdrop-queue.workspace = true
serde = "1"
# Ids of events sort by the time
# they were made.
uuid = { version = "1", features = ["v7"] } # not here

bytes = "1"

[lints]
workspace = true
"#;
        assert_eq!(unexplained(manifest), ["serde", "bytes"]);
    }

    #[test]
    fn every_kind_of_dependency_table_is_read() {
        let manifest = r#"
[dev-dependencies]
tempfile = "3"
[target.'cfg(target_os = "linux")'.dependencies]
libc = "0.2"
[build-dependencies]
cc = "1"
[dependencies.serde]
version = "1"
features = ["derive"]
# The standard async traits.
[dependencies.futures-core]
version = "0.3"
"#;
        assert_eq!(unexplained(manifest), ["tempfile", "libc", "cc", "serde"]);
    }

    #[test]
    fn a_comment_above_a_table_counts_for_its_first_line_only() {
        let manifest = r#"
# Checks every interleaving of the protocols.
[target.'cfg(loom)'.dependencies]
loom = "0.7"
tracing = "0.1"

# A comment with a gap below.

[dependencies]
serde = "1"
"#;
        assert_eq!(unexplained(manifest), ["tracing", "serde"]);
    }

    #[test]
    fn lines_that_go_on_are_one_dependency() {
        let manifest = r#"
[dependencies]
# Only the traits of the runtime.
tokio = { version = "1", features = [
    "rt", # with a bracket ]
    "time",
] }
# The timer needs the clock.
time.version = "1"
time.features = ["std"]
serde = "1"
"#;
        assert_eq!(unexplained(manifest), ["serde"]);
    }

    #[test]
    fn a_mark_is_no_reason() {
        assert_eq!(
            unexplained("[dependencies]\n# todo\nserde = \"1\""),
            ["serde"]
        );
    }
}
