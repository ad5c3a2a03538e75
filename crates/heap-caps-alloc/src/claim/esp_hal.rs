//! What the names in esp-hal's linker script are to a chip's table.

use soc_regions::{Bound, Reservation};

/// The stack that stays a stack: so many bytes below its start. The rest of what esp-hal's linker script calls stack is heap.
///
/// ```text
///   program's data │ guard │            heap             │ stack, `bytes` │ boot loader's: heap
///             _stack_end   __stack_chk_guard + 4               _stack_start
/// ```
#[must_use]
pub const fn stack(bytes: u32) -> Reservation {
    #[expect(clippy::cast_possible_wrap, reason = "checked the line before")]
    let below = {
        assert!(bytes <= i32::MAX as u32, "a stack larger than any chip");
        -(bytes as i32)
    };
    Reservation::new(
        "stack",
        Bound::symbol("_stack_start").plus(below),
        Bound::symbol("_stack_start"),
    )
}

/// Where the heap begins: the guard word below the stack stays what it is, so that the watchpoint on it never fires for a block.
#[must_use]
pub const fn behind_guard(guard: u32) -> u32 {
    guard.wrapping_add(4) // in RAM, which ends below 2^32
}
