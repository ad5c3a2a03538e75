//! PSRAM that something before this program has mapped at 0x3F80_0000.
//!
//! Bringing the memory chip to life takes a driver (pins, clock, timing), as esp-hal's; this
//! program has none, and says so. No stock boot loader maps PSRAM on the ESP32: what runs before
//! this program must.

use core::ptr;

use crate::console::say;
use crate::cores;

const START: usize = 0x3F80_0000;
const MIB: usize = 1 << 20;
/// The window's size.
const MOST_MIB: usize = 4;

/// Says what to do where nothing has mapped PSRAM.
pub(crate) fn explain() {
    if !is_served() {
        say!(
            "PSRAM: nothing has mapped it. If the board has some, a driver must bring it up first,"
        );
        say!("  as esp-hal's does (docs/flash.md): this program has none");
    }
}

/// Whole MiB that are memory, from the start of the window on. 0 if a cache does not serve the
/// window.
pub(crate) fn mapped_bytes() -> u32 {
    if !is_served() {
        return 0;
    }
    let before: [u32; MOST_MIB] = core::array::from_fn(|mib| read(mib));
    // Downwards: where a small chip shows again and again in the window, the first MiB writes last.
    (0..MOST_MIB).rev().for_each(|mib| write(mib, mark(mib)));
    let mebibytes = (0..MOST_MIB)
        .take_while(|&mib| read(mib) == mark(mib))
        .count();
    (0..MOST_MIB).rev().for_each(|mib| write(mib, before[mib]));
    (mebibytes * MIB) as u32
}

/// Returns whether the caches of all cores let accesses to the window through. Without that the
/// window is not touched.
fn is_served() -> bool {
    // SAFETY: read only.
    let dport = unsafe { &*esp32::DPORT::PTR };
    let (first, second) = (
        dport.pro_cache_ctrl1().read(),
        dport.app_cache_ctrl1().read(),
    );
    let by_first = first.pro_cache_mask_dram1().bit_is_clear()
        && first.pro_cache_mask_opsdram().bit_is_clear();
    let by_second = second.app_cache_mask_dram1().bit_is_clear()
        && second.app_cache_mask_opsdram().bit_is_clear();
    by_first && (by_second || !cores::is_fitted())
}

fn mark(mib: usize) -> u32 {
    0x5AA5_0FF0 ^ mib as u32
}

/// Returns the last word of a MiB: four of them share a set of the cache, which has two ways, so
/// most accesses reach the memory chip.
fn last_word(mib: usize) -> *mut u32 {
    ptr::with_exposed_provenance_mut(START + (mib + 1) * MIB - 4)
}

fn read(mib: usize) -> u32 {
    // SAFETY: the caches serve the window, so an access does not fault, whatever is behind it.
    unsafe { last_word(mib).read_volatile() }
}

fn write(mib: usize, word: u32) {
    // SAFETY: as in `read`; no heap has the window yet.
    unsafe { last_word(mib).write_volatile(word) };
}
