//! Prints how long interrupts stay masked in calls of the global allocator, for `cargo xtask
//! bench`.

#![no_std]
#![no_main]

use on_target::calls::{Global, masked, measure};

on_target::program!(main);

fn main() -> u8 {
    masked(&[measure::<Global>])
}
