//! The tools that not every toolchain has: rustup's minimal profile comes without them.

use crate::cargo;
use crate::steps::{Outcome, Steps};
use crate::workspace::Workspace;

/// A tool that cargo runs as a command of its own.
pub(crate) struct Tool {
    command: &'static str,
    /// What rustup calls it.
    component: &'static str,
}

pub(crate) const RUSTFMT: Tool = Tool {
    command: "fmt",
    component: "rustfmt",
};

pub(crate) const CLIPPY: Tool = Tool {
    command: "clippy",
    component: "clippy",
};

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

    fn is_installed(&self, workspace: &Workspace) -> bool {
        let mut command = cargo::cargo(&workspace.root);
        command.args([self.command, "--version"]);
        cargo::read(&mut command).is_ok()
    }

    /// What is left out and why, or why that may not be; `ci` is the variable that continuous integration sets.
    fn may_be_missing(&self, step: &str, ci: Option<&str>) -> Result<String, String> {
        let tool = self.component;
        let install = format!("`rustup component add {tool}` installs it");
        if ci == Some("true") {
            Err(format!("`{step}` needs {tool}: {install}"))
        } else {
            Ok(format!("{step} (there is no {tool}: {install})"))
        }
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
    }
}
