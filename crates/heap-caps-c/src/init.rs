//! How the shared heap gets the chip's memory when C asks for that: as the Rust program told.
//!
//! Which chip, which options and whose linker symbols, C's functions can't say; so a program says
//! it once, or boots [`heap`](super::heap) itself.

use super::ffi::Slot;

static INIT: Slot<fn()> = Slot::empty();

/// Tells what `heap_caps_init` and `heap_alloc_caps_init` shall do: boot a chip's memory into
/// [`heap`](super::heap). Firmware that boots the heap before any C runs needs none.
pub fn on_init(init: fn()) {
    INIT.set(Some(init));
}

/// Does what [`on_init`] told. On a host there is nothing to boot.
pub(super) fn boot() {
    if let Some(init) = INIT.get() {
        init();
    }
}
