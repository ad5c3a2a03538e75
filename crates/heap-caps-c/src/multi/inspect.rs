//! Walks, dumps and checks of a heap, and its blocks one by one.
//!
//! Blocks are copied a few at a time under the heap's lock, and shown or printed without it.

use core::ffi::c_void;
use core::ptr::NonNull;

use multi_heap::{Block, BlockState, Corruption, DamagedBlock, Heap, Poison};

use super::CHandle;
use super::handle::{Handle, of};
use crate::callers;
use crate::caps::HEADER;
use crate::console::Console;
use crate::ffi;
use crate::heap::CPoison;
use crate::hooks::{FoundIn, fault};
use crate::print_block;
use crate::signatures::{CHeapWalker, CWalkedBlock};

/// Returns whether the heap is sound; prints what is not, if asked to. O(blocks), O(bytes) under
/// comprehensive poisoning. A null heap is.
///
/// # Safety
/// As `multi_heap_malloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_check(handle: CHandle, print_errors: bool) -> bool {
    // SAFETY: the caller keeps the same contract.
    let Some(heap) = (unsafe { of(handle) }) else {
        return true;
    };
    // SAFETY: the caller keeps the same contract.
    let checked = unsafe { heap.heap(|heap| heap.check()) };
    if let (Err(corruption), true) = (checked, print_errors) {
        Console.print(format_args!("{corruption} of the heap at {handle:p}\n"));
    }
    checked.is_ok()
}

/// Prints every block, as [`multi_heap_walk`] shows them; of a damaged heap also what is wrong.
/// O(blocks).
///
/// # Safety
/// As `multi_heap_malloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_dump(handle: CHandle) {
    Console.print(format_args!("Showing data for heap: {handle:p} \n"));
    // SAFETY: the caller keeps the same contract.
    let damaged = unsafe {
        each_whole_block(handle, |block| {
            print_block(block);
            true
        })
    };
    if let Some(corruption) = damaged {
        Console.print(format_args!("{corruption} of the heap at {handle:p}\n"));
    }
}

/// Shows every block to `walker` until it returns false: behind its header, canaries included.
/// O(blocks).
///
/// A block whose header contradicts what lies around it is the last one shown, as its header
/// describes it; then it is a fault.
///
/// # Safety
/// - As `multi_heap_malloc`.
/// - `walker` is null or may be called with `user` and what it is shown.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_walk(
    handle: CHandle,
    walker: Option<CHeapWalker>,
    user: *mut c_void,
) {
    let Some(walker) = walker else {
        return;
    };
    // SAFETY: the caller keeps the same contract.
    let show = |block| unsafe { ffi::show_block(walker, block, user) };
    // SAFETY: the caller keeps the same contract.
    if let Some(corruption) = unsafe { each_whole_block(handle, show) } {
        let found = FoundIn::Call(callers::call_of(c"multi_heap_walk"));
        fault(format_args!(
            "walk of the heap at {handle:p}: {corruption}{found}"
        ));
        callers::keep_frame();
    }
}

/// Returns the used block that contains `pointer`, from its first byte for the user on; null if
/// there is none. O(blocks).
///
/// # Safety
/// As `multi_heap_malloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_find_containing_block(
    handle: CHandle,
    pointer: *mut c_void,
) -> *mut c_void {
    // SAFETY: the caller keeps the same contract.
    let heap = unsafe { of(handle) };
    let found = heap.and_then(|heap| {
        // SAFETY: the caller keeps the same contract.
        unsafe {
            heap.heap(|heap| {
                let block = heap.block_containing(heap.offset_of(pointer.cast())?)?;
                heap.contents().pointer(block.offset)
            })
        }
    });
    ffi::to_c(found)
}

/// Returns the bytes of a block with all that surrounds them but its header: canaries and what was
/// rounded up. 0 if `pointer` is not a block. O(blocks).
///
/// # Safety
/// As `multi_heap_malloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_get_full_block_size(
    handle: CHandle,
    pointer: *mut c_void,
) -> usize {
    // SAFETY: the caller keeps the same contract.
    let heap = unsafe { of(handle) };
    let bytes = heap.and_then(|heap| {
        // SAFETY: the caller keeps the same contract.
        unsafe {
            heap.heap(|heap| {
                let place = heap.offset_of(pointer.cast())?;
                let block = heap.block_containing(place)?;
                (block.offset == place).then_some(block.bytes.saturating_sub(HEADER))
            })
        }
    });
    bytes.unwrap_or(0) as usize // widening
}

/// Returns the first block, to be asked about with [`multi_heap_get_next_block`] and its like: a
/// pointer to its first byte for the user.
///
/// # Safety
/// As `multi_heap_malloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_get_first_block(handle: CHandle) -> *mut c_void {
    // SAFETY: the caller keeps the same contract.
    unsafe { first_block(handle, 0) }
}

