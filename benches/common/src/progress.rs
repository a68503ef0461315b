//! One line that says how far it is, where somebody looks.

use std::io::{IsTerminal, Write};

/// Shows a line of progress in place of the one before; an empty one takes it away.
pub fn show(line: &str) {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        let _ = write!(out, "\r\x1b[K{line}").and_then(|()| out.flush());
    }
}
