//! The program's own heap: the capability heap as Rust's global allocator, shared with interrupt
//! handlers.

use heap_caps::{BootError, Booted};
use heap_caps_alloc::{CapsHeap, Masked, Parts, TakeError};
use soc_regions::{ESP32, common, options};

use crate::interrupts::Interrupts;

/// Interrupts are away when it is taken. On Xtensa it exchanges words atomically, as between two
/// cores.
#[cfg(target_has_atomic = "32")]
type Lock = heap_caps_alloc::SpinLock;
#[cfg(not(target_has_atomic = "32"))]
type Lock = crate::one_core::OneCore;

/// What keeps interrupts away from [`HEAP`].
pub type HeapLock = Masked<Interrupts, Lock>;

/// The type of [`HEAP`].
pub type Heap = CapsHeap<HeapLock>;

/// All memory of the chip, behind one lock that also keeps interrupts away.
#[cfg_attr(not(feature = "own-global"), global_allocator)]
pub static HEAP: Heap = CapsHeap::new(());

heap_caps_alloc::claim! {
    /// All memory that the linker left over. Nothing is linked to RTC memory.
    static RAM: ESP32;
    options: options!(ESP32, common::RTC_HEAP.on());
    unsafe symbols: {
        _data_start,
        _heap_start,
        _iram_start,
        _iram_end,
        _rtc_force_fast_end = 0x3FF8_0000,
        _rtc_fast_reserved_start = 0x3FF8_2000,
        _rtc_fast_reserved_end = 0x3FF8_2000,
        _rtc_slow_reserved_start = 0x5000_2000,
        _rtc_slow_reserved_end = 0x5000_2000,
    }
}

/// Returns the parts of all memory. [`HEAP`] refuses everything until it gets them.
///
/// # Errors
/// See [`TakeError`].
///
/// # Safety
/// Nothing but what these parts become uses the chip's memory from now on: no check that boots
/// heaps of its own.
pub unsafe fn ram() -> Result<Parts<'static, Heap>, TakeError> {
    RAM.take(&HEAP)
}

/// Boots [`HEAP`], with PSRAM and without Bluetooth.
///
/// # Errors
/// As [`CapsHeap::boot`].
///
/// # Safety
/// As [`ram`].
pub unsafe fn boot_heap() -> Result<Booted, BootError> {
    // SAFETY: the caller keeps the same contract.
    let parts = unsafe { ram() }.map_err(|_| BootError::AlreadyBooted)?;
    // SAFETY: the emulator's boot code maps 4 MiB there.
    let psram = unsafe { parts.psram.mapped(4 << 20) };
    let claimed = parts.ram.with(parts.bluetooth).with(psram).boot()?;
    Ok(claimed.booted())
}
