//! Prints the hashes of what the compiler must get right: one a line, for comparison with the
//! host's.

#![no_std]
#![no_main]

use on_target::{exit_code, println};

on_target::program!(main);

fn main() -> u8 {
    // SAFETY: nothing else uses the chip's memory.
    unsafe { on_target::boot_heap() }.unwrap();
    target_suite::torture::hashes(|group, hash| println!("hash\t{group}\t{hash:016x}"));
    exit_code::SUCCESS
}
