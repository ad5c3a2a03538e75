//! Prints what calls of the global allocator cost, for `cargo xtask bench`.

#![no_std]
#![no_main]

use on_target::calls::{Global, measure, measure_as_asked};

on_target::program!(main);

fn main() -> u8 {
    measure_as_asked(&[measure::<Global>])
}
