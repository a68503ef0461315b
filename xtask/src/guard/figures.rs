//! The recorded figures: `benches/guard/figures.txt`, read and written.

use crate::cargo;
use crate::workspace::Workspace;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::str::FromStr;

const FILE: &str = "benches/guard/figures.txt";

const HEAD: &str = "\
# What the hot paths of bookdrop cost: `cargo xtask check` compares with it, `cargo xtask guard --update` writes it.
# CONTRIBUTING.md says what the columns mean, and when to write it anew.
";

const COLUMNS: &str = "\
# path         instructions   allocations         bytes     growth
#                 per event   per million   per million   in bytes
";

/// What every hot path cost when it was last recorded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) compiler: Compiler,
    pub(crate) paths: Vec<(String, Cost)>,
}

/// Whose instructions were counted: another compiler makes others of the same code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Compiler {
    /// Without the patch, such as `1.95`.
    pub(crate) rustc: String,
    pub(crate) target: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Per event.
    pub(crate) instructions: u64,
    pub(crate) heap: Heap,
}

/// What is asked of the allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heap {
    /// Per million events.
    pub(crate) allocations: u64,
    /// Per million events.
    pub(crate) bytes: u64,
    /// Bytes that a second run, as long as the first, leaves on the heap.
    pub(crate) growth: i64,
}

impl Figures {
    pub(crate) fn read(workspace: &Workspace) -> Result<Figures, String> {
        let text =
            fs::read_to_string(path(workspace)).map_err(|error| format!("{FILE}: {error}"))?;
        text.parse().map_err(|error| format!("{FILE}: {error}"))
    }

    pub(crate) fn write(&self, workspace: &Workspace) -> Result<(), String> {
        fs::write(path(workspace), self.to_string()).map_err(|error| format!("{FILE}: {error}"))
    }

    pub(crate) fn cost(&self, path: &str) -> Option<&Cost> {
        let mut paths = self.paths.iter();
        paths.find(|(known, _)| known == path).map(|(_, cost)| cost)
    }
}

fn path(workspace: &Workspace) -> PathBuf {
    workspace.root.join(FILE)
}

impl FromStr for Figures {
    type Err = String;

    fn from_str(text: &str) -> Result<Figures, String> {
        let (mut rustc, mut target, mut paths) = (None, None, Vec::new());
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                [] => {}
                ["rustc", version] => rustc = Some(version.to_owned()),
                ["target", triple] => target = Some(triple.to_owned()),
                [path, ref costs @ ..] => {
                    let cost = cost(costs).ok_or_else(|| format!("`{line}` was not understood"))?;
                    paths.push((path.to_owned(), cost));
                }
            }
        }
        let compiler = Compiler {
            rustc: rustc.ok_or("it does not say which rustc")?,
            target: target.ok_or("it does not say which target")?,
        };
        Ok(Figures { compiler, paths })
    }
}

fn cost(words: &[&str]) -> Option<Cost> {
    let [instructions, allocations, bytes, growth] = words else {
        return None;
    };
    Some(Cost {
        instructions: instructions.parse().ok()?,
        heap: Heap {
            allocations: allocations.parse().ok()?,
            bytes: bytes.parse().ok()?,
            growth: growth.parse().ok()?,
        },
    })
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Compiler { rustc, target } = &self.compiler;
        write!(f, "{HEAD}\nrustc  {rustc}\ntarget {target}\n\n{COLUMNS}")?;
        for (path, Cost { instructions, heap }) in &self.paths {
            let Heap {
                allocations,
                bytes,
                growth,
            } = heap;
            let heap = format!("{allocations:>13} {bytes:>13} {growth:>10}");
            writeln!(f, "{path:<14} {instructions:>12} {heap}")?;
        }
        Ok(())
    }
}

impl Compiler {
    /// The one that builds here.
    pub(crate) fn read(workspace: &Workspace) -> Result<Compiler, String> {
        let program = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let mut command = Command::new(program);
        let printed = cargo::read(command.current_dir(&workspace.root).arg("-vV"))?;
        Compiler::from_printed(&printed).ok_or_else(|| format!("`{printed}` was not understood"))
    }

    fn from_printed(printed: &str) -> Option<Compiler> {
        let field = |name: &str| {
            let mut lines = printed.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        let (minor, _patch) = field("release")?.rsplit_once('.')?;
        Some(Compiler {
            rustc: minor.to_owned(),
            target: field("host")?.to_owned(),
        })
    }
}

impl fmt::Display for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rustc {} for {}", self.rustc, self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Figures {
        let cost = |instructions, allocations, bytes, growth| Cost {
            instructions,
            heap: Heap {
                allocations,
                bytes,
                growth,
            },
        };
        Figures {
            compiler: Compiler {
                rustc: "1.95".to_owned(),
                target: "x86_64-unknown-linux-gnu".to_owned(),
            },
            paths: vec![
                ("one-way".to_owned(), cost(300, 0, 0, -8)),
                ("request".to_owned(), cost(123_456_789, 2_000_000, 1, 0)),
            ],
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let text = figures().to_string();
        assert_eq!(text.parse(), Ok(figures()), "{text}");
    }

    #[test]
    fn a_line_that_is_not_understood_is_told() {
        for bad in ["one-way 1 2 3", "one-way 1 2 3 4 5", "one-way 1 2 x 4"] {
            let text = format!("{}{bad}\n", figures());
            let error = text.parse::<Figures>().expect_err(bad);
            assert!(error.contains(bad), "{error}");
        }
        assert!("one-way 1 2 3 4".parse::<Figures>().is_err());
    }

    #[test]
    fn a_patch_of_the_compiler_does_not_matter() {
        let printed = |release| format!("rustc {release}\nhost: a-b-c\nrelease: {release}\n");
        let read = |release| Compiler::from_printed(&printed(release)).expect("as rustc prints it");
        assert_eq!(read("1.95.0"), read("1.95.2"));
        assert_eq!(read("1.95.0").to_string(), "rustc 1.95 for a-b-c");
        assert_ne!(read("1.95.0"), read("1.96.0-nightly"));
        assert_eq!(Compiler::from_printed("rustc 1.95.0\n"), None);
    }
}
