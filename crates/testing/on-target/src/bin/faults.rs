//! Prints what becomes of some seeded faults of every kind: one line a kind and level, for
//! comparison with the host's.

#![no_std]
#![no_main]

use on_target::{exit_code, println};
use target_suite::faults::{FEW, lines};

on_target::program!(main);

fn main() -> u8 {
    // SAFETY: nothing else uses the chip's memory.
    unsafe { on_target::boot_heap() }.unwrap();
    lines(FEW, |line| println!("{line}"));
    exit_code::SUCCESS
}
