//! Memory that is not freed when its owner is dropped but given back, to be used again: a head with its buffers, and room for
//! a body of any type.
//!
//! The owner is one pointer, whatever the body is. So a body is moved in once and out once, and what is in between (the
//! queue, a delivery, an ack) moves a word.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::{Deref, DerefMut};
use std::panic::RefUnwindSafe;
use std::ptr;

use crate::prefetch;

/// Words of a body that lies beside the head: those of a string, or of a small enum around one.
const ROOM: usize = 4;
/// Words of the longest buffer that is kept for the next body; a longer one goes with the body for which it was made.
const LONGEST: usize = 128;

/// What can be used again.
pub trait Recycle: Sized {
    /// Its owner is done with it. There is no body in it any more.
    fn recycle(spare: Box<Block<Self>>);
}

/// Memory of no type. What lies in it may change while it is shared, if the body is of a type that may.
#[derive(Debug)]
#[repr(C, align(8))]
struct Word(UnsafeCell<MaybeUninit<u64>>);

const _: () = assert!(size_of::<Word>() == align_of::<Word>());

// SAFETY: all that a word itself can be asked is where it is. Who looks at a body there does so through a `Recycled`, whose
// `PhantomData` lets threads share it only if they may share its body.
unsafe impl Sync for Word {}

/// A word cannot be seen broken. Whether a body can, its `Recycled` says.
impl RefUnwindSafe for Word {}

impl Word {
    const fn uninit() -> Self {
        Word(UnsafeCell::new(MaybeUninit::uninit()))
    }
}

/// A head, and room for a body.
#[derive(Debug)]
#[repr(C)]
pub struct Block<H> {
    /// A body lies at its end, next to the head.
    room: [Word; ROOM],
    /// What does not depend on the body's type.
    pub head: H,
    /// Made for the first body that does not fit into the room, and kept from then on.
    buffer: Box<[Word]>,
}

/// Where a body lies. It depends on nothing but its type, so it is known when the program is built.
enum Place {
    /// From this word of the room to its end.
    Room(usize),
    /// In a buffer of so many words.
    Buffer(usize),
}

#[inline(always)]
const fn place_of<B>() -> Place {
    let words = size_of::<B>().div_ceil(size_of::<Word>());
    if align_of::<B>() > align_of::<Word>() {
        // So that somewhere in it there is an aligned place.
        Place::Buffer(words + align_of::<B>() / size_of::<Word>() - 1)
    } else if words > ROOM {
        Place::Buffer(words)
    } else {
        Place::Room(ROOM - words)
    }
}

impl<H: Default> Default for Block<H> {
    fn default() -> Self {
        Block {
            room: [const { Word::uninit() }; ROOM],
            head: H::default(),
            buffer: Box::default(),
        }
    }
}

impl<H> Block<H> {
    /// Where a body lies, or is to be put: aligned, and as long as the body once there was one.
    #[inline]
    fn at<B>(&self) -> *mut B {
        let (words, first) = match place_of::<B>() {
            Place::Room(first) => (&self.room[..], first),
            Place::Buffer(_) => (&self.buffer[..], 0),
        };
        let from = words[first..].as_ptr().cast::<B>();
        from.map_addr(|at| at.next_multiple_of(align_of::<B>()))
            .cast_mut()
    }

    /// Puts a body in. What was in there before is forgotten.
    #[inline]
    fn put<B>(&mut self, body: B) {
        if let Place::Buffer(words) = place_of::<B>()
            && self.buffer.len() < words
        {
            self.buffer = (0..words).map(|_| Word::uninit()).collect();
        }
        // SAFETY: it is memory of this block, to which nobody else has a reference, aligned and long enough (see `place_of`).
        unsafe { self.at::<B>().write(body) };
    }

    /// Frees what was made for a body of this type, if it is too long to be kept for the next one.
    #[inline]
    fn shed<B>(&mut self) {
        if let Place::Buffer(words) = place_of::<B>()
            && words > LONGEST
        {
            self.buffer = Box::default();
        }
    }
}

