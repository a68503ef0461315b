//! Where a driver keeps its events.

use std::sync::Arc;

use bookdrop_queue::park::Patience;

use crate::backed::Backed;
use crate::memory::Memory;

/// Where a driver keeps its events: chosen once, when it is made, and shared by all of its handles.
pub(crate) enum Home<T, R> {
    /// In this process, as they are.
    Memory(Arc<Memory<T, R>>),
    /// At a backend, as bytes.
    Backed(Arc<Backed<T, R>>),
}

impl<T, R> Home<T, R> {
    /// Of the plain threads that wait.
    #[inline]
    pub(crate) fn patience(&self) -> Patience {
        match self {
            Home::Memory(memory) => memory.patience,
            Home::Backed(_) => Patience::default(),
        }
    }
}

impl<T, R> Clone for Home<T, R> {
    fn clone(&self) -> Self {
        match self {
            Home::Memory(memory) => Home::Memory(memory.clone()),
            Home::Backed(backed) => Home::Backed(backed.clone()),
        }
    }
}
