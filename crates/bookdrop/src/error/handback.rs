//! What an error gives back.

use std::sync::{Mutex, PoisonError};

/// Holds a value that is only ever taken out, which makes it `Sync` whatever the value is: errors are shared between
/// threads (anyhow and eyre ask for that), the events in them need not be.
pub(crate) struct Handback<V>(Mutex<V>);

impl<V> Handback<V> {
    pub(crate) fn new(value: V) -> Self {
        Handback(Mutex::new(value))
    }

    pub(crate) fn take(self) -> V {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}
