//! Returns by its exit code whether a heap of a given size serves a recorded program, for `cargo
//! xtask peers`.
//!
//! `completes BYTES HEAP`: the number of a heap in `heap_bench::REPLAYED`; the emulator has put the
//! trace into memory.

#![no_std]
#![no_main]

use on_target::{exit_code, println};

on_target::program!(main);

fn main() -> u8 {
    match answer() {
        Some(true) => exit_code::SUCCESS,
        Some(false) => exit_code::NO,
        None => {
            println!(
                "completes BYTES HEAP, with a trace: more than this chip can hold, or no such heap"
            );
            exit_code::USAGE
        }
    }
}

fn answer() -> Option<bool> {
    let region = on_target::heap_region(on_target::number(1)?)?;
    // SAFETY: called once, and nothing else in this program uses that memory.
    let (trace, slots) = unsafe { on_target::trace() }.ok()?;
    // SAFETY: nothing else in this program uses the region.
    unsafe { heap_bench::completes(on_target::number(2)?, region, trace, slots) }
}
