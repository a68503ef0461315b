//! Reads what callgrind writes: how many instructions were executed in which object.

use std::collections::HashMap;
use std::path::Path;

/// The instructions of one object (a program or a shared library) in all, from callgrind's file for one thread.
///
/// The file has a line with a position and a cost for each function, under the `ob=` that it belongs to; a cost behind
/// `calls=` is what the called function did, and stands there once more.
pub(crate) fn instructions(file: &str, object: &str) -> Result<u64, String> {
    let mut names: HashMap<&str, &str> = HashMap::new();
    let (mut here, mut all, mut stated) = (0, 0, None);
    let mut is_inside = false;
    let mut is_of_a_call = false;
    for line in file.lines() {
        if let Some((kind @ ("ob" | "cob"), name)) = line.split_once('=') {
            let name = full_name(&mut names, name);
            if kind == "ob" {
                is_inside = Path::new(name).file_name() == Some(object.as_ref());
            }
        } else if line.starts_with("calls=") {
            is_of_a_call = true;
        } else if let Some(sum) = line.strip_prefix("summary:") {
            stated = sum.trim().parse().ok();
        } else if let Some(cost) = cost(line)
            && !std::mem::take(&mut is_of_a_call)
        {
            all += cost;
            here += if is_inside { cost } else { 0 };
        }
    }
    if stated != Some(all) {
        return Err(format!(
            "callgrind's file does not add up to its summary: {all}, not {stated:?}"
        ));
    }
    if here == 0 {
        return Err(format!("callgrind saw nothing of {object}"));
    }
    Ok(here)
}

/// A name stands in full where it comes first, as `(3) /usr/lib/libc.so`; afterwards only as `(3)`.
fn full_name<'a>(names: &mut HashMap<&'a str, &'a str>, name: &'a str) -> &'a str {
    match name.split_once(' ') {
        Some((id, full)) if id.starts_with('(') => {
            names.insert(id, full);
            full
        }
        _ => names.get(name).copied().unwrap_or(name),
    }
}

fn cost(line: &str) -> Option<u64> {
    if !line.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c)) {
        return None;
    }
    // A cost of nothing may be left away.
    line.split_whitespace()
        .nth(1)
        .map_or(Some(0), |cost| cost.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# callgrind format
positions: line
events: Ir
summary: 1064

ob=(2) /usr/lib/libc.so.6
fl=(1) ./malloc.c
fn=(7) malloc
0 50

ob=(1) /src/target/release/guard
fl=(4) ???
fn=(1) main
0 1000
cob=(2)
cfn=(7)
calls=3 0
0 50
cob=(5) /lib/other.so
cfn=(9) start
calls=1 0
* 4
fn=(2) end
+3 10
0

ob=(5)
fn=(9)
-2 4

totals: 1064
";

    #[test]
    fn the_own_cost_of_one_object_is_added_up() {
        assert_eq!(instructions(FILE, "guard"), Ok(1010));
        assert_eq!(instructions(FILE, "libc.so.6"), Ok(50));
        assert_eq!(instructions(FILE, "other.so"), Ok(4));
    }

    #[test]
    fn what_was_not_understood_is_an_error() {
        assert!(instructions(FILE, "another").is_err());
        assert!(instructions("", "guard").is_err());
        let wrong = FILE.replace("summary: 1064", "summary: 1065");
        assert!(instructions(&wrong, "guard").is_err());
    }
}
