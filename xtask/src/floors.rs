//! Which crate of ours may import which.
//!
//! Every product crate stands on a floor and imports only from floors below it. Tools stand beside the house: they may
//! import anything, and none but tools import them; the tests of any crate may import the servers that drivers are tested with.

use crate::workspace::{Dependency, Package, Workspace};

enum Place {
    Floor(u8),
    Tool,
}

/// Every crate of ours. A new crate gets its line here in the commit that makes it.
const HOUSE: &[(&str, Place)] = &[
    ("bookdrop-queue", Place::Floor(0)),
    ("bookdrop-backend", Place::Floor(0)),
    ("bookdrop-records", Place::Floor(1)),
    ("bookdrop-remote", Place::Floor(2)),
    ("bookdrop-disk", Place::Floor(2)),
    ("bookdrop-postgres", Place::Floor(2)),
    ("bookdrop-redis", Place::Floor(2)),
    ("bookdrop-amqp", Place::Floor(2)),
    ("bookdrop-kafka", Place::Floor(2)),
    ("bookdrop-nats", Place::Floor(3)),
    ("bookdrop", Place::Floor(4)),
    ("bookdrop-conformance", Place::Floor(5)),
    ("bookdrop-board", Place::Floor(5)),
    ("bookdrop-cli", Place::Floor(6)),
    ("bookdrop-bench", Place::Tool),
    ("bookdrop-bench-common", Place::Tool),
    ("bookdrop-bench-disk", Place::Tool),
    ("bookdrop-bench-nats", Place::Tool),
    ("bookdrop-bench-postgres", Place::Tool),
    ("bookdrop-guard", Place::Tool),
    ("bookdrop-test-servers", Place::Tool),
    ("xtask", Place::Tool),
];

/// The crate that depends on the standard library alone.
pub(crate) const QUEUE: &str = "bookdrop-queue";

/// The crate whose tests lower floors may import: each proves itself by it.
const SUITE: &str = "bookdrop-conformance";

/// The tool that tests may import: what a driver on an engine does shows only on that engine.
const SERVERS: &str = "bookdrop-test-servers";

pub(crate) fn is_product(name: &str) -> bool {
    matches!(place(name), Some(Place::Floor(_)))
}

/// What stands against the table, one sentence each.
pub(crate) fn complaints(workspace: &Workspace) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in workspace.members() {
        let name = &package.name;
        match place(name) {
            None => {
                complaints.push(format!(
                    "{name} has no place in the table of xtask/src/floors.rs"
                ));
                continue;
            }
            Some(Place::Tool) if package.is_publishable => {
                complaints.push(format!("{name} is a tool and needs `publish = false`"));
            }
            Some(_) => {}
        }
        for dependency in &package.dependencies {
            complaints.extend(complaint(workspace, package, dependency));
        }
    }
    complaints
}

fn complaint(workspace: &Workspace, of: &Package, on: &Dependency) -> Option<String> {
    let (of, name) = (&of.name, &on.name);
    if of == QUEUE && !on.is_dev && !is_model_checker(on) {
        return Some(format!(
            "{of} depends on the standard library alone, yet imports {name}"
        ));
    }
    if !is_ours(workspace, name) {
        return None;
    }
    match (place(of), place(name)) {
        (_, None) => Some(format!("{of} imports {name}, which the table lacks")),
        (Some(Place::Tool), Some(Place::Tool)) => None,
        (_, Some(Place::Tool)) if on.is_dev && name == SERVERS => None,
        (_, Some(Place::Tool)) => Some(format!("{of} imports {name}, which is a tool")),
        (Some(Place::Floor(own)), Some(Place::Floor(theirs))) if theirs >= own => {
            let is_suite_in_tests = on.is_dev && name == SUITE;
            (!is_suite_in_tests).then(|| {
                format!("{of} (floor {own}) imports {name} (floor {theirs}), which is not below it")
            })
        }
        _ => None,
    }
}

/// The queue brings in loom and shuttle, each only under its own cfg: nobody who uses the library builds them.
fn is_model_checker(dependency: &Dependency) -> bool {
    matches!(
        (dependency.name.as_str(), dependency.platform.as_deref()),
        ("loom", Some("cfg(loom)")) | ("shuttle", Some("cfg(shuttle)"))
    )
}

fn is_ours(workspace: &Workspace, name: &str) -> bool {
    name.starts_with("bookdrop")
        || place(name).is_some()
        || workspace.members().any(|member| member.name == name)
}

