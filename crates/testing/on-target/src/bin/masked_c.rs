//! Prints how long interrupts stay masked in calls of the C names, for `cargo xtask bench`.

#![no_std]
#![no_main]

use on_target::calls::{CHeapCaps, CMalloc, masked, measure};

on_target::program!(main);

fn main() -> u8 {
    masked(&[measure::<CHeapCaps>, measure::<CMalloc>])
}
