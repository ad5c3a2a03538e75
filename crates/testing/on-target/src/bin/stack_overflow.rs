//! Must end with a trap: calls itself until the stack is used up.

#![no_std]
#![no_main]

use core::hint::black_box;

on_target::program!(main);

fn main() -> u8 {
    descend(0)
}

#[expect(unconditional_recursion, reason = "that is the point")]
fn descend(depth: u32) -> u8 {
    let frame = black_box([depth; 64]);
    descend(frame[0] + 1).wrapping_add(black_box(&frame)[63] as u8)
}
