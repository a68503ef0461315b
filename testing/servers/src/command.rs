//! Programs that run to their end.

use std::process::{Command, Stdio};

/// Runs a program for what it leaves behind. Where it fails, the error has what it said.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let line = line(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("`{line}` did not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{line}` failed ({}): {told}", output.status))
}

fn line(command: &Command) -> String {
    let mut line = command.get_program().to_owned();
    for argument in command.get_args() {
        line.push(" ");
        line.push(argument);
    }
    line.to_string_lossy().into_owned()
}
