//! The heap by nine C names: what `esp-radio` and the libraries below it call (feature `compat`).
//!
//! On a host the functions are there for tests, but have no C names: a host has a `malloc` of its
//! own.

use core::alloc::Layout;
use core::ptr::NonNull;

use enumset::EnumSet;

use crate::HEAP;
use crate::capability::MemoryCapability;
use crate::heap::{Wanted, to_raw};

/// Alignment of blocks that can hold a `long long`, as the C compilers for these chips assume.
/// Smaller ones are words.
const ALIGNMENT: usize = 8;

macro_rules! c_names {
    ($(
        $(#[$attribute:meta])*
        fn $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)? $body:block
    )+) => {
        $(
            $(#[$attribute])*
            #[cfg_attr(target_os = "none", unsafe(no_mangle))]
            #[cfg_attr(not(any(test, target_os = "none")), expect(dead_code, reason = "C's, on chips"))]
            unsafe extern "C" fn $name($($argument: $type),*) $(-> $result)? $body
        )+
    };
}

c_names! {
    /// Returns a block of `size` bytes, or null.
    fn malloc(size: usize) -> *mut u8 {
        to_raw(block(size, any()))
    }

    /// The same on the chip.
    fn malloc_internal(size: usize) -> *mut u8 {
        to_raw(block(size, internal()))
    }

    /// Returns a block of `number` times `size` zeros, or null.
    fn calloc(number: u32, size: usize) -> *mut u8 {
        to_raw(zeros(number, size, any()))
    }

    /// The same on the chip.
    fn calloc_internal(number: u32, size: usize) -> *mut u8 {
        to_raw(zeros(number, size, internal()))
    }

    /// Returns the block with another size, or null, and the block as it was. A size of 0 frees it.
    fn realloc(pointer: *mut u8, size: usize) -> *mut u8 {
        // SAFETY: C's contract.
        to_raw(unsafe { resized(pointer, size, any()) })
    }

    /// The same on the chip.
    fn realloc_internal(pointer: *mut u8, size: usize) -> *mut u8 {
        // SAFETY: C's contract.
        to_raw(unsafe { resized(pointer, size, internal()) })
    }

    /// Frees a block of any of these; null is ignored.
    fn free(pointer: *mut u8) {
        // SAFETY: C's contract.
        unsafe { free_reported(pointer) };
    }

    /// The same.
    fn free_internal(pointer: *mut u8) {
        // SAFETY: C's contract.
        unsafe { free_reported(pointer) };
    }

    /// Returns the free bytes on the chip.
    fn get_free_internal_heap_size() -> usize {
        HEAP.free_caps(internal())
    }
}

fn any() -> EnumSet<MemoryCapability> {
    EnumSet::empty()
}

fn internal() -> EnumSet<MemoryCapability> {
    MemoryCapability::Internal.into()
}

fn wanted(size: usize) -> Option<Wanted> {
    let alignment = if size < ALIGNMENT { 4 } else { ALIGNMENT };
    Some(Wanted::new(Layout::from_size_align(size, alignment).ok()?))
}

fn block(size: usize, capabilities: EnumSet<MemoryCapability>) -> Option<NonNull<u8>> {
    HEAP.allocate_block(capabilities, wanted(size)?)
}

fn zeros(number: u32, size: usize, capabilities: EnumSet<MemoryCapability>) -> Option<NonNull<u8>> {
    let bytes = usize::try_from(number).ok()?.checked_mul(size)?;
    HEAP.allocate_block(capabilities, wanted(bytes)?.zeroed())
}

/// # Safety
/// As C's `realloc`.
unsafe fn resized(
    pointer: *mut u8,
    size: usize,
    capabilities: EnumSet<MemoryCapability>,
) -> Option<NonNull<u8>> {
    let Some(old) = NonNull::new(pointer) else {
        return block(size, capabilities);
    };
    if size == 0 {
        // SAFETY: the caller keeps the same contract.
        unsafe { free_reported(pointer) };
        return None;
    }
    // SAFETY: the caller keeps the same contract.
    unsafe { HEAP.change(old, usable(old), capabilities, wanted(size)?) }
}

/// # Safety
/// As C's `free`.
unsafe fn free_reported(pointer: *mut u8) {
    if let Some(block) = NonNull::new(pointer) {
        // A layout with a size, so that an invalid pointer is reported.
        let size = usable(block).max(1);
        let layout = Layout::from_size_align(size, 1).unwrap_or(Layout::new::<u8>());
        // SAFETY: the caller keeps the same contract.
        unsafe { HEAP.free_block(block, layout) };
    }
}

/// Returns the bytes of a block; 0 for an invalid pointer.
fn usable(block: NonNull<u8>) -> usize {
    let bytes = HEAP.heaps().inspect().usable_size(block);
    bytes.map_or(0, |bytes| bytes as usize) // widening
}

#[cfg(test)]
#[allow(
    clippy::multiple_unsafe_ops_per_block,
    reason = "calls of C with one contract"
)]
mod tests {
    use super::*;

