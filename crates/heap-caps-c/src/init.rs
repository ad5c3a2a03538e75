//! Start of the shared heap when C asks for it: as the Rust program set.
//!
//! C's functions have no parameter for chip, options and linker symbols; so a program sets them
//! once, or boots [`heap`](super::heap) itself.

use super::ffi::FunctionSlot;

static INIT: FunctionSlot<fn()> = FunctionSlot::empty();

/// Sets what `heap_caps_init` and `heap_alloc_caps_init` do: boot a chip's memory into
/// [`heap`](super::heap). Firmware that boots the heap before any C runs needs none.
pub fn on_init(init: fn()) {
    INIT.set(Some(init));
}

/// Runs what was passed to [`on_init`]. On a host there is nothing to boot.
pub(super) fn boot() {
    if let Some(init) = INIT.get() {
        init();
    }
}
