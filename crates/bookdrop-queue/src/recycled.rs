//! Memory that is not freed when its owner is dropped but given back, to be used again: a head with its buffers, and room for
//! a body of any type.
//!
//! The owner is one pointer, whatever the body is. So a body is moved in once and out once, and what is in between (the
//! queue, a delivery, an ack) moves a word.

use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::{Deref, DerefMut};

use crate::prefetch;

type Word = MaybeUninit<u64>;

/// Words of a body that lies beside the head: those of a string, or of a small enum around one.
const ROOM: usize = 4;
/// Words of the longest buffer that is kept for the next body; a longer one goes with the body for which it was made.
const LONGEST: usize = 128;

/// What can be used again.
pub trait Recycle: Sized {
    /// Its owner is done with it. There is no body in it any more.
    fn recycle(spare: Box<Block<Self>>);
}

/// A head, and room for a body.
#[derive(Debug)]
#[repr(C)]
pub struct Block<H> {
    /// A body lies at its end, so that it shares a cache line with the head.
    room: [Word; ROOM],
    /// What does not depend on the body's type.
    pub head: H,
    /// Made for the first body that does not fit into the room, and kept from then on.
    buffer: Box<[Word]>,
}

/// Owns a block with a body in it, and gives the block back when it is dropped. As small as a box.
///
/// Invariant: a body was put in as `B`, and not taken out.
pub struct Recycled<H: Recycle, B> {
    block: ManuallyDrop<Box<Block<H>>>,
    body: PhantomData<B>,
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
            room: [Word::uninit(); ROOM],
            head: H::default(),
            buffer: Box::default(),
        }
    }
}

impl<H> Block<H> {
    /// Where a body lies, or is to be put.
    #[inline]
    fn at<B>(&self) -> *const B {
        match place_of::<B>() {
            Place::Room(first) => self.room[first..].as_ptr().cast(),
            Place::Buffer(_) => aligned(self.buffer.as_ptr().cast_mut()),
        }
    }

    /// The same, to be written to.
    #[inline]
    fn at_mut<B>(&mut self) -> *mut B {
        match place_of::<B>() {
            Place::Room(first) => self.room[first..].as_mut_ptr().cast(),
            Place::Buffer(_) => aligned(self.buffer.as_mut_ptr()),
        }
    }

    /// Puts a body in. What was in there before is forgotten.
    #[inline]
    fn put<B>(&mut self, body: B) {
        if let Place::Buffer(words) = place_of::<B>()
            && self.buffer.len() < words
        {
            self.buffer = Box::new_uninit_slice(words);
        }
        // SAFETY: it is aligned memory of this block, and as long as the body (see `place_of`).
        unsafe { self.at_mut::<B>().write(body) };
    }

    /// Takes the body out.
    ///
    /// # Safety
    ///
    /// There is one, put in as `B`. From now on there is none.
    #[inline]
    unsafe fn take<B>(&mut self) -> B {
        // SAFETY: it was put in there, and is taken out once, says the caller.
        let body = unsafe { self.at::<B>().read() };
        self.end_with::<B>();
        body
    }

    /// Drops the body where it lies.
    ///
    /// # Safety
    ///
    /// There is one, put in as `B`. From now on there is none.
    #[inline]
    unsafe fn drop_body<B>(&mut self) {
        // SAFETY: it was put in there, and is dropped once, says the caller.
        unsafe { self.at_mut::<B>().drop_in_place() };
        self.end_with::<B>();
    }

    #[inline]
    fn end_with<B>(&mut self) {
        if let Place::Buffer(words) = place_of::<B>()
            && words > LONGEST
        {
            self.buffer = Box::default();
        }
    }
}

/// The first place from here on that is aligned for an `X`.
#[inline]
fn aligned<X>(from: *mut Word) -> *mut X {
    from.cast::<X>()
        .map_addr(|at| at.next_multiple_of(align_of::<X>()))
}

impl<H: Recycle, B> Recycled<H, B> {
    /// Puts a body into a block. The block is given back later.
    #[inline]
    pub fn new(mut block: Box<Block<H>>, body: B) -> Self {
        block.put(body);
        Recycled {
            block: ManuallyDrop::new(block),
            body: PhantomData,
        }
    }

    /// Another body in place of its own.
    #[inline]
    pub fn with_body<C>(self, body: C) -> Recycled<H, C> {
        let (block, before) = self.unload();
        let recycled = Recycled::new(block, body);
        drop(before);
        recycled
    }

    /// The body alone.
    #[inline]
    pub fn into_body(self) -> B {
        let (block, body) = self.unload();
        H::recycle(block);
        body
    }

    /// The body.
    #[inline]
    pub fn body(&self) -> &B {
        // SAFETY: the invariant.
        unsafe { &*self.block.at() }
    }

    /// The body, to be changed.
    #[inline]
    pub fn body_mut(&mut self) -> &mut B {
        // SAFETY: the invariant.
        unsafe { &mut *self.block.at_mut() }
    }

    /// It is about to be used, with so many bytes of its head, and was last used on another core.
    #[inline]
    pub fn prefetch(&self, head_bytes: usize) {
        let Block { room, head, buffer } = &**self.block;
        match place_of::<B>() {
            Place::Room(ROOM) => {}
            Place::Room(first) => prefetch(&room[first], 1),
            Place::Buffer(_) => prefetch(buffer, 1),
        }
        prefetch(head, head_bytes);
    }

    #[inline]
    fn unload(self) -> (Box<Block<H>>, B) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: nobody can look at it any more, and it is not dropped.
        let mut block = unsafe { ManuallyDrop::take(&mut this.block) };
        // SAFETY: the invariant, of what has just ended.
        let body = unsafe { block.take() };
        (block, body)
    }
}

impl<H: Recycle, B> Deref for Recycled<H, B> {
    type Target = H;

    #[inline]
    fn deref(&self) -> &H {
        &self.block.head
    }
}

impl<H: Recycle, B> DerefMut for Recycled<H, B> {
    #[inline]
    fn deref_mut(&mut self) -> &mut H {
        &mut self.block.head
    }
}

/// Gives a block back, also when the drop of its body panics.
struct GivenBack<H: Recycle>(ManuallyDrop<Box<Block<H>>>);

impl<H: Recycle> Drop for GivenBack<H> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: it is taken once, here, and nobody can look at it any more.
        H::recycle(unsafe { ManuallyDrop::take(&mut self.0) });
    }
}

impl<H: Recycle, B> Drop for Recycled<H, B> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: it is taken once, here, and nobody can look at it any more.
        let block = unsafe { ManuallyDrop::take(&mut self.block) };
        let mut given_back = GivenBack(ManuallyDrop::new(block));
        // SAFETY: the invariant, which ends with this.
        unsafe { given_back.0.drop_body::<B>() };
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
