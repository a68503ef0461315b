//! Counts what is alive on the heap of a test binary that names this as its global allocator.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};

pub(crate) struct CountedHeap;

static BYTES: AtomicIsize = AtomicIsize::new(0);
static BLOCKS: AtomicIsize = AtomicIsize::new(0);

fn count(bytes: usize, sign: isize) {
    // Relaxed: who reads the counts has waited for the threads that change them.
    BYTES.fetch_add(sign * bytes as isize, Ordering::Relaxed);
    BLOCKS.fetch_add(sign, Ordering::Relaxed);
}

/// Bytes and blocks that are alive.
pub(crate) fn alive() -> (isize, isize) {
    (BYTES.load(Ordering::SeqCst), BLOCKS.load(Ordering::SeqCst))
}

// SAFETY: every call goes on to the system's allocator as it is; counting changes nothing about it.
unsafe impl GlobalAlloc for CountedHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller keeps the rules of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: the caller keeps the rules of `dealloc`, and `alloc` gave out the system's blocks.
        unsafe { System.dealloc(block, layout) }
    }
}
