//! A box that is not freed when it is dropped but given back, to be used again.

use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

/// What can be used again.
pub trait Recycle: Sized {
    /// Its owner is done with it.
    fn recycle(spare: Box<Self>);
}

/// Owns an `M`, and gives it back when it is dropped. As small as a box.
pub struct Recycled<M: Recycle>(ManuallyDrop<Box<M>>);

impl<M: Recycle> Recycled<M> {
    /// Gives it back later.
    #[inline]
    pub fn new(used: Box<M>) -> Self {
        Recycled(ManuallyDrop::new(used))
    }
}

impl<M: Recycle> Deref for Recycled<M> {
    type Target = M;

    #[inline]
    fn deref(&self) -> &M {
        &self.0
    }
}

impl<M: Recycle> DerefMut for Recycled<M> {
    #[inline]
    fn deref_mut(&mut self) -> &mut M {
        &mut self.0
    }
}

impl<M: Recycle> Drop for Recycled<M> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: it is taken once, here, and nobody can look at it any more.
        M::recycle(unsafe { ManuallyDrop::take(&mut self.0) });
    }
}
