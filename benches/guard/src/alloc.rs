//! The system's allocator, wrapped so that its calls can be counted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

#[global_allocator]
static GLOBAL: Counting = Counting;

static ON: AtomicBool = AtomicBool::new(false);
static CALLS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
/// Counted always, so that it does not matter when a block came.
static ALIVE: AtomicI64 = AtomicI64::new(0);
static ALIVE_AT_START: AtomicI64 = AtomicI64::new(0);

/// What the allocator was asked for between [`start`] and [`stop`], by all threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heap {
    /// Calls that gave out a block or made one larger or smaller.
    pub calls: u64,
    /// Bytes asked for in those calls.
    pub bytes: u64,
    /// Bytes that are alive now and were not at the start.
    pub grown: i64,
}

pub(crate) fn start() {
    CALLS.store(0, Relaxed);
    BYTES.store(0, Relaxed);
    ALIVE_AT_START.store(ALIVE.load(Relaxed), Relaxed);
    ON.store(true, Relaxed);
}

pub(crate) fn stop() -> Heap {
    ON.store(false, Relaxed);
    Heap {
        calls: CALLS.load(Relaxed),
        bytes: BYTES.load(Relaxed),
        grown: ALIVE.load(Relaxed) - ALIVE_AT_START.load(Relaxed),
    }
}

/// Does what is not to be counted as a call, nor its bytes.
#[inline]
pub(crate) fn uncounted<V>(work: impl FnOnce() -> V) -> V {
    let was_on = ON.load(Relaxed);
    ON.store(false, Relaxed);
    let value = work();
    ON.store(was_on, Relaxed);
    value
}

struct Counting;

#[inline]
fn note(asked: usize, returned: usize) {
    ALIVE.fetch_add(asked as i64 - returned as i64, Relaxed);
    if asked > 0 && ON.load(Relaxed) {
        CALLS.fetch_add(1, Relaxed);
        BYTES.fetch_add(asked as u64, Relaxed);
    }
}

// SAFETY: every call is handed on unchanged to the system's allocator, which keeps the contract; counting touches atomics
// only.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0);
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(0, layout.size());
        // SAFETY: the caller keeps the contract of `dealloc`, and the block came from the system's allocator.
        unsafe { System.dealloc(block, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size, layout.size());
        // SAFETY: the caller keeps the contract of `realloc`, and the block came from the system's allocator.
        unsafe { System.realloc(block, layout, size) }
    }
}
