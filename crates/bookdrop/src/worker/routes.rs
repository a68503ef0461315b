//! Which handler an event is for.

use std::collections::HashMap;

use super::handler::Route;

/// Handlers, by the names of events.
pub(super) struct Routes<T, R> {
    exact: HashMap<String, Route<T, R>>,
    /// By what names begin with, the longest first.
    prefixes: Vec<(String, Route<T, R>)>,
    otherwise: Option<Route<T, R>>,
}

impl<T, R> Default for Routes<T, R> {
    fn default() -> Self {
        Routes {
            exact: HashMap::new(),
            prefixes: Vec::new(),
            otherwise: None,
        }
    }
}

impl<T, R> Routes<T, R> {
    /// Adds a handler for a name or, with `.*` at the end, for all names that begin like that.
    pub(super) fn add(&mut self, pattern: &str, route: Route<T, R>) {
        let prefix = pattern.strip_suffix('*');
        assert!(
            prefix.is_none_or(|prefix| prefix.ends_with('.'))
                && !prefix.unwrap_or(pattern).contains('*'),
            "`{pattern}` is no pattern: write a whole name, or `prefix.*`; `otherwise` is for all other names"
        );
        let is_new = match prefix {
            None => self.exact.insert(pattern.to_owned(), route).is_none(),
            Some(prefix) => self.add_prefix(prefix, route),
        };
        assert!(is_new, "`{pattern}` has a handler already");
    }

    fn add_prefix(&mut self, prefix: &str, route: Route<T, R>) -> bool {
        if self.prefixes.iter().any(|(known, _)| known == prefix) {
            return false;
        }
        let longer = |(known, _): &(String, _)| known.len() >= prefix.len();
        let at = self.prefixes.partition_point(longer);
        self.prefixes.insert(at, (prefix.to_owned(), route));
        true
    }

    pub(super) fn add_otherwise(&mut self, route: Route<T, R>) {
        let former = self.otherwise.replace(route);
        assert!(former.is_none(), "all other names have a handler already");
    }

    /// The handler for events of this name: that of the name, else that of the longest prefix, else that of all others.
    pub(super) fn find(&self, name: &str) -> Option<&Route<T, R>> {
        let of_prefix = || {
            let mut prefixes = self.prefixes.iter();
            prefixes
                .find(|(prefix, _)| name.starts_with(&**prefix))
                .map(|(_, route)| route)
        };
        self.exact
            .get(name)
            .or_else(of_prefix)
            .or(self.otherwise.as_ref())
    }
}
