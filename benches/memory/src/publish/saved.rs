//! What the runs saved: one file for each allocator and each way to run, in `data` below the directory of the pages.

use std::fs;
use std::path::{Path, PathBuf};

use super::record::{Condition, Record};

/// Everything that was measured with one allocator.
pub(crate) struct Saved {
    /// The allocator.
    pub allocator: String,
    /// The runs, the plain one first.
    pub runs: Vec<Run>,
}

/// What the rows of a group are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The time an event takes.
    Time,
    /// What an event asks of the allocator.
    Heap,
    /// Figures with these names.
    Figures(Vec<String>),
}

/// One run.
#[derive(Clone)]
pub(crate) struct Run {
    /// How it was run.
    pub condition: Condition,
    /// Its figures, in the order in which they were measured.
    pub records: Vec<Record>,
}

impl Saved {
    /// All figures of all runs.
    pub(crate) fn records(&self) -> impl Iterator<Item = &Record> {
        self.runs.iter().flat_map(|run| &run.records)
    }

    /// The runs with nothing beside and the busy ones, each part with a name for its files.
    pub(crate) fn free_and_busy(&self) -> Vec<(&'static str, Self)> {
        let parts = [("", false), ("-busy", true)].map(|(name, busy)| {
            let runs = self.runs.iter().filter(|run| run.condition.busy == busy);
            let part = Self {
                allocator: self.allocator.clone(),
                runs: runs.cloned().collect(),
            };
            (name, part)
        });
        let parts = parts.into_iter();
        parts.filter(|(_, part)| !part.runs.is_empty()).collect()
    }

    /// The figures of one group, of the runs that have any.
    pub(crate) fn of_group(&self, group: &str) -> Self {
        let of_group = |run: &Run| {
            let records = run.records.iter().filter(|record| record.group == group);
            Run {
                condition: run.condition,
                records: records.cloned().collect(),
            }
        };
        let runs = self.runs.iter().map(of_group);
        Self {
            allocator: self.allocator.clone(),
            runs: runs.filter(|run| !run.records.is_empty()).collect(),
        }
    }

    /// What the rows of a group are about.
    pub(crate) fn subject(&self, group: &str) -> Subject {
        let mut records = self.records().filter(|record| record.group == group);
        let Some(record) = records.find(|one| one.heap.is_some() || !one.figures.is_empty()) else {
            return Subject::Time;
        };
        if record.heap.is_some() {
            return Subject::Heap;
        }
        let names = record.figures.iter().map(|(name, _)| name.clone());
        Subject::Figures(names.collect())
    }

    /// The groups, in the order in which they were measured.
    pub(crate) fn groups(&self) -> Vec<&str> {
        let groups = self.records().map(|record| record.group.as_str());
        distinct(groups, |a, b| a == b)
    }

    /// The kinds of event of a group.
    pub(crate) fn kinds(&self, group: &str) -> Vec<&str> {
        let records = self.records().filter(|record| record.group == group);
        distinct(records.map(|record| record.kind.as_str()), |a, b| a == b)
    }

    /// The rows of a group and a kind: of each contender in each row the figure of the first run that has it.
    pub(crate) fn rows(&self, group: &str, kind: &str) -> Vec<Vec<&Record>> {
        let records = self
            .records()
            .filter(|record| record.group == group && record.kind == kind);
        let records: Vec<&Record> = records.collect();
        let rows = distinct(records.iter().copied(), |a, b| a.is_beside(b));
        rows.iter()
            .map(|row| {
                let beside = records.iter().filter(|record| record.is_beside(row));
                distinct(beside.copied(), |a, b| a.contender == b.contender)
            })
            .collect()
    }
}

impl Run {
    /// The figure of the same contender in the same row.
    pub(crate) fn find(&self, record: &Record) -> Option<&Record> {
        self.records
            .iter()
            .find(|other| other.is_beside(record) && other.contender == record.contender)
    }
}

/// Each of these once, in the order of their first appearance.
fn distinct<T>(all: impl Iterator<Item = T>, same: impl Fn(&T, &T) -> bool) -> Vec<T> {
    let mut seen: Vec<T> = Vec::new();
    for one in all {
        if !seen.iter().any(|other| same(other, &one)) {
            seen.push(one);
        }
    }
    seen
}

/// The file of one run.
pub(crate) fn file(directory: &Path, allocator: &str, pinned: bool, busy: bool) -> PathBuf {
    let name = slug(&format!(
        "{allocator} {}",
        Condition { busy, pinned }.name()
    ));
    data(directory).join(format!("{name}.jsonl"))
}

/// Makes the directory that the files of the runs go to.
pub(crate) fn prepare(directory: &Path) -> Result<(), String> {
    let data = data(directory);
    fs::create_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))
}

/// Reads all files of runs, in the order of their names.
pub(crate) fn read(directory: &Path) -> Result<Vec<Saved>, String> {
    let data = data(directory);
    let said = |error| format!("{}: {error}", data.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(&data).map_err(said)? {
        let path = entry.map_err(said)?.path();
        if path.extension().is_some_and(|ending| ending == "jsonl") {
            files.push(path);
        }
    }
    files.sort();
    let mut records = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file);
        let text = text.map_err(|error| format!("{}: {error}", file.display()))?;
        let read: Result<Vec<_>, _> = text.lines().map(Record::read).collect();
        records.extend(read.map_err(|problem| format!("{}: {problem}", file.display()))?);
    }
    Ok(sort(records))
}

/// By allocator, and the runs of each by their condition.
fn sort(records: Vec<Record>) -> Vec<Saved> {
    let mut all: Vec<Saved> = Vec::new();
    for record in records {
        let saved = match all.iter().position(|one| one.allocator == record.allocator) {
            Some(index) => &mut all[index],
            None => {
                all.push(Saved {
                    allocator: record.allocator.clone(),
                    runs: Vec::new(),
                });
                all.last_mut().expect("just pushed")
            }
        };
        let condition = record.condition;
        match saved.runs.iter_mut().find(|run| run.condition == condition) {
            Some(run) => run.records.push(record),
            None => saved.runs.push(Run {
                condition,
                records: vec![record],
            }),
        }
    }
    for saved in &mut all {
        saved.runs.sort_by_key(|run| run.condition);
    }
    all
}

/// A name as part of a file name.
pub(crate) fn slug(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("-").to_lowercase()
}

fn data(directory: &Path) -> PathBuf {
    directory.join("data")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::record::tests::record;

    #[test]
    fn runs_are_told_apart_and_the_plain_one_comes_first() {
        let mut pinned = record("bookdrop", "ours", &[1.0]);
        pinned.condition.pinned = true;
        let plain = record("bookdrop", "ours", &[1.0]);
        let mut other = record("bookdrop", "ours", &[1.0]);
        other.allocator = "other".to_owned();
        let all = sort(vec![pinned, plain, other]);
        let shape: Vec<_> = all.iter().map(|saved| saved.runs.len()).collect();
        assert_eq!(shape, [2, 1]);
        assert!(!all[0].runs[0].condition.pinned);
    }

    #[test]
    fn names_of_files() {
        assert_eq!(slug("growth, fill and drain"), "growth-fill-and-drain");
        let file = file(Path::new("pages"), "glibc malloc", true, false);
        assert_eq!(file, Path::new("pages/data/glibc-malloc-pinned.jsonl"));
    }
}
