//! How much PSRAM is there?
//!
//! Bringing the chip outside to life takes a driver (pins, clock, timing), which this program has none of. It takes what the boot loader, or
//! whoever ran before, has mapped at 0x3F80_0000.

use core::ptr;

const START: usize = 0x3F80_0000;
const MIB: usize = 1 << 20;
/// The window's size.
const MOST_MIB: usize = 4;

/// Whole MiB that keep what is written to them, from the start of the window on. 0 if the cache does not serve the window.
pub(crate) fn mapped_bytes() -> u32 {
    // SAFETY: looked at only.
    let dport = unsafe { &*esp32::DPORT::PTR };
    if dport
        .pro_cache_ctrl1()
        .read()
        .pro_cache_mask_opsdram()
        .bit_is_set()
    {
        return 0;
    }
    let kept = (0..MOST_MIB).take_while(|mib| keeps_words(START + mib * MIB));
    (kept.count() * MIB) as u32
}

/// Whether the last words of a MiB are memory. They are as before afterwards.
fn keeps_words(start: usize) -> bool {
    let word = ptr::with_exposed_provenance_mut::<u32>(start + MIB - 4);
    // SAFETY: the cache serves the window, so an access does not fault, whatever is behind it.
    let before = unsafe { word.read_volatile() };
    let kept = [0x5AA5_0FF0, !0x5AA5_0FF0].into_iter().all(|pattern| {
        // SAFETY: as above; no heap has it yet.
        unsafe { word.write_volatile(pattern) };
        // SAFETY: as above.
        unsafe { word.read_volatile() == pattern }
    });
    // SAFETY: as above.
    unsafe { word.write_volatile(before) };
    kept
}
