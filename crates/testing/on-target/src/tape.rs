//! Where the emulator puts a recorded program, and where there is room to replay it.
//!
//! ```text
//!   0x3F80_0000 tape │ 0x3FB0_0000 slots │ 0x3FC0_0000 heap │ 0x3FFA_E000 the ESP32's own DRAM, with the program's data
//! ```

use core::ptr::{NonNull, slice_from_raw_parts_mut, with_exposed_provenance_mut};

use heap_bench::{Slot, Tape};

const TAPE: usize = 0x3F80_0000;
const SLOTS: usize = 0x3FB0_0000;
const HEAP: usize = 0x3FC0_0000;
const HEAP_END: usize = 0x3FFA_E000;

/// The recorded program, and room to remember its blocks; an error says what is wrong.
///
/// # Safety
/// Called once. Nothing else uses the memory from 0x3F80_0000 to 0x3FBF_FFFF, which was zero but for the tape.
pub unsafe fn tape() -> Result<(Tape<'static>, &'static mut [Slot]), &'static str> {
    // SAFETY: nobody writes to the tape.
    let words = unsafe {
        core::slice::from_raw_parts(with_exposed_provenance_mut(TAPE), (SLOTS - TAPE) / 4)
    };
    let tape = Tape::from_words(words).ok_or("there is no tape")?;
    if tape.slots() > (HEAP - SLOTS) / size_of::<Slot>() {
        return Err("there is no room to remember the tape's blocks");
    }
    // SAFETY: nothing else uses this memory, and zeros are empty slots.
    let slots = unsafe {
        core::slice::from_raw_parts_mut(with_exposed_provenance_mut(SLOTS), tape.slots())
    };
    Ok((tape, slots))
}

/// Memory for a heap of this size; `None` for more than there is.
#[must_use]
pub fn heap_region(bytes: usize) -> Option<NonNull<[u8]>> {
    let region = slice_from_raw_parts_mut(with_exposed_provenance_mut(HEAP), bytes);
    NonNull::new(region).filter(|_| bytes <= HEAP_END - HEAP)
}
