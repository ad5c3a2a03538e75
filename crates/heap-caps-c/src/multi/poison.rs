//! Poison byte by byte: `multi_heap_internal_*` of test suites.

use core::ffi::c_void;

use multi_heap::{FILL_ALLOCATED, FILL_FREED, HEAD_CANARY, Poison, TAIL_CANARY};

use crate::console::Console;
use crate::ffi;
use crate::heap::CPoison;

/// Sets the key of the canaries of heaps that are made from now on, see
/// [`set_canary_key`](multi_heap::set_canary_key); 0: ESP-IDF's constants.
#[unsafe(no_mangle)]
pub extern "C" fn multi_heap_set_canary_key(key: u32) {
    multi_heap::set_canary_key(key);
}

/// Returns whether a block's `size` bytes from `start` on (its head canary, if it is used and there
/// are any) are as poisoning wants them: canaries around a used block, the pattern of freed memory
/// in a free one. Prints what is not, if asked to. Keyed canaries are not recognised.
///
/// # Safety
/// - `start` is null, or `size` bytes can be read there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_internal_check_block_poisoning(
    start: *mut c_void,
    size: usize,
    is_free: bool,
    print_errors: bool,
) -> bool {
    // SAFETY: the caller keeps the same contract.
    let bytes = unsafe { ffi::list(start.cast(), size) };
    let wrong = if is_free {
        wrong_in_free(bytes)
    } else {
        wrong_in_used(bytes)
    };
    if let (Some(place), true) = (wrong, print_errors) {
        Console.print(format_args!(
            "CORRUPT HEAP: not as poisoning left it: byte {place} of the block at {start:p}\n"
        ));
    }
    wrong.is_none()
}

/// Fills `size` bytes as free or as freshly allocated memory is. Nothing below comprehensive
/// poisoning.
///
/// # Safety
/// - `start` is null, or `size` bytes can be written there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn multi_heap_internal_poison_fill_region(
    start: *mut c_void,
    size: usize,
    is_free: bool,
) {
    if CPoison::FILLS {
        let fill = if is_free { FILL_FREED } else { FILL_ALLOCATED };
        // SAFETY: the caller keeps the same contract.
        unsafe { ffi::fill(start, size, fill) };
    }
}

/// Returns the first byte that was written while it was free.
fn wrong_in_free(bytes: &[u8]) -> Option<usize> {
    bytes
        .iter()
        .position(|&byte| CPoison::FILLS && byte != FILL_FREED)
}

/// Returns where the first word that a neighbour overwrote begins.
fn wrong_in_used(bytes: &[u8]) -> Option<usize> {
    const HEAD: usize = 8;
    if CPoison::OVERHEAD == 0 {
        return None;
    }
    let word = |at: usize| {
        let word = bytes.get(at..)?.first_chunk::<4>()?;
        Some(u32::from_le_bytes(*word))
    };
    if word(0) != Some(HEAD_CANARY) {
        return Some(0);
    }
    let Some(tail) = word(4).map(|size| HEAD.saturating_add(size as usize)) else {
        return Some(4);
    };
    match word(tail) {
        None => Some(4), // a size that leads outside of the block
        Some(TAIL_CANARY) => None,
        Some(_) => Some(tail),
    }
}
