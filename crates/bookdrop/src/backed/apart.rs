//! What is seldom there.

use std::sync::{Arc, Mutex, PoisonError};

/// A value that operations on memory never have. It is dropped out of line (an `Arc` is, a `Box` is not), so that the drop of
/// what may hold it stays a few instructions, and is done where it is used.
pub(crate) struct Apart<V>(Arc<Mutex<V>>);

impl<V> Apart<V> {
    #[cold]
    pub(crate) fn new(value: V) -> Self {
        Apart(Arc::new(Mutex::new(value)))
    }

    pub(crate) fn get_mut(&mut self) -> &mut V {
        let only = Arc::get_mut(&mut self.0).expect(ONE_OWNER);
        only.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn into_inner(self) -> V {
        let only = Arc::into_inner(self.0).expect(ONE_OWNER);
        only.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

const ONE_OWNER: &str = "it has one owner, and is never cloned";
