//! Blocks of a heap: allocated, resized, freed.
//!
//! ```text
//!   under the lock   allocate        resize, else grow_backward, else allocate      free
//!   without it       fill, verify    fill, copy                                     fill (before)
//! ```

use core::ffi::{CStr, c_void};
use core::ptr::NonNull;

use multi_heap::{Contents, Heap, Misuse, Offset, Poison, Request};

use super::CHandle;
use super::handle::{CurrentCall, Handle, of, refused};
use crate::callers;
use crate::ffi;
use crate::heap::CPoison;
use crate::hooks::{FoundIn, fault};

const REALLOCATION: CurrentCall = CurrentCall {
    action: "reallocation",
    function: c"multi_heap_realloc",
};
const SIZE_QUERY: CurrentCall = CurrentCall {
    action: "size query",
    function: c"multi_heap_get_allocated_size",
};

/// Returns a block of `size` bytes, or null.
///
/// # Safety
/// - `handle` is null or from `multi_heap_register`, and its memory is still the heap's.
/// - Without a lock (`multi_heap_set_lock`), nobody else uses the heap meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_malloc(handle: CHandle, size: usize) -> *mut c_void {
    // SAFETY: the caller keeps the same contract.
    unsafe { allocate_or_null(handle, c"multi_heap_malloc", Request::new(size)) }
}

/// Returns a block of `size` bytes at a multiple of `alignment`, a power of two; null for any
/// other.
///
/// # Safety
/// As [`multi_heap_malloc`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_aligned_alloc(
    handle: CHandle,
    size: usize,
    alignment: usize,
) -> *mut c_void {
    // SAFETY: the caller keeps the same contract.
    let block = unsafe {
        allocate_or_null(
            handle,
            c"multi_heap_aligned_alloc",
            Request::aligned(size, alignment),
        )
    };
    // SAFETY: the caller keeps the same contract.
    if let Some(heap) = unsafe { of(handle) }.filter(|_| !block.is_null()) {
        // SAFETY: the caller keeps the same contract.
        unsafe { heap.align(alignment) };
    }
    block
}

/// Returns a block of `size` bytes whose byte at `offset` (rounded up to a multiple of 4) lies at a
/// multiple of `alignment`.
///
/// # Safety
/// As [`multi_heap_malloc`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_aligned_alloc_offs(
    handle: CHandle,
    size: usize,
    alignment: usize,
    offset: usize,
) -> *mut c_void {
    // SAFETY: the caller keeps the same contract.
    unsafe {
        allocate_or_null(
            handle,
            c"multi_heap_aligned_alloc_offs",
            Request::aligned_at(size, alignment, offset),
        )
    }
}

/// Frees a block; null is ignored.
///
/// # Safety
/// As [`multi_heap_malloc`]; and nobody uses the block any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_free(handle: CHandle, pointer: *mut c_void) {
    // SAFETY: the caller keeps the same contract.
    unsafe { free_in(c"multi_heap_free", handle, pointer) };
}

/// `multi_heap_free` by its old name.
///
/// # Safety
/// As [`multi_heap_free`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_aligned_free(handle: CHandle, pointer: *mut c_void) {
    // SAFETY: the caller keeps the same contract.
    unsafe { free_in(c"multi_heap_aligned_free", handle, pointer) };
}