/// A block in which there was a body of this type. It is given back when this is dropped.
struct Unloaded<H: Recycle, B> {
    block: ManuallyDrop<Box<Block<H>>>,
    body: PhantomData<B>,
}

impl<H: Recycle, B> Unloaded<H, B> {
    /// The block, to be used at once.
    #[inline]
    fn into_block(self) -> Box<Block<H>> {
        // SAFETY: it is taken once, since this is not dropped.
        unsafe { ManuallyDrop::new(self).take_block() }
    }

    /// # Safety
    ///
    /// It is called once, and nothing is done with `self` afterwards, but that it is forgotten.
    #[inline]
    unsafe fn take_block(&mut self) -> Box<Block<H>> {
        // SAFETY: says the caller.
        let mut block = unsafe { ManuallyDrop::take(&mut self.block) };
        block.shed::<B>();
        block
    }
}

impl<H: Recycle, B> Drop for Unloaded<H, B> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: it is taken once, since nothing comes after the drop.
        H::recycle(unsafe { self.take_block() });
    }
}

/// Owns a block with a body in it, and gives the block back when it is dropped. As small as a box.
///
/// Invariant: a body was put in as `B`, and not taken out.
pub struct Recycled<H: Recycle, B> {
    /// It is given back after the body was dropped, also by a drop that panics.
    block: Unloaded<H, B>,
}

impl<H: Recycle, B> Recycled<H, B> {
    /// Puts a body into a block. The block is given back later.
    #[inline]
    pub fn new(mut block: Box<Block<H>>, body: B) -> Self {
        block.put(body);
        Recycled {
            block: Unloaded {
                block: ManuallyDrop::new(block),
                body: PhantomData,
            },
        }
    }

    /// Another body in place of its own.
    #[inline]
    pub fn with_body<C>(self, body: C) -> Recycled<H, C> {
        let (block, before) = self.unload();
        let recycled = Recycled::new(block.into_block(), body);
        drop(before);
        recycled
    }

    /// The body alone.
    #[inline]
    pub fn into_body(self) -> B {
        self.unload().1
    }

    /// The body.
    #[inline]
    pub fn body(&self) -> &B {
        // SAFETY: the invariant. Nobody has it to change it while this is borrowed.
        unsafe { &*self.block.block.at() }
    }

    /// The body, to be changed.
    #[inline]
    pub fn body_mut(&mut self) -> &mut B {
        // SAFETY: the invariant. Nobody else has it while this is borrowed to be changed.
        unsafe { &mut *self.block.block.at() }
    }

    /// It is about to be used, with so many bytes of its head, and was last used on another core. (A body in a buffer is not asked
    /// for: where it lies is not known before the block is here.)
    #[inline]
    pub fn prefetch(&self, head_bytes: usize) {
        let Block { room, head, .. } = &**self.block.block;
        if let Place::Room(first) = place_of::<B>()
            && let Some(word) = room.get(first)
        {
            prefetch(word, 1);
        }
        prefetch(head, head_bytes);
    }

    #[inline]
    fn unload(self) -> (Unloaded<H, B>, B) {
        let this = ManuallyDrop::new(self);
        // SAFETY: it is taken once, since its owner is not dropped.
        let block = unsafe { ptr::read(&this.block) };
        // SAFETY: the invariant, which ends with this.
        let body = unsafe { block.block.at::<B>().read() };
        (block, body)
    }
}

impl<H: Recycle, B> Drop for Recycled<H, B> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the invariant, which ends with this.
        unsafe { self.block.block.at::<B>().drop_in_place() };
    }
}

impl<H: Recycle, B> Deref for Recycled<H, B> {
    type Target = H;

    #[inline]
    fn deref(&self) -> &H {
        &self.block.block.head
    }
}

impl<H: Recycle, B> DerefMut for Recycled<H, B> {
    #[inline]
    fn deref_mut(&mut self) -> &mut H {
        &mut self.block.block.head
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
