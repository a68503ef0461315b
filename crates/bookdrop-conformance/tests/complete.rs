//! The list of behaviours, the table of faults and the README tell the same story.

use std::collections::BTreeSet;

use bookdrop_conformance::{Behaviour, DURABLE_TABLE, Fault, TABLE};

fn behaviours() -> BTreeSet<&'static str> {
    Behaviour::ALL
        .iter()
        .map(|behaviour| behaviour.name)
        .collect()
}

/// The rows of both tables.
fn rows() -> impl Iterator<Item = &'static (&'static str, &'static [Fault])> {
    TABLE.iter().chain(DURABLE_TABLE)
}

#[test]
fn every_behaviour_has_a_broken_driver() {
    let caught = rows()
        .map(|(behaviour, _)| *behaviour)
        .collect::<BTreeSet<_>>();
    assert_eq!(caught, behaviours());
    for table in [TABLE, DURABLE_TABLE] {
        let names = table.iter().map(|(behaviour, _)| *behaviour);
        let different = names.collect::<BTreeSet<_>>().len();
        assert_eq!(table.len(), different, "a behaviour has two rows");
    }
}

#[test]
fn every_fault_is_caught_by_some_behaviour() {
    let source = include_str!("../src/fault.rs");
    let variants = source
        .split("pub enum Fault {")
        .nth(1)
        .expect("the enum is there");
    let variants = variants
        .lines()
        .filter_map(|line| line.trim().strip_suffix(','));
    let declared = variants.filter(|name| name.chars().all(char::is_alphanumeric));
    let declared = declared.map(str::to_owned).collect::<BTreeSet<_>>();
    let caught = rows()
        .flat_map(|(_, faults)| faults.iter())
        .map(|fault| format!("{fault:?}"));
    assert_eq!(caught.collect::<BTreeSet<_>>(), declared);
}

#[test]
fn readme_lists_exactly_the_behaviours() {
    let readme = include_str!("../README.md");
    let rows = readme
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(str::to_owned)
        .collect::<Vec<_>>();
    let expected = Behaviour::ALL
        .iter()
        .map(|b| format!("| `{}` | {} |", b.name, b.sentence))
        .collect::<Vec<_>>();
    assert_eq!(
        rows,
        expected,
        "the table should be:\n{}",
        expected.join("\n")
    );
}