fn place(name: &str) -> Option<&'static Place> {
    HOUSE
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, place)| place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::made_up::{member, workspace};
    use serde_json::json;

    const DEV: Option<&str> = Some("dev");
    const BUILD: Option<&str> = Some("build");

    type Line<'a> = (&'a str, Option<&'a str>, Option<&'a str>);

    fn told(name: &str, dependencies: &[Line<'_>]) -> Vec<String> {
        complaints(&workspace(&[member(name, dependencies)]))
    }

    #[test]
    fn a_crate_imports_from_below() {
        let good: &[(&str, &str)] = &[
            ("bookdrop", "bookdrop-queue"),
            ("bookdrop", "bookdrop-disk"),
            ("bookdrop-disk", "bookdrop-backend"),
            ("bookdrop-disk", "bookdrop-queue"),
            ("bookdrop-disk", "bookdrop-records"),
            ("bookdrop-nats", "bookdrop-remote"),
            ("bookdrop-conformance", "bookdrop"),
            ("bookdrop-board", "bookdrop"),
            ("bookdrop-cli", "bookdrop-board"),
            ("bookdrop", "serde_json"),
        ];
        for (of, on) in good {
            assert_eq!(told(of, &[(on, None, None)]), [""; 0], "{of} -> {on}");
        }
    }

    #[test]
    fn never_from_its_own_floor_or_above() {
        let bad: &[(&str, &str)] = &[
            ("bookdrop-backend", "bookdrop-queue"),
            ("bookdrop-records", "bookdrop-disk"),
            ("bookdrop-disk", "bookdrop-nats"),
            ("bookdrop-disk", "bookdrop"),
            ("bookdrop", "bookdrop-conformance"),
            ("bookdrop-board", "bookdrop-conformance"),
            ("bookdrop", "bookdrop-bench"),
            ("bookdrop", "bookdrop-unheard-of"),
        ];
        for (of, on) in bad {
            for kind in [None, BUILD] {
                assert_eq!(told(of, &[(on, kind, None)]).len(), 1, "{of} -> {on}");
            }
        }
    }

    #[test]
    fn tests_may_import_the_suite_and_nothing_else_from_above() {
        assert_eq!(
            told("bookdrop", &[("bookdrop-conformance", DEV, None)]),
            [""; 0]
        );
        assert_eq!(
            told("bookdrop-disk", &[("bookdrop-conformance", DEV, None)]),
            [""; 0]
        );
        assert_eq!(told("bookdrop-disk", &[("bookdrop", DEV, None)]).len(), 1);
    }

    #[test]
    fn tests_alone_may_import_the_servers() {
        let told = |kind| {
            told(
                "bookdrop-postgres",
                &[("bookdrop-test-servers", kind, None)],
            )
        };
        assert_eq!(told(DEV), [""; 0]);
        assert_eq!(told(None).len(), 1);
        assert_eq!(told(BUILD).len(), 1);
    }

    #[test]
    fn the_queue_depends_on_nothing_but_model_checkers_under_their_cfgs() {
        let queue = |dependency| told("bookdrop-queue", &[dependency]).len();
        assert_eq!(queue(("crossbeam-utils", None, None)), 1);
        assert_eq!(queue(("cc", BUILD, None)), 1);
        assert_eq!(queue(("loom", None, None)), 1);
        assert_eq!(queue(("loom", None, Some("cfg(loom)"))), 0);
        assert_eq!(queue(("shuttle", None, Some("cfg(shuttle)"))), 0);
        assert_eq!(queue(("shuttle", None, Some("cfg(loom)"))), 1);
        assert_eq!(queue(("libc", None, Some("cfg(unix)"))), 1);
        assert_eq!(queue(("futures", DEV, None)), 0);
    }

    #[test]
    fn a_crate_without_a_place_fails() {
        assert_eq!(told("bookdrop-extra", &[]).len(), 1);
        assert_eq!(told("helper", &[]).len(), 1);
        let house = workspace(&[
            member("bookdrop", &[("helper", None, None)]),
            member("helper", &[]),
        ]);
        assert_eq!(complaints(&house).len(), 2);
    }

    #[test]
    fn a_tool_is_not_published_and_imports_anything() {
        assert_eq!(told("xtask", &[]).len(), 1);
        let imports = [
            ("bookdrop-conformance", None, None),
            ("bookdrop-bench-common", None, None),
        ];
        let mut bench = member("bookdrop-bench", &imports);
        bench["publish"] = json!([]);
        assert_eq!(complaints(&workspace(&[bench])), [""; 0]);
    }
}
