//! Under which licences the crates of the dependency graph may come.

use crate::workspace::Workspace;

/// Permissive licences that ask for no more than their notice. Longer only for a crate we need, in that crate's commit.
const ALLOWED: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    // Of what the store `fjall` brings in, a peer in `benches/disk`.
    "0BSD",
    "BSL-1.0",
    // Of Mozilla's certificates, which `async-nats` has in the lock file for WebSockets. Nobody builds them.
    "CDLA-Permissive-2.0",
];

/// Every crate whose licence we may not use, one sentence each.
pub(crate) fn complaints(workspace: &Workspace) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in &workspace.packages {
        let crate_name = format!("{} {}", package.name, package.version);
        match &package.licence {
            None => complaints.push(format!("{crate_name} states no licence expression")),
            Some(licence) => match is_allowed(licence) {
                Ok(true) => {}
                Ok(false) => complaints.push(format!("{crate_name} comes under `{licence}`")),
                Err(error) => complaints.push(format!("{crate_name}: `{licence}`: {error}")),
            },
        }
    }
    complaints
}

/// Whether an SPDX expression can be satisfied with the allowed licences alone.
fn is_allowed(expression: &str) -> Result<bool, String> {
    // The form that crates used before SPDX: a slash that means OR.
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut expression = Expression { rest: &words };
    let allowed = expression.any()?;
    match expression.rest.first() {
        None => Ok(allowed),
        Some(word) => Err(format!("`{word}` was not expected there")),
    }
}

/// What is left to read of an expression; AND binds tighter than OR.
struct Expression<'a> {
    rest: &'a [&'a str],
}

impl<'a> Expression<'a> {
    /// One or more alternatives joined by OR. All are read, even after one that is allowed.
    fn any(&mut self) -> Result<bool, String> {
        let mut allowed = self.all()?;
        while self.take_if("OR") {
            allowed |= self.all()?;
        }
        Ok(allowed)
    }

    fn all(&mut self) -> Result<bool, String> {
        let mut allowed = self.one()?;
        while self.take_if("AND") {
            allowed &= self.one()?;
        }
        Ok(allowed)
    }

    fn one(&mut self) -> Result<bool, String> {
        if self.take_if("(") {
            let allowed = self.any()?;
            return if self.take_if(")") {
                Ok(allowed)
            } else {
                Err("a bracket is not closed".to_owned())
            };
        }
        let licence = self.take().ok_or("it ends too early")?;
        if matches!(licence, "AND" | "OR" | "WITH" | ")") {
            return Err(format!("`{licence}` was not expected there"));
        }
        if self.take_if("WITH") {
            // An exception only adds permissions.
            self.take().ok_or("it ends too early")?;
        }
        Ok(ALLOWED.contains(&licence))
    }

    fn take(&mut self) -> Option<&'a str> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    fn take_if(&mut self, word: &str) -> bool {
        let is_next = self.rest.first() == Some(&word);
        if is_next {
            self.rest = &self.rest[1..];
        }
        is_next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::made_up::{member, workspace};
    use serde_json::json;

    #[test]
    fn one_allowed_alternative_is_enough() {
        for good in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "Unlicense OR MIT",
            "MIT OR Apache-2.0 OR LGPL-2.1-or-later",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
            "GPL-3.0 OR MIT AND ISC",
        ] {
            assert_eq!(is_allowed(good), Ok(true), "{good}");
        }
    }

    #[test]
    fn every_part_of_a_conjunction_must_be_allowed() {
        for bad in [
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "(MIT OR Apache-2.0) AND OpenSSL",
            "GPL-3.0 OR MIT AND MPL-2.0",
            "mit",
        ] {
            assert_eq!(is_allowed(bad), Ok(false), "{bad}");
        }
    }

    #[test]
    fn what_is_no_expression_is_an_error() {
        for broken in [
            "",
            "MIT OR",
            "(MIT",
            "MIT)",
            "MIT Apache-2.0",
            "OR MIT",
            "MIT WITH",
        ] {
            assert!(is_allowed(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_crate_without_a_licence_is_told() {
        let mut silent = member("silent", &[]);
        silent["license"] = json!(null);
        let mut viral = member("viral", &[]);
        viral["license"] = json!("GPL-3.0");
        let told = complaints(&workspace(&[member("bookdrop", &[]), silent, viral]));
        assert_eq!(told.len(), 2, "{told:?}");
    }
}
