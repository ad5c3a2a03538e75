//! Prints what calls of the C names cost, for `cargo xtask bench`.

#![no_std]
#![no_main]

use on_target::calls::{CHeapCaps, CMalloc, CMultiHeap, measure};
use on_target::exit_code;

on_target::program!(main);

fn main() -> u8 {
    let codes = [
        measure::<CHeapCaps>(),
        measure::<CMalloc>(),
        measure::<CMultiHeap>(),
    ];
    let failed = codes.into_iter().find(|code| *code != exit_code::SUCCESS);
    failed.unwrap_or(exit_code::SUCCESS)
}
