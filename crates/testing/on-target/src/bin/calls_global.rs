//! Prints what users' calls cost, for `cargo xtask bench`: `on_target::calls::Global`.

#![no_std]
#![no_main]

on_target::program!(main);

fn main() -> u8 {
    on_target::calls::measure::<on_target::calls::Global>()
}
