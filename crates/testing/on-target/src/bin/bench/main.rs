//! Prints what each heap costs on each workload: one figure a line, for `cargo xtask bench`.

#![no_std]
#![no_main]

use core::ptr::{NonNull, slice_from_raw_parts_mut};

use on_target::{Instructions, exit_code, println};

on_target::program!(main);

fn main() -> u8 {
    let region = region();
    // SAFETY: nothing else uses this part of the DRAM window.
    unsafe { heap_bench::run(&Instructions, region, &mut |figure| println!("{figure}")) };
    exit_code::SUCCESS
}

/// DRAM below the ESP32's own: the emulated window begins at 0x3FC0_0000.
fn region() -> NonNull<[u8]> {
    let start = core::ptr::without_provenance_mut(0x3FC0_0000);
    let region = slice_from_raw_parts_mut(start, heap_bench::REGION_BYTES);
    // SAFETY: the address is not null.
    unsafe { NonNull::new_unchecked(region) }
}
