//! Registration of memory from C.
//!
//! ```text
//!   chip   heap_caps_init         what a Rust program passed to `on_init`: the chip's table and the linker's symbols
//!   chip   heap_caps_add_region   an address of the chip's table
//!   all    heap_caps_add_region_with_caps   memory of the caller, at any address, 64-bit ones of a host too
//! ```

use heap_caps::{AddRegionError, HeapIndex, Identity};
use soc_regions::{Caps, Columns, Span};

use super::{EspErr, EspError};
use crate::ffi;
use crate::heap::HEAP;
use crate::init;

/// Runs what was passed to [`on_init`](crate::on_init). On a host there is nothing to boot: add
/// memory with `heap_caps_add_region_with_caps`.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_init() {
    init::boot();
}

/// Enables the heaps in the memory of the start-up stacks.
///
/// # Safety
/// - Nobody stands on a start-up stack any more, on any core.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_enable_nonos_stack_heaps() {
    // SAFETY: the caller keeps the same contract; only a chip's own memory has such heaps.
    unsafe { HEAP.enable_startup_stack_heaps(&Identity) };
}

/// Makes memory from `start` to `end` a heap with the capabilities of the chip's table.
///
/// # Safety
/// - The memory is used by nothing else from now on, except by the users of allocated blocks within
///   their blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_add_region(start: isize, end: isize) -> EspErr {
    if start == 0 {
        return EspError::InvalidArg.code();
    }
    let bounds = |address: isize| u32::try_from(address.cast_unsigned()).ok();
    let (Some(first), Some(last)) = (bounds(start), bounds(end)) else {
        return EspError::NotFound.code(); // no chip has such addresses
    };
    let Some(span) = Span::new(first, last) else {
        return EspError::InvalidArg.code();
    };
    // SAFETY: the caller keeps the same contract.
    code(unsafe { HEAP.add_region(span, &Identity) })
}

/// Makes memory from `start` to `end` a heap with these capabilities, by priority.
///
/// # Safety
/// - `caps` is null or has three masks.
/// - The memory is used by nothing else from now on, except by the users of allocated blocks within
///   their blocks.
/// - It can do what `caps` say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_caps_add_region_with_caps(
    caps: *const u32,
    start: isize,
    end: isize,
) -> EspErr {
    // SAFETY: the caller keeps the same contract.
    let caps = unsafe { ffi::list(caps.cast::<Caps>(), COLUMNS) };
    let columns = <[Caps; COLUMNS]>::try_from(caps);
    let (Ok(columns), Some(bytes)) = (columns, ffi::between(start, end)) else {
        return EspError::InvalidArg.code();
    };
    // SAFETY: the caller keeps the same contract.
    code(unsafe { HEAP.add_memory(columns, bytes) })
}

/// `SOC_MEMORY_TYPE_NO_PRIOS`.
const COLUMNS: usize = size_of::<Columns>() / size_of::<Caps>();

fn code(added: Result<HeapIndex, AddRegionError>) -> EspErr {
    let error = match added {
        Ok(_) => EspError::Ok,
        Err(AddRegionError::Duplicate | AddRegionError::Overlap(_)) => EspError::Fail,
        Err(AddRegionError::UnknownAddress(_) | AddRegionError::MixedTypes(_)) => {
            EspError::NotFound
        }
        Err(AddRegionError::TableFull { .. }) => EspError::NoMem,
        Err(AddRegionError::NoCaps | AddRegionError::Unreachable) => EspError::InvalidArg,
        Err(_) => EspError::InvalidSize,
    };
    error.code()
}
