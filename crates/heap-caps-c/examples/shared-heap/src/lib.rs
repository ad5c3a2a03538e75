//! The Rust half of a program whose other half, `main.c`, is C: blocks of one are freed by the
//! other.

#![no_std]

extern crate alloc;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::panic::PanicInfo;
use core::ptr;

use heap_caps_c::GlobalHeap;

/// `Box` and `Vec` come from the heap that C's `heap_caps_malloc` serves from.
#[global_allocator]
static GLOBAL: GlobalHeap = GlobalHeap;

/// Returns the squares of 0 up to `count - 1`; null without memory. The block is C's from now on:
/// `heap_caps_free`.
#[unsafe(no_mangle)]
pub extern "C" fn squares(count: u32) -> *mut u32 {
    let mut numbers = Vec::new();
    if numbers.try_reserve_exact(count as usize).is_err() {
        return ptr::null_mut();
    }
    numbers.extend((0..count).map(|number| number * number));
    Box::leak(numbers.into_boxed_slice()).as_mut_ptr()
}

/// Adds up `count` numbers and frees their block.
///
/// # Safety
/// - `numbers` is a block of `count` numbers from one of the `heap_caps` functions, and not used
///   any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sum_and_free(numbers: *mut u32, count: usize) -> u32 {
    let numbers = ptr::slice_from_raw_parts_mut(numbers, count);
    // SAFETY: the caller gives up such a block, and C's heap is the global allocator.
    let numbers = unsafe { Box::from_raw(numbers) };
    numbers.iter().sum()
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        safe fn abort() -> !;
    }
    abort()
}
