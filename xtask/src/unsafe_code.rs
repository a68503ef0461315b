//! Unsafe code stays where it is expected: a few named modules of the queue, and nowhere else.
//!
//! Every file below `src` of the product crates is looked at, since a file can allow again what its root denies. The benchmarks
//! are no products: the allocators by which they count are unsafe code of necessity.

use crate::workspace::{Package, Workspace};
use std::fs;
use std::path::{Path, PathBuf};

const FORBIDDEN: &str = "#![forbid(unsafe_code)]";
const DENIED: &str = "#![deny(unsafe_code)]";
const ALLOWED: &str = "#[allow(unsafe_code)]";
/// The lint that all of them are about.
const LINT: &str = "unsafe_code";
/// What unsafe code begins with.
const KEYWORD: &str = "unsafe";
/// The one crate that may have any.
const QUEUE: &str = "bookdrop-queue";
/// Its modules that may.
pub(crate) const MODULES: [&str; 4] = ["loan", "lock", "prefetch", "recycled"];

/// What the product crates say or lack that they may not, one sentence each.
pub(crate) fn complaints(workspace: &Workspace) -> Result<Vec<String>, String> {
    let mut complaints = Vec::new();
    for package in workspace.products() {
        let roots = roots(package);
        for root in &roots {
            complaints.extend(about_root(&package.name, root, &read(root)?));
        }
        let directory = package.manifest.with_file_name("src");
        for file in rust_files(&directory)? {
            let source = read(&file)?;
            if !is_named_module(
                &package.name,
                file.strip_prefix(&directory).unwrap_or(&file),
            ) {
                complaints.extend(about_code(&file, &source));
            }
            if !roots.contains(&file.as_path()) {
                complaints.extend(about_inner_file(&file, &source));
            }
        }
    }
    Ok(complaints)
}

fn roots(package: &Package) -> Vec<&Path> {
    let targets = package.targets.iter();
    let roots = targets.filter(|target| target.is("lib") || target.is("bin"));
    roots.map(|target| target.source.as_path()).collect()
}

/// A root that lacks its line, or allows more than it may.
fn about_root(package: &str, root: &Path, source: &str) -> Vec<String> {
    let at = root.display();
    let mut complaints = Vec::new();
    let (line, modules): (_, &[&str]) = if package == QUEUE {
        (DENIED, &MODULES)
    } else {
        (FORBIDDEN, &[])
    };
    if !has_line(source, line) {
        complaints.push(format!("{at} lacks `{line}`"));
    }
    let allowed = allowed(source, line);
    if allowed != modules {
        complaints.push(format!(
            "{at} allows unsafe code in {allowed:?}, not in {modules:?}"
        ));
    }
    complaints
}

/// Unsafe code in a file that may have none.
fn about_code(file: &Path, source: &str) -> Vec<String> {
    let complaint = |line| format!("{}:{line} has unsafe code", file.display());
    lines_with(source, KEYWORD).map(complaint).collect()
}

/// What a file says about the lint, which only a root may.
fn about_inner_file(file: &Path, source: &str) -> Vec<String> {
    let complaint = |line| {
        let at = file.display();
        format!("{at}:{line} speaks of `{LINT}`, which is for the root of the crate alone")
    };
    lines_with(source, LINT).map(complaint).collect()
}

/// Whether a file below `src` is that of a module that may have unsafe code, or lies in its folder.
fn is_named_module(package: &str, file: &Path) -> bool {
    let first = file.iter().next().and_then(|name| name.to_str());
    let module = first.map(|name| name.strip_suffix(".rs").unwrap_or(name));
    package == QUEUE && module.is_some_and(|module| MODULES.contains(&module))
}

