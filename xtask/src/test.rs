//! `cargo xtask test`: everything that proves behaviour by running it.

use std::fs;
use std::process::Command;

use crate::cargo;
use crate::steps::{Outcome, Steps};
use crate::workspace::{Target, Workspace};

/// They measure and prove nothing, and the peers take long to build.
const BENCHMARKS: [&str; 5] = [
    "bookdrop-bench",
    "bookdrop-bench-disk",
    "bookdrop-bench-nats",
    "bookdrop-bench-postgres",
    "bookdrop-guard",
];

/// The real servers that tests start, by the names that `testing/servers` has for them.
const SERVERS: [&str; 2] = ["postgres", "nats"];

/// The variable that says to the tests which of them are left out.
const WITHOUT: &str = "BOOKDROP_WITHOUT";

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) long: bool,
    /// The servers whose tests are left out.
    pub(crate) without: Vec<&'static str>,
}

impl Options {
    /// Leaves out the tests that need a server.
    pub(crate) fn leave_out(&mut self, server: Option<&String>) -> Result<(), String> {
        let server = server.map_or("", String::as_str);
        let Some(known) = SERVERS.into_iter().find(|known| *known == server) else {
            let servers = SERVERS.join("` or `");
            return Err(format!("`--without` takes `{servers}`, not `{server}`"));
        };
        if !self.without.contains(&known) {
            self.without.push(known);
        }
        Ok(())
    }
}

pub(crate) fn run(options: &Options) -> Outcome {
    let mut steps = Steps::of("test");
    let workspace = Workspace::read()?;
    steps.step("tests", || tests(&workspace, options))?;
    let mut has_examples = false;
    for (package, example) in examples(&workspace) {
        has_examples = true;
        let name = format!("example {}", example.name);
        steps.step(&name, || run_example(&workspace, package, example))?;
    }
    if cfg!(unix) {
        steps.step("example library on disk", || play_on_disk(&workspace))?;
    }
    if !has_examples {
        steps.leave_out("examples (there are none)");
    }
    if !options.long {
        steps.leave_out("long forms of the tests (asked for with --long)");
    }
    for server in &options.without {
        steps.leave_out(format!("tests that need the server `{server}` (--without)"));
    }
    steps.finish();
    Ok(())
}

/// Unit, integration, conformance and documentation tests.
fn tests(workspace: &Workspace, options: &Options) -> Outcome {
    let mut command = cargo::cargo(&workspace.root);
    if options.long {
        command.env("BOOKDROP_LONG", "1");
    }
    leave_out_servers(&mut command, options);
    command.args(["test", "--workspace"]);
    for benchmark in BENCHMARKS {
        command.args(["--exclude", benchmark]);
    }
    cargo::run(&mut command)
}

/// What the variable says is what the flags say: nothing is left out that is not told at the end.
fn leave_out_servers(command: &mut Command, options: &Options) {
    if options.without.is_empty() {
        command.env_remove(WITHOUT);
    } else {
        command.env(WITHOUT, options.without.join(","));
    }
}

fn examples(workspace: &Workspace) -> impl Iterator<Item = (&str, &Target)> {
    workspace.products().flat_map(|package| {
        let examples = package.targets.iter().filter(|t| t.is("example"));
        examples.map(|example| (package.name.as_str(), example))
    })
}

fn run_example(workspace: &Workspace, package: &str, example: &Target) -> Outcome {
    let mut command = cargo::cargo(&workspace.root);
    command.args(["run", "--package", package, "--example", &example.name]);
    if !example.required_features.is_empty() {
        command.args(["--features", &example.required_features.join(",")]);
    }
    cargo::run(&mut command)
}

/// The two stories once more, in a folder that goes afterwards.
fn play_on_disk(workspace: &Workspace) -> Outcome {
    let folder = std::env::temp_dir().join(format!("bookdrop-library-{}", std::process::id()));
    let mut command = cargo::cargo(&workspace.root);
    command.args(["run", "--package", "bookdrop", "--example", "library"]);
    command.args(["--features", "disk", "--"]);
    command.arg(format!("disk:{}?segment_bytes=65536", folder.display()));
    let played = cargo::run(&mut command);
    let removed = fs::remove_dir_all(&folder);
    played?;
    removed.map_err(|error| format!("could not remove {}: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::made_up::{member, workspace};
    use serde_json::json;

    #[test]
    fn the_examples_of_every_product_crate_are_found() {
        let mut library = member("bookdrop", &[]);
        library["targets"] = json!([
            {"name": "bookdrop", "kind": ["lib"], "src_path": "/src/lib.rs"},
            {"name": "library", "kind": ["example"], "src_path": "/examples/library.rs"},
            {"name": "worker", "kind": ["example"], "src_path": "/examples/worker.rs",
             "required-features": ["worker"]},
        ]);
        let mut tool = member("xtask", &[]);
        tool["targets"][0]["kind"] = json!(["example"]);
        let workspace = workspace(&[library, tool]);
        let found: Vec<_> = examples(&workspace)
            .map(|(package, example)| (package, example.name.as_str()))
            .collect();
        assert_eq!(found, [("bookdrop", "library"), ("bookdrop", "worker")]);
    }

    #[test]
    fn the_tests_are_told_what_to_leave_out() {
        let mut options = Options::default();
        let told = |options: &Options| {
            let mut command = Command::new("cargo");
            leave_out_servers(&mut command, options);
            let told = command.get_envs().find(|(name, _)| *name == WITHOUT);
            told.expect("it is said").1.map(ToOwned::to_owned)
        };
        assert_eq!(told(&options), None);
        for server in SERVERS {
            options.leave_out(Some(&server.to_owned())).unwrap();
        }
        assert_eq!(told(&options), Some("postgres,nats".into()));
    }
}
