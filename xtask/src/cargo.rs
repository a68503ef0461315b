//! Starts cargo and rustup, in sight of whoever runs the command.

use crate::steps::Outcome;
use std::path::Path;
use std::process::{Command, Stdio};

/// The cargo that runs us, at the root of the workspace and without standard input.
pub(crate) fn cargo(root: &Path) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root).stdin(Stdio::null());
    command
}

/// The cargo of another toolchain: only rustup's own `cargo`, found on the path, knows `+nightly` and the like.
pub(crate) fn cargo_of(toolchain: &str, root: &Path) -> Command {
    let mut command = by_rustup("cargo", root);
    command.arg(format!("+{toolchain}"));
    command
}

/// Lists the toolchains of rustup, one in a line.
pub(crate) fn toolchains(root: &Path) -> Command {
    let mut command = by_rustup("rustup", root);
    command.args(["toolchain", "list"]);
    command
}

fn by_rustup(program: &str, root: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root).stdin(Stdio::null());
    // Looking for a tool must not download one.
    command.env("RUSTUP_AUTO_INSTALL", "0");
    command
}

/// Runs a command whose whole output is passed on.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let line = line(command);
    println!("   {line}");
    let status = command
        .status()
        .map_err(|error| format!("`{line}` did not start: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{line}` failed ({status})"))
    }
}

/// Runs a command for its standard output; what it says on standard error is told when it fails.
pub(crate) fn read(command: &mut Command) -> Result<String, String> {
    let line = line(command);
    let output = command
        .output()
        .map_err(|error| format!("`{line}` did not start: {error}"))?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{line}` failed ({}):\n{told}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("`{line}` printed something not UTF-8"))
}

/// The command as one could type it.
fn line(command: &Command) -> String {
    let mut words: Vec<String> = Vec::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            let value = quoted(&value.to_string_lossy());
            words.push(format!("{}={value}", name.to_string_lossy()));
        }
    }
    let program = Path::new(command.get_program()).file_stem();
    words.push(quoted(&program.unwrap_or_default().to_string_lossy()));
    for argument in command.get_args() {
        words.push(quoted(&argument.to_string_lossy()));
    }
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "+-_./:,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{word}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_could_type_it() {
        let mut command = cargo(Path::new("."));
        command.env("RUSTFLAGS", "--cfg loom").args(["test", "-p"]);
        command.arg("bookdrop-queue");
        assert_eq!(
            line(&command),
            "RUSTFLAGS='--cfg loom' cargo test -p bookdrop-queue"
        );
        assert!(line(&toolchains(Path::new("."))).ends_with(" rustup toolchain list"));
    }
}
