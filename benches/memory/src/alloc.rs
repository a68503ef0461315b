//! The allocator, wrapped so that its calls can be counted.
//!
//! While counting is off (always, except in the `cost` rows) the wrapper is one relaxed load of a flag that nobody
//! writes and one branch that is always predicted, for every contender alike.

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

/// The allocator's name, printed with every figure.
#[cfg(feature = "mimalloc")]
pub(crate) const NAME: &str = "mimalloc";
/// The allocator's name, printed with every figure.
#[cfg(not(feature = "mimalloc"))]
pub(crate) const NAME: &str = if cfg!(target_env = "gnu") {
    "glibc malloc"
} else {
    "system malloc"
};

#[cfg(feature = "mimalloc")]
type Base = mimalloc::MiMalloc;
#[cfg(feature = "mimalloc")]
const BASE: Base = mimalloc::MiMalloc;
#[cfg(not(feature = "mimalloc"))]
type Base = std::alloc::System;
#[cfg(not(feature = "mimalloc"))]
const BASE: Base = std::alloc::System;

#[global_allocator]
static GLOBAL: Counting = Counting(BASE);

static ON: AtomicBool = AtomicBool::new(false);
static CALLS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static LIVE: AtomicI64 = AtomicI64::new(0);

/// What the allocator was asked for while counting was on, by all threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heap {
    /// Calls of alloc and realloc.
    pub calls: u64,
    /// Bytes asked for in those calls.
    pub bytes: u64,
    /// Bytes asked for less bytes given back: what the heap grew by.
    pub grown: i64,
}

/// Sets the counters to zero and starts to count.
pub(crate) fn start() {
    CALLS.store(0, Relaxed);
    BYTES.store(0, Relaxed);
    LIVE.store(0, Relaxed);
    ON.store(true, Relaxed);
}

/// Stops counting and says what was counted.
pub(crate) fn stop() -> Heap {
    ON.store(false, Relaxed);
    Heap {
        calls: CALLS.load(Relaxed),
        bytes: BYTES.load(Relaxed),
        grown: LIVE.load(Relaxed),
    }
}

struct Counting(Base);

impl Counting {
    #[inline]
    fn note(&self, calls: u64, asked: usize, returned: usize) {
        if ON.load(Relaxed) {
            count(calls, asked, returned);
        }
    }
}

#[cold]
#[inline(never)]
fn count(calls: u64, asked: usize, returned: usize) {
    CALLS.fetch_add(calls, Relaxed);
    BYTES.fetch_add(asked as u64, Relaxed);
    LIVE.fetch_add(asked as i64 - returned as i64, Relaxed);
}

// SAFETY: every call is handed on unchanged to an allocator that keeps the contract; counting touches atomics only.
unsafe impl GlobalAlloc for Counting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.note(1, layout.size(), 0);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { self.0.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.note(1, layout.size(), 0);
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.note(0, 0, layout.size());
        // SAFETY: the caller keeps the contract of `dealloc`, and the block came from the same allocator.
        unsafe { self.0.dealloc(pointer, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.note(1, size, layout.size());
        // SAFETY: the caller keeps the contract of `realloc`, and the block came from the same allocator.
        unsafe { self.0.realloc(pointer, layout, size) }
    }
}
