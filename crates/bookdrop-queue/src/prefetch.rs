//! Asking for memory before it is needed.
//!
//! What one core has written another one has to wait for. It waits less when it asks while it has other things to do, and
//! least when it asks for the right to write as well: else it waits once to read and once more to write.

/// Bytes that go from core to core at once.
const LINE: usize = 64;

/// Asks for the first `bytes` of a value, which this thread is about to write. This is a hint: nothing happens on processors for
/// which nobody has tried it.
#[inline(always)]
pub fn prefetch<T>(value: &T, bytes: usize) {
    let lines = bytes.min(size_of::<T>()).div_ceil(LINE);
    for line in 0..lines {
        prefetch_line(std::ptr::from_ref(value).wrapping_byte_add(line * LINE));
    }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
fn prefetch_line<T>(at: *const T) {
    // SAFETY: the instruction reads and writes nothing that the program could see, and does not fail whatever the address. (A
    // processor that does not know it takes it for a `nop`; the very first ones of 64 bits, of 2004, may not.)
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) at, options(nostack, preserves_flags, readonly));
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn prefetch_line<T>(_at: *const T) {}