/// Resizes a block, where it lies if possible, and keeps the contents that both sizes have. Returns
/// null, with the old block as it was, where there is no room. Null asks for a new block; a size of
/// 0 frees it. The block is as aligned as `multi_heap_aligned_alloc` made it.
///
/// # Safety
/// As [`multi_heap_malloc`]; and nobody uses the block by the old pointer after a success.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_realloc(
    handle: CHandle,
    pointer: *mut c_void,
    size: usize,
) -> *mut c_void {
    let Some(block) = ffi::from_c(pointer) else {
        // SAFETY: the caller keeps the same contract.
        return unsafe { multi_heap_malloc(handle, size) };
    };
    if size == 0 {
        // SAFETY: the caller gives the block up.
        unsafe { free_in(REALLOCATION.function, handle, pointer) };
        return ffi::to_c(None);
    }
    // SAFETY: the caller keeps the same contract.
    let heap = unsafe { of(handle) };
    let Some(heap) = heap else {
        return ffi::to_c(None);
    };
    let alignment = heap.kept_alignment(pointer.addr());
    let Some(request) = Request::aligned(size, alignment) else {
        return ffi::to_c(None);
    };
    // SAFETY: the caller keeps the same contract.
    let Some(old) = (unsafe { heap.place(REALLOCATION, block) }) else {
        return ffi::to_c(None);
    };
    // SAFETY: the caller keeps the same contract.
    match unsafe { resized(heap, old, request) } {
        Ok(new) => ffi::to_c(new),
        Err(misuse) => {
            refused(REALLOCATION, block, misuse);
            callers::keep_frame();
            ffi::to_c(None)
        }
    }
}

/// Returns the bytes that can be used of a block; 0 for null, and for an invalid pointer, which is
/// reported as a fault.
///
/// # Safety
/// As [`multi_heap_malloc`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_get_allocated_size(
    handle: CHandle,
    pointer: *mut c_void,
) -> usize {
    // SAFETY: the caller keeps the same contract.
    let heap = unsafe { of(handle) };
    let Some((heap, block)) = heap.zip(ffi::from_c(pointer)) else {
        return 0;
    };
    // SAFETY: the caller keeps the same contract.
    let Some(place) = (unsafe { heap.place(SIZE_QUERY, block) }) else {
        return 0;
    };
    // SAFETY: the caller keeps the same contract.
    match unsafe { heap.try_on(place, |heap| heap.try_usable_size(place)) } {
        Ok(bytes) => bytes as usize, // widening
        Err(misuse) => {
            refused(SIZE_QUERY, block, misuse);
            callers::keep_frame();
            0
        }
    }
}

/// # Safety
/// As [`multi_heap_malloc`].
unsafe fn allocate_or_null(
    handle: CHandle,
    function: &'static CStr,
    request: Option<Request>,
) -> *mut c_void {
    // SAFETY: the caller keeps the same contract.
    let heap = unsafe { of(handle) };
    let block = heap.zip(request).and_then(|(heap, request)| {
        // SAFETY: the caller keeps the same contract.
        let (place, contents) = unsafe { allocate(heap, function, request) }?;
        contents.pointer(place)
    });
    ffi::to_c(block)
}

/// Takes a block and makes it ready. One that was written to while it was free is kept back as
/// evidence, and reported as a fault.
///
/// # Safety
/// As [`Handle::heap`].
unsafe fn allocate(
    heap: &Handle,
    function: &'static CStr,
    request: Request,
) -> Option<(Offset, Contents<CPoison>)> {
    // SAFETY: the caller keeps the same contract.
    let (taken, contents) = unsafe { heap.heap(|heap| (heap.allocate(request), heap.contents())) };
    let place = taken?;
    // SAFETY: the block was just allocated, and nothing else refers to it.
    match unsafe { contents.allocated(place, request.size()) } {
        Ok(()) => Some((place, contents)),
        Err(corruption) => {
            let found = FoundIn::Call(callers::call_of(function));
            fault(format_args!(
                "allocation from {heap:p}: {corruption}{found}"
            ));
            callers::keep_frame();
            None
        }
    }
}

/// # Safety
/// As [`multi_heap_malloc`]; and nobody uses the block any more.
#[inline(always)]
unsafe fn free_in(function: &'static CStr, handle: CHandle, pointer: *mut c_void) {
    let call = CurrentCall {
        action: "free",
        function,
    };
    // SAFETY: the caller keeps the same contract.
    let heap = unsafe { of(handle) };
    let Some((heap, pointer)) = heap.zip(ffi::from_c(pointer)) else {
        return;
    };
    // SAFETY: the caller keeps the same contract.
    let Some(place) = (unsafe { heap.place(call, pointer) }) else {
        return;
    };
    // SAFETY: the caller keeps the same contract.
    if let Err(misuse) = unsafe { free(heap, place) } {
        refused(call, pointer, misuse);
        callers::keep_frame();
    }
}

