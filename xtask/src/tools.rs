//! The tools that not every machine has: rustup's minimal profile comes without some, and no profile brings valgrind.

use crate::cargo;
use crate::steps::{Outcome, Steps};
use crate::workspace::Workspace;
use std::process::Command;

/// A tool that steps need.
pub(crate) struct Tool {
    name: &'static str,
    run_by: RunBy,
    install: &'static str,
}

enum RunBy {
    /// It is a command of cargo's, of this name.
    Cargo(&'static str),
    /// It is a program on the path.
    Itself,
}

pub(crate) const RUSTFMT: Tool = Tool {
    name: "rustfmt",
    run_by: RunBy::Cargo("fmt"),
    install: "rustup component add rustfmt",
};

pub(crate) const CLIPPY: Tool = Tool {
    name: "clippy",
    run_by: RunBy::Cargo("clippy"),
    install: "rustup component add clippy",
};

pub(crate) const VALGRIND: Tool = Tool {
    name: "valgrind",
    run_by: RunBy::Itself,
    install: "apt-get install valgrind",
};

/// Whether nothing may be left out, as in continuous integration.
pub(crate) fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|ci| ci == "true")
}

impl Tool {
    /// Runs a step that needs this tool, or leaves it out for want of it; continuous integration leaves nothing out.
    pub(crate) fn step(
        &self,
        steps: &mut Steps,
        workspace: &Workspace,
        name: &str,
        work: impl FnOnce() -> Outcome,
    ) -> Outcome {
        if self.is_installed(workspace) {
            return steps.step(name, work);
        }
        let ci = std::env::var("CI").ok();
        steps.leave_out(self.may_be_missing(name, ci.as_deref())?);
        Ok(())
    }

    /// Fails for want of this tool, wherever it runs.
    pub(crate) fn must_be_installed(&self, workspace: &Workspace, step: &str) -> Outcome {
        if self.is_installed(workspace) {
            Ok(())
        } else {
            Err(self.is_needed(step))
        }
    }

    fn is_installed(&self, workspace: &Workspace) -> bool {
        let mut command = match self.run_by {
            RunBy::Cargo(name) => {
                let mut command = cargo::cargo(&workspace.root);
                command.arg(name);
                command
            }
            RunBy::Itself => Command::new(self.name),
        };
        cargo::read(command.arg("--version")).is_ok()
    }

    /// What is left out and why, or why that may not be; `ci` is the variable that continuous integration sets.
    fn may_be_missing(&self, step: &str, ci: Option<&str>) -> Result<String, String> {
        if ci == Some("true") {
            Err(self.is_needed(step))
        } else {
            let Tool { name, install, .. } = self;
            Ok(format!(
                "{step} (there is no {name}: `{install}` installs it)"
            ))
        }
    }

    fn is_needed(&self, step: &str) -> String {
        let Tool { name, install, .. } = self;
        format!("`{step}` needs {name}: `{install}` installs it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_stops_continuous_integration_alone() {
        for elsewhere in [None, Some(""), Some("false")] {
            let left_out = RUSTFMT.may_be_missing("format", elsewhere);
            let left_out = left_out.expect("it may be left out");
            assert!(left_out.starts_with("format (there is no rustfmt"));
        }
        let error = CLIPPY.may_be_missing("lints", Some("true"));
        let error = error.expect_err("nothing is left out there");
        assert!(error.contains("`lints`") && error.contains("`rustup component add clippy`"));
        let error = VALGRIND.may_be_missing("instructions", Some("true"));
        let error = error.expect_err("nothing is left out there");
        assert!(error.contains("`apt-get install valgrind`"));
    }
}
