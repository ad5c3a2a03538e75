//! The four calls of a global allocator, for programs that show by their size what these link. The
//! program's `HEAP` is the allocator.

use core::alloc::{GlobalAlloc, Layout};

use crate::HEAP;

#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
extern "C" fn malloc(size: usize, alignment: usize) -> *mut u8 {
    match Layout::from_size_align(size, alignment) {
        // SAFETY: as the caller of a global allocator, which does not ask for 0 bytes.
        Ok(layout) => unsafe { GlobalAlloc::alloc(&HEAP, layout) },
        Err(_) => core::ptr::null_mut(),
    }
}

#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
extern "C" fn calloc(size: usize, alignment: usize) -> *mut u8 {
    match Layout::from_size_align(size, alignment) {
        // SAFETY: the same.
        Ok(layout) => unsafe { GlobalAlloc::alloc_zeroed(&HEAP, layout) },
        Err(_) => core::ptr::null_mut(),
    }
}

#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
extern "C" fn realloc(block: *mut u8, size: usize, alignment: usize, new_size: usize) -> *mut u8 {
    match Layout::from_size_align(size, alignment) {
        // SAFETY: the same; the caller's block.
        Ok(layout) => unsafe { GlobalAlloc::realloc(&HEAP, block, layout, new_size) },
        Err(_) => core::ptr::null_mut(),
    }
}

#[cfg_attr(feature = "in-ram", unsafe(link_section = ".iram1.heap"))]
extern "C" fn free(block: *mut u8, size: usize, alignment: usize) {
    if let Ok(layout) = Layout::from_size_align(size, alignment) {
        // SAFETY: the caller's block.
        unsafe { GlobalAlloc::dealloc(&HEAP, block, layout) };
    }
}

pub(crate) const CALLS: [*const (); 5] = [
    malloc as *const (),
    calloc as *const (),
    realloc as *const (),
    free as *const (),
    (&raw const HEAP).cast(),
];
