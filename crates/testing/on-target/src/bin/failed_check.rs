//! Must end with a panic: a check that fails.

#![no_std]
#![no_main]

on_target::program!(main);

fn main() -> u8 {
    assert_eq!(1 + 1, core::hint::black_box(3), "arithmetic is as it was");
    on_target::exit_code::SUCCESS
}
