//! An event on its way through a transaction of its user's.

use std::fmt;

/// An event that a transaction sends: a statement of SQL and its only parameter, a text. Executed within a transaction, by whatever client
/// that has, it sends the event if and when the transaction commits.
///
/// The same may be executed again, as where a transaction is begun anew.
///
/// ```
/// use bookdrop_backend::Outgoing;
///
/// let outgoing = Outgoing::new("SELECT send_event($1::text)", "{}".to_owned());
/// assert_eq!(outgoing.statement(), "SELECT send_event($1::text)");
/// assert_eq!(outgoing.parameter(), "{}");
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use = "nothing is sent before a transaction executes its statement, and commits"]
pub struct Outgoing {
    statement: &'static str,
    parameter: String,
}

impl Outgoing {
    /// What a backend makes of an event.
    pub fn new(statement: &'static str, parameter: String) -> Self {
        Outgoing {
            statement,
            parameter,
        }
    }

    /// The statement. It is the same for every event.
    pub fn statement(&self) -> &'static str {
        self.statement
    }

    /// The parameter of the statement.
    pub fn parameter(&self) -> &str {
        &self.parameter
    }
}

/// Without the parameter, in which the event stands.
impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("statement", &self.statement)
            .finish_non_exhaustive()
    }
}