    /// The heap gets its memory once; the tests of this file share it.
    fn ready() {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            crate::heap_allocator!(size: 64 * 1024);
        });
    }

    /// Bytes of an unshared block.
    fn bytes(block: *mut u8, size: usize) -> std::vec::Vec<u8> {
        // SAFETY: the caller has a block of that size, and fills it before it looks.
        unsafe { std::slice::from_raw_parts(block, size) }.to_vec()
    }

    #[test]
    fn blocks_come_zeroed_grow_with_their_contents_and_go_back_by_either_name() {
        ready();
        // SAFETY: a block of 24 bytes, or null, which the next line refuses.
        let block = unsafe { calloc_internal(3, 8) };
        assert!(!block.is_null() && block.addr() % ALIGNMENT == 0);
        assert_eq!(bytes(block, 24), [0; 24]);
        // SAFETY: the block has 24 bytes.
        unsafe { block.write_bytes(7, 24) };
        // SAFETY: the block is ours.
        let grown = unsafe { realloc_internal(block, 4096) };
        assert_eq!(bytes(grown, 24), [7; 24]);
        // SAFETY: nobody uses it any more.
        unsafe { free(grown) };
        // SAFETY: a block of 5 bytes, freed by the other name.
        unsafe { free_internal(malloc_internal(5)) };
        // SAFETY: null is ignored.
        unsafe { free(core::ptr::null_mut()) };
        assert_eq!(HEAP.heaps().faults().reports(), 0);
    }

    /// Defects: esp_alloc_01.
    #[test]
    fn sizes_that_overflow_are_refused() {
        ready();
        // SAFETY: whatever is asked for, null or a block comes.
        let refused = unsafe {
            [
                calloc(u32::MAX, usize::MAX / 2),
                malloc(usize::MAX),
                malloc(0),
            ]
        };
        assert!(refused.iter().all(|block| block.is_null()));
        // SAFETY: nothing is read or written.
        let free = unsafe { get_free_internal_heap_size() };
        assert!(free > 32 * 1024 && free <= 64 * 1024, "{free}");
    }

    /// Defects: esp_alloc_02.
    #[test]
    fn a_resize_to_nothing_frees() {
        ready();
        // SAFETY: a block of 16 bytes, which the next call frees.
        let block = unsafe { realloc(core::ptr::null_mut(), 16) };
        assert!(!block.is_null());
        // SAFETY: the block is ours.
        assert!(unsafe { realloc(block, 0) }.is_null());
        // SAFETY: it was given back: that the heap says so is what is tested.
        let again = unsafe { HEAP.heaps().free(NonNull::new(block).unwrap()) };
        assert!(again.is_err());
    }

    /// Defects: esp_alloc_04.
    #[test]
    fn blocks_can_hold_what_c_aligns_most() {
        ready();
        for size in 1..100 {
            // SAFETY: a block, freed below.
            let block = unsafe { malloc(size) };
            let alignment = if size < ALIGNMENT { 4 } else { ALIGNMENT };
            assert!(
                !block.is_null() && block.addr().is_multiple_of(alignment),
                "{size}"
            );
            // SAFETY: nobody uses it.
            unsafe { free(block) };
        }
    }
}