/// All source files in a directory and below, in the order of their names.
fn rust_files(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let said = |error| format!("{}: {error}", directory.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(said)? {
        let path = entry.map_err(said)?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn has_line(source: &str, wanted: &str) -> bool {
    source.lines().any(|line| line.trim() == wanted)
}

/// The modules for which a root allows unsafe code; where it says anything else than `line` about it, that.
fn allowed<'a>(source: &'a str, line: &str) -> Vec<&'a str> {
    let mut lines = source.lines().map(|line| code(line).trim());
    let mut found = Vec::new();
    while let Some(said) = lines.next() {
        if said == ALLOWED {
            let module = lines.next().and_then(|line| line.strip_prefix("mod "));
            found.push(module.map_or(said, |module| module.trim_end_matches(';')));
        } else if said != line && has_word(said, LINT) {
            found.push(said);
        }
    }
    found
}

/// The numbers of the lines that have a word in their code.
fn lines_with(source: &str, word: &'static str) -> impl Iterator<Item = usize> {
    let lines = source.lines().zip(1..);
    lines.filter_map(move |(line, number)| has_word(code(line), word).then_some(number))
}

fn has_word(code: &str, word: &str) -> bool {
    let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.any(|other| other == word)
}

/// A line without the comment at its end. Comments between `/*` and `*/` count as code, and a string of several lines is not seen as
/// one: there are none in the products.
fn code(line: &str) -> &str {
    let (mut is_in_string, mut is_escaped) = (false, false);
    for (at, c) in line.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_in_string = !is_in_string,
            '/' if !is_in_string && line[at..].starts_with("//") => return &line[..at],
            _ => {}
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(source: &str, word: &'static str) -> Vec<usize> {
        lines_with(source, word).collect()
    }

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
        let source = "#![deny(unsafe_code)]\nmod a;\n#[allow(unsafe_code)] // Why.\nmod b;\n\
                      #[allow(unsafe_code)]\npub fn c() {}\n";
        assert_eq!(allowed(source, DENIED), ["b", "#[allow(unsafe_code)]"]);
    }

    #[test]
    fn a_root_allows_nothing_in_other_words() {
        for other in [
            "#![allow(unsafe_code)]",
            "#[allow(dead_code, unsafe_code)]",
            "#[expect(unsafe_code)]",
            "#[cfg_attr(test, allow(unsafe_code))]",
        ] {
            let source = format!("{DENIED}\n{other}\nmod a;\n");
            assert_eq!(allowed(&source, DENIED), [other]);
        }
    }

    #[test]
    fn a_root_has_its_line_and_its_modules() {
        let root = Path::new("src/lib.rs");
        let modules = MODULES.map(|module| format!("{ALLOWED}\nmod {module};\n"));
        let queue = format!("{DENIED}\n{}", modules.concat());
        assert_eq!(about_root(QUEUE, root, &queue), [""; 0]);
        assert_eq!(about_root(QUEUE, root, DENIED).len(), 1);
        assert_eq!(about_root(QUEUE, root, FORBIDDEN).len(), 2);
        assert_eq!(about_root("bookdrop", root, FORBIDDEN), [""; 0]);
        assert_eq!(about_root("bookdrop", root, &queue).len(), 2);
    }

    #[test]
    fn an_inner_file_does_not_speak_of_the_lint() {
        let said = |source| about_inner_file(Path::new("src/slab.rs"), source).len();
        assert_eq!(said("#![allow(unsafe_code)]\n"), 1);
        assert_eq!(said("    #[allow(unsafe_code)]\n    fn f() {}\n"), 1);
        assert_eq!(said("#![allow(\n    dead_code,\n    unsafe_code\n)]\n"), 1);
        assert_eq!(said("//! The root has `#![deny(unsafe_code)]`.\n"), 0);
    }

    #[test]
    fn unsafe_code_is_told_with_its_line() {
        let source =
            "fn a() {\n    unsafe { b() }\n}\nunsafe fn b() {}\nunsafe impl Send for C {}\n";
        assert_eq!(numbers(source, KEYWORD), [2, 4, 5]);
        let told = about_code(Path::new("src/slab.rs"), source);
        assert_eq!(told[0], "src/slab.rs:2 has unsafe code");
    }

    #[test]
    fn comments_and_longer_words_are_no_unsafe_code() {
        let source = "//! Has no unsafe { }.\n    /// unsafe fn\nlet a = 1; // unsafe { }\n\
                      #![forbid(unsafe_code)]\nlet not_unsafe = 1;\n";
        assert_eq!(numbers(source, KEYWORD), [0; 0]);
    }

    #[test]
    fn slashes_in_a_string_begin_no_comment() {
        let source = r#"a("https://b", unsafe { c() });
a("\"//", unsafe { c() });
a("https://b"); // unsafe { }"#;
        assert_eq!(numbers(source, KEYWORD), [1, 2]);
    }

    #[test]
    fn a_module_is_its_file_and_its_folder() {
        let may = |file| is_named_module(QUEUE, Path::new(file));
        assert!(may("lock.rs") && may("loan/tests.rs") && may("loan/a/b.rs"));
        assert!(!may("lib.rs") && !may("locks.rs") && !may("machine/lock.rs"));
        assert!(!is_named_module("bookdrop", Path::new("lock.rs")));
    }

    #[test]
    fn files_are_found_in_folders_too() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let files = rust_files(&here).expect("these sources can be read");
        assert!(files.contains(&here.join("unsafe_code.rs")));
        assert!(files.contains(&here.join("guard/mod.rs")));
        assert!(rust_files(&here.join("nowhere")).is_err());
    }
}
