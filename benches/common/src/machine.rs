//! What the figures were measured on: the machine, and the state of this program.

use std::process::Command;

/// Where and when a run was made, as far as it can be found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The name of the processor.
    pub processor: Option<String>,
    /// The version of the kernel.
    pub kernel: Option<String>,
    /// The version of the compiler.
    pub rustc: Option<String>,
    /// The commit that is checked out when it runs; a plus sign says that its code was changed.
    pub commit: Option<String>,
    /// The day, in UTC.
    pub date: Option<String>,
}

/// The pages that are being written are none of it.
const STATUS_OF_THE_CODE: [&str; 8] = [
    "status",
    "--porcelain",
    "--untracked-files=no",
    "--",
    ":/crates",
    ":/benches",
    ":/Cargo.lock",
    ":/Cargo.toml",
];

impl Origin {
    /// That of this process.
    pub fn of_this_run() -> Self {
        let commit = output("git", &["rev-parse", "--short", "HEAD"]);
        let is_changed =
            output("git", &STATUS_OF_THE_CODE).is_some_and(|changes| !changes.is_empty());
        let rustc = output("rustc", &["--version"]);
        Origin {
            processor: read("/proc/cpuinfo").and_then(|text| model(&text).map(str::to_owned)),
            kernel: read("/proc/sys/kernel/osrelease"),
            rustc: rustc.and_then(|text| text.split(' ').nth(1).map(str::to_owned)),
            commit: commit.map(|commit| commit + if is_changed { "+" } else { "" }),
            date: output("date", &["-u", "+%F"]),
        }
    }
}

fn read(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned())
}

/// What a program says, if it is there and has nothing to complain about.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn model(text: &str) -> Option<&str> {
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_processor_speaks_for_all() {
        let text = "processor\t: 0\nmodel name\t: One 1000\n\nprocessor\t: 1\nmodel name\t: Two\n";
        assert_eq!(model(text), Some("One 1000"));
        assert_eq!(model("processor\t: 0\n"), None);
    }

    #[test]
    fn what_a_program_does_not_say_is_left_out() {
        assert_eq!(output("no-such-program", &[]), None);
        assert_eq!(output("git", &["no-such-command"]), None);
    }
}
