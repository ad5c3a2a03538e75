//! Stack walking: return addresses of the callers.
//!
//! | where | how | needs |
//! |---|---|---|
//! | Xtensa | [`windowed`]: register windows are stored to the stack, then each frame leads to its caller's | ten lines of assembly of the program's run-time, see there |
//! | RISC-V | [`frame_pointers`]: each frame says where its caller's is | code compiled with `-C force-frame-pointers=yes` |
//! | host | `HostStack` (feature `std`): the unwinder | |
//!
//! The walks are ordinary arithmetic on words that [`Words`] reads, so they are tested on
//! stacks drawn by hand. They end at the first word that makes no sense: an address that is not
//! code, a stack that does not go upwards.

#[cfg(feature = "std")]
mod host;
mod memory;
mod walk;

#[cfg(feature = "std")]
pub use host::HostStack;
pub use memory::StackMemory;
pub use walk::{Start, Words, frame_pointers, frame_pointers_outside, windowed, windowed_outside};
