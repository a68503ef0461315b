//! How a behaviour ends when it does not simply hold.

use std::fmt;
use std::panic::Location;

/// What a behaviour returns: it holds, or here is why not.
pub type Outcome<T = ()> = Result<T, Violation>;

/// Why a behaviour was not seen to hold.
///
/// Any error turns into a `Violation` with `?`, so a behaviour reads like ordinary code: an operation
/// that fails where it must not is a violation, and the line it happened on is kept.
pub enum Violation {
    /// The driver did something it must not do.
    Broken {
        /// What was seen, and what was expected instead.
        what: String,
        /// The line of the behaviour that noticed.
        at: &'static Location<'static>,
    },
    /// The driver declares that it lacks the ability, so there is nothing to check.
    Skipped(String),
    /// The whole behaviour did not end in time: no check of its own noticed anything.
    Hung,
}

impl Violation {
    /// The driver broke its promise.
    #[track_caller]
    pub fn broken(what: impl Into<String>) -> Self {
        Violation::Broken {
            what: what.into(),
            at: Location::caller(),
        }
    }

    /// The driver does not claim to be able to do this.
    pub fn skipped(why: impl Into<String>) -> Self {
        Violation::Skipped(why.into())
    }
}

impl<E: std::error::Error> From<E> for Violation {
    #[track_caller]
    fn from(error: E) -> Self {
        Violation::broken(format!("unexpected error: {error}"))
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::Broken { what, at } => write!(f, "{what} (at {at})"),
            Violation::Skipped(why) => write!(f, "skipped: {why}"),
            Violation::Hung => write!(f, "did not end in time"),
        }
    }
}

impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Ends the behaviour with a [`Violation`] unless the condition holds.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            return Err($crate::Violation::broken(format!($($why)+)));
        }
    };
}

/// Ends the behaviour with a [`Violation`] that shows both sides unless they are equal.
#[macro_export]
macro_rules! ensure_eq {
    ($left:expr, $right:expr, $($why:tt)+) => {
        match (&$left, &$right) {
            (seen, expected) => {
                if *seen != *expected {
                    let why = format!($($why)+);
                    return Err($crate::Violation::broken(format!("{why}: saw {seen:?}, expected {expected:?}")));
                }
            }
        }
    };
}
