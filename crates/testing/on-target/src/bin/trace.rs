//! Prints what each heap costs over a recorded program: one figure a line, for `cargo xtask bench
//! --traces`.
//!
//! `trace BYTES`: the heap has BYTES bytes; the emulator has put the trace into memory.

#![no_std]
#![no_main]

use on_target::{Instructions, exit_code, println};

on_target::program!(main);

fn main() -> u8 {
    let region = on_target::number(1).and_then(on_target::heap_region);
    // SAFETY: called once, and nothing else in this program uses that memory.
    let (Some(region), Ok((trace, slots))) = (region, unsafe { on_target::trace() }) else {
        println!("trace BYTES, with a trace: more than this chip can hold");
        return exit_code::USAGE;
    };
    // SAFETY: nothing else in this program uses the region.
    unsafe {
        heap_bench::run_trace(&Instructions, region, trace, slots, &mut |figure| {
            println!("{figure}")
        })
    };
    exit_code::SUCCESS
}
