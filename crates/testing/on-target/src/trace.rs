//! Memory that the emulator fills with a recorded program, and room to replay it.
//!
//! ```text
//!   0x3F80_0000 trace │ 0x3FB0_0000 slots │ 0x3FC0_0000 heap │ 0x3FFA_E000 the ESP32's own DRAM, with the program's data
//! ```
//!
//! Programs whose heaps have the chip's memory, PSRAM too, get it elsewhere:
//!
//! ```text
//!   0x3FC0_0000 trace │ 0x3FDC_0000 slots │ 0x3FE0_0000 heap │ 0x3FFA_E000 the ESP32's own DRAM
//! ```

use core::ptr::{NonNull, slice_from_raw_parts_mut, with_exposed_provenance_mut};

use heap_bench::{Slot, Trace};

const TRACE: usize = 0x3F80_0000;
const SLOTS: usize = 0x3FB0_0000;
const HEAP: usize = 0x3FC0_0000;
const HEAP_END: usize = 0x3FFA_E000;
const BELOW_DRAM: usize = 0x3FE0_0000;

/// Returns the recorded program, and room to remember its blocks; an error says what is wrong.
///
/// # Safety
/// Called once. Nothing else uses the memory from 0x3F80_0000 to 0x3FBF_FFFF, which was zero but
/// for the trace.
pub unsafe fn trace() -> Result<(Trace<'static>, &'static mut [Slot]), &'static str> {
    // SAFETY: the caller keeps the same contract.
    unsafe { trace_in([TRACE, SLOTS, HEAP]) }
}

/// The same where the chip's memory, PSRAM too, is for heaps.
///
/// # Safety
/// Called once. Nothing else uses the memory from 0x3FC0_0000 to 0x3FDF_FFFF, which was zero but
/// for the trace.
pub unsafe fn trace_below_dram() -> Result<(Trace<'static>, &'static mut [Slot]), &'static str> {
    // SAFETY: the caller keeps the same contract.
    unsafe { trace_in([HEAP, 0x3FDC_0000, BELOW_DRAM]) }
}

/// # Safety
/// Called once for these addresses: where the trace begins, the slots, and what is behind them.
unsafe fn trace_in(
    [trace, slots, end]: [usize; 3],
) -> Result<(Trace<'static>, &'static mut [Slot]), &'static str> {
    // SAFETY: nobody writes to the trace.
    let words = unsafe {
        core::slice::from_raw_parts(with_exposed_provenance_mut(trace), (slots - trace) / 4)
    };
    let trace = Trace::from_words(words).ok_or("there is no trace")?;
    if trace.slots() > (end - slots) / size_of::<Slot>() {
        return Err("there is no room to remember the trace's blocks");
    }
    // SAFETY: nothing else uses this memory, and zeros are empty slots.
    let slots = unsafe {
        core::slice::from_raw_parts_mut(with_exposed_provenance_mut(slots), trace.slots())
    };
    Ok((trace, slots))
}

/// Returns the memory for one heap, behind a trace of [`trace_below_dram`].
#[must_use]
pub fn below_dram() -> NonNull<[u8]> {
    let start = with_exposed_provenance_mut(BELOW_DRAM);
    let region = slice_from_raw_parts_mut(start, HEAP_END - BELOW_DRAM);
    // SAFETY: the address is not null.
    unsafe { NonNull::new_unchecked(region) }
}

/// Returns the memory for a heap of this size; `None` for more than there is.
#[must_use]
pub fn heap_region(bytes: usize) -> Option<NonNull<[u8]>> {
    let region = slice_from_raw_parts_mut(with_exposed_provenance_mut(HEAP), bytes);
    NonNull::new(region).filter(|_| bytes <= HEAP_END - HEAP)
}
