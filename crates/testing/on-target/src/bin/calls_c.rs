//! Prints what calls of the C names cost, for `cargo xtask bench`.

#![no_std]
#![no_main]

use on_target::calls::{CHeapCaps, CMalloc, CMultiHeap, measure, measure_as_asked};

on_target::program!(main);

fn main() -> u8 {
    measure_as_asked(&[
        measure::<CHeapCaps>,
        measure::<CMalloc>,
        measure::<CMultiHeap>,
    ])
}
