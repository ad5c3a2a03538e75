//! Sizes of heaps and blocks.
//!
//! A set of capabilities stands for the heaps that have all of them: none for all heaps,
//! `MALLOC_CAP_INVALID` for none.

use core::ffi::c_void;

use multi_heap::Info;
use soc_regions::Caps;

use super::{EspErr, EspError};
use crate::callers;
use crate::ffi;
use crate::heap::HEAP;
use crate::multi::CInfo;
use crate::serve::{self, usable_size};
use heap_caps_alloc::Action;

const fn bits(caps: u32) -> Caps {
    Caps::from_bits_retain(caps)
}

/// Returns the bytes of the heaps, bookkeeping included.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_get_total_size(caps: u32) -> usize {
    HEAP.inspect().total_size(bits(caps)) as usize
}

/// Returns the free bytes of the heaps.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_get_free_size(caps: u32) -> usize {
    HEAP.inspect().free_size(bits(caps)) as usize
}

/// Returns the sum of what each heap had left when it was at its lowest.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_get_minimum_free_size(caps: u32) -> usize {
    HEAP.inspect().minimum_free_size(bits(caps)) as usize
}

/// Returns the largest request that succeeds now.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_get_largest_free_block(caps: u32) -> usize {
    HEAP.inspect().largest_free_block(bits(caps)) as usize
}

/// All seven figures.
///
/// # Safety
/// - `info` is null or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_get_info(info: *mut CInfo, caps: u32) {
    let figures: Info = HEAP.inspect().info(bits(caps));
    // SAFETY: the caller keeps the same contract.
    unsafe { ffi::write_out(info, figures.into()) };
}

/// Restarts the minimum of every heap at what is free now.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_monitor_local_minimum_free_size_start() -> EspErr {
    HEAP.inspect().start_monitoring();
    EspError::Ok.code()
}

/// Makes the minima those since boot again; `ESP_FAIL` if they were.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_monitor_local_minimum_free_size_stop() -> EspErr {
    match HEAP.inspect().stop_monitoring() {
        Ok(()) => EspError::Ok.code(),
        Err(_) => EspError::Fail.code(),
    }
}

/// Returns the bytes that can be used of a block, at least those asked for.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_get_allocated_size(pointer: *const c_void) -> usize {
    usable_size(c"heap_caps_get_allocated_size", pointer)
}

/// Returns the size of the block that contains a byte, wherever the byte lies in it. O(blocks). 0
/// where there is none, which is reported.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_get_containing_block_size(pointer: *const c_void) -> usize {
    let Some(place) = ffi::from_c(pointer) else {
        return 0;
    };
    let found = HEAP.inspect().address_of(place).and_then(|address| {
        HEAP.inspect().locked(|heaps| {
            let heap = heaps.heap_at(address).map(|heap| heap.span.start());
            let block = heaps.block_containing(address);
            block.ok_or(serve::not_a_block(address, heap))
        })
    });
    match found {
        Ok(block) => block.size as usize,
        Err(misuse) => {
            let name = c"heap_caps_get_containing_block_size";
            serve::report(name, Action::Measure, misuse, pointer);
            callers::keep_frame();
            0
        }
    }
}

/// From which size on `malloc` prefers external memory; `SIZE_MAX`: it never uses it.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_malloc_extmem_enable(limit: usize) {
    HEAP.set_external_threshold(u32::try_from(limit).ok().filter(|&limit| limit != u32::MAX));
}
