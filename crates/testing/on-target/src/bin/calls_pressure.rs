//! Prints what calls of the global allocator cost while something for short memory is registered:
//! the table of `docs/pressure.md`.

#![no_std]
#![no_main]

use on_target::calls::costs_under_pressure;
use on_target::{exit_code, println};

on_target::program!(main);

fn main() -> u8 {
    println!("| registered | malloc + free of 16 B | mean of the mix |");
    println!("|---|---|---|");
    costs_under_pressure();
    exit_code::SUCCESS
}