/// # Safety
/// As [`Handle::heap`]; and nobody uses the block any more.
unsafe fn free(heap: &Handle, place: Offset) -> Result<(), Misuse> {
    if CPoison::FILLS {
        let freeable =
            |heap: &mut Heap<CPoison>| Some((heap.try_freeable_size(place)?, heap.contents()));
        // SAFETY: the caller keeps the same contract.
        let (size, contents) = unsafe { heap.try_on(place, freeable) }?;
        // SAFETY: the caller gave the block up.
        unsafe { contents.freeing(place, size) };
    }
    // SAFETY: the caller keeps the same contract.
    unsafe { heap.try_on(place, |heap| heap.try_free(place)) }.map(|_| ())
}

/// # Safety
/// As [`Handle::heap`]; and nobody uses the block by its old place after a success.
unsafe fn resized(
    heap: &Handle,
    old: Offset,
    request: Request,
) -> Result<Option<NonNull<u8>>, Misuse> {
    let size = request.size();
    if !CPoison::FILLS {
        // SAFETY: the caller keeps the same contract.
        let (resized, contents) =
            unsafe { heap.heap(|heap| (heap.try_resize(old, size), heap.contents())) };
        if resized == Ok(true) {
            return Ok(contents.pointer(old));
        }
    }
    let used_bytes = |heap: &mut Heap<CPoison>| {
        let bytes = if CPoison::FILLS {
            heap.try_resizable_size(old, size)
        } else {
            heap.try_usable_size(old)
        };
        Some((bytes?, heap.contents()))
    };
    // SAFETY: the caller keeps the same contract.
    let (used, contents) = unsafe { heap.try_on(old, used_bytes) }?;
    if CPoison::FILLS {
        // SAFETY: the caller gave the block up for the length of this call.
        unsafe { contents.shrinking(old, used, size) };
        // SAFETY: the caller keeps the same contract.
        if unsafe { heap.try_on(old, |heap| heap.try_resize(old, size).ok()) }? {
            // SAFETY: as above.
            unsafe { contents.grown(old, used, size) };
            return Ok(contents.pointer(old));
        }
    }
    // A block that is aligned would not be, further down.
    let lower = if request.alignment() == Request::MIN_ALIGNMENT {
        // SAFETY: the caller keeps the same contract.
        unsafe { heap.try_on(old, |heap| heap.try_grow_backward(old, size).ok()) }?
    } else {
        None
    };
    if let Some(moved) = lower {
        // SAFETY: the block is its user's, who gave it up for the length of this call.
        unsafe { contents.copy(old, &contents, moved.to, moved.bytes) };
        // SAFETY: the caller keeps the same contract.
        unsafe { trimmed(heap, moved.to, moved.bytes, size) }?;
        return Ok(contents.pointer(moved.to));
    }
    // SAFETY: the caller keeps the same contract.
    let Some((new, _)) = (unsafe { allocate(heap, REALLOCATION.function, request) }) else {
        return Ok(None);
    };
    // SAFETY: as above; nothing else refers to the new block.
    unsafe { contents.copy(old, &contents, new, used.min(size)) };
    // SAFETY: the caller gave the block up, whose contents are elsewhere.
    unsafe { free(heap, old) }?;
    Ok(contents.pointer(new))
}

/// Gives back what a block that grew downwards has too much.
///
/// # Safety
/// As [`Handle::heap`].
unsafe fn trimmed(heap: &Handle, block: Offset, moved: u32, size: u32) -> Result<(), Misuse> {
    // SAFETY: the caller keeps the same contract.
    let (held, contents) = unsafe {
        heap.try_on(block, |heap| {
            Some((heap.try_usable_size(block)?, heap.contents()))
        })
    }?;
    // SAFETY: the block is its user's, who gave it up for the length of this call.
    unsafe { contents.grown(block, moved, size) };
    // SAFETY: as above.
    unsafe { contents.shrinking(block, held, size) };
    // SAFETY: the caller keeps the same contract.
    unsafe { heap.try_on(block, |heap| heap.try_resize(block, size).ok()) }.map(|_| ())
}
