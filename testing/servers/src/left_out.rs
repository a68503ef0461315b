//! What the tests are to do without.

use crate::no_server::{NATS, POSTGRES};
use std::env;

/// The servers that can be left out.
const NAMES: [&str; 2] = [POSTGRES.name, NATS.name];

/// Whether the tests that need this server are left out, as `cargo xtask test --without NAME` asks; such a test returns at
/// once. That it is left out is printed.
///
/// # Panics
///
/// Where there is no server of this name.
pub fn is_left_out(name: &str) -> bool {
    assert!(NAMES.contains(&name), "there is no server `{name}`");
    let without = env::var("BOOKDROP_WITHOUT").unwrap_or_default();
    let is_left_out = names(&without, name);
    if is_left_out {
        println!("left out: this test needs the server `{name}`");
    }
    is_left_out
}

/// Whether a list with commas has this name.
fn names(list: &str, name: &str) -> bool {
    list.split(',').any(|one| one.trim() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_whole_names() {
        assert!(names("postgres", "postgres"));
        assert!(names("nats, postgres", "postgres"));
        assert!(!names("", "postgres"));
        assert!(!names("postgresql", "postgres"));
    }

    #[test]
    #[should_panic(expected = "there is no server `postgre`")]
    fn an_unknown_server_cannot_be_left_out() {
        is_left_out("postgre");
    }
}