/// Returns the block behind `block`; null behind the last one.
///
/// # Safety
/// As `multi_heap_malloc`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_get_next_block(
    handle: CHandle,
    block: *mut c_void,
) -> *mut c_void {
    // SAFETY: the caller keeps the same contract.
    let heap = unsafe { of(handle) };
    let end = heap.and_then(|heap| {
        // SAFETY: the caller keeps the same contract.
        unsafe {
            heap.heap(|heap| {
                let place = heap.offset_of(block.cast())?;
                let here = heap.blocks().find(|block| block.offset == place)?;
                here.start.checked_add(here.bytes)
            })
        }
    });
    match end {
        // SAFETY: the caller keeps the same contract.
        Some(end) => unsafe { first_block(handle, end) },
        None => ffi::to_c(None),
    }
}

/// Returns whether a block is free.
///
/// # Safety
/// - `block` is one of [`multi_heap_get_first_block`] and [`multi_heap_get_next_block`], and still
///   there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_is_free(block: *mut c_void) -> bool {
    let head = if CPoison::OVERHEAD == 0 { 0 } else { HEAD };
    let header = block.wrapping_byte_sub(head + HEADER as usize);
    // SAFETY: the header of a block lies before its canary.
    let word = unsafe { ffi::word(header) };
    BlockState::of_header(word) == BlockState::Free
}

/// Bytes of a head canary and the size behind it.
const HEAD: usize = 8;

/// Returns where the bytes of a block begin.
#[unsafe(no_mangle)]
pub extern "C" fn multi_heap_get_block_address(block: *mut c_void) -> *mut c_void {
    block
}

/// # Safety
/// As `multi_heap_malloc`.
unsafe fn first_block(handle: CHandle, from: u32) -> *mut c_void {
    let mut first = None;
    // SAFETY: the caller keeps the same contract.
    unsafe {
        blocks_from(handle, from, &mut |pointer, _| {
            first = Some(pointer);
            false
        });
    }
    ffi::to_c(first)
}

/// Shows the blocks behind their headers, in address order, until `visit` has seen enough; the
/// damaged one too, at which the walk ends. Returns what is wrong with that.
///
/// # Safety
/// As `multi_heap_malloc`.
unsafe fn each_whole_block(
    handle: CHandle,
    mut visit: impl FnMut(CWalkedBlock) -> bool,
) -> Option<Corruption> {
    // SAFETY: the caller keeps the same contract.
    let heap = unsafe { of(handle) }?;
    let mut next = 0;
    loop {
        // SAFETY: the caller keeps the same contract.
        let (start, batch) =
            unsafe { heap.heap(|heap| (heap.start(), whole_blocks_from(heap, next))) };
        for block in batch.iter().flatten() {
            let (header, bytes, state) = match block {
                Ok(block) => (block.start, block.bytes, block.state),
                Err(damaged) => (damaged.start, damaged.bytes, damaged.state),
            };
            next = header.saturating_add(bytes);
            let place = header.saturating_add(HEADER) as usize; // widening
            let goes_on = visit(CWalkedBlock {
                pointer: start.as_ptr().wrapping_add(place).cast(),
                size: bytes.saturating_sub(HEADER) as usize, // widening
                used: state == BlockState::Used,
            });
            if let Err(damaged) = block {
                return Some(damaged.corruption);
            }
            if !goes_on {
                return None;
            }
        }
        if batch.iter().any(Option::is_none) {
            return None;
        }
    }
}

type Walked = Result<Block, DamagedBlock>;

/// Returns a few blocks that begin at `from` bytes or later.
fn whole_blocks_from(heap: &Heap<CPoison>, from: u32) -> [Option<Walked>; 8] {
    let mut batch = [None; 8];
    let before = |block: &Walked| block.is_ok_and(|block| block.start < from);
    let blocks = heap.sound_blocks().skip_while(before);
    for (place, block) in batch.iter_mut().zip(blocks) {
        *place = Some(block);
    }
    batch
}

/// Shows the blocks that begin at `from` bytes or later.
///
/// # Safety
/// As `multi_heap_malloc`.
unsafe fn blocks_from(
    handle: CHandle,
    mut from: u32,
    visit: &mut dyn FnMut(NonNull<u8>, &Block) -> bool,
) {
    // SAFETY: the caller keeps the same contract.
    let Some(heap) = (unsafe { of(handle) }) else {
        return;
    };
    loop {
        // SAFETY: the caller keeps the same contract.
        let batch = unsafe { batch(heap, from) };
        for (pointer, block) in batch.iter().flatten() {
            from = block.start.saturating_add(block.bytes);
            if !visit(*pointer, block) {
                return;
            }
        }
        if batch.iter().any(Option::is_none) {
            return;
        }
    }
}

/// # Safety
/// As [`Handle::heap`].
unsafe fn batch(heap: &Handle, from: u32) -> [Option<(NonNull<u8>, Block)>; 8] {
    let mut batch = [None; 8];
    // SAFETY: the caller keeps the same contract.
    unsafe {
        heap.heap(|heap| {
            let contents = heap.contents();
            let blocks = heap.blocks().skip_while(|block| block.start < from);
            let named = blocks.filter_map(|block| Some((contents.pointer(block.offset)?, block)));
            for (place, block) in batch.iter_mut().zip(named) {
                *place = Some(block);
            }
        });
    }
    batch
}
