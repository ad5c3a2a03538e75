//! Must end with a panic: a block is freed twice, and nobody chose to go on.

#![no_std]
#![no_main]

use core::alloc::{GlobalAlloc, Layout};

use on_target::{HEAP, boot_heap, println};

on_target::program!(main);

fn main() -> u8 {
    // SAFETY: the program has no other heap.
    if unsafe { boot_heap() }.is_err() {
        return on_target::exit_code::NO;
    }
    let layout = Layout::new::<[u32; 4]>();
    // SAFETY: the size is not 0.
    let block = unsafe { HEAP.alloc(layout) };
    // SAFETY: the block is the program's.
    unsafe { HEAP.dealloc(block, layout) };
    // SAFETY: there is none, and that is what the program shows.
    unsafe { HEAP.dealloc(block, layout) };
    println!("alive after a double free");
    on_target::exit_code::SUCCESS
}
