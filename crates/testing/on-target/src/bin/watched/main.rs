//! Prints what it costs to watch a heap: one figure a line, for `cargo xtask bench`. A program of
//! its own, because on Xtensa code reaches its literals over 256 KiB only.

#![no_std]
#![no_main]

mod allocators;

use core::ptr::{NonNull, slice_from_raw_parts_mut};

use on_target::{Instructions, exit_code, println};

use allocators::{Accounts, Leaks, Streamed, Watched, Watcher};

on_target::program!(main);

fn main() -> u8 {
    watched::<Leaks<0>>();
    watched::<Leaks<4>>();
    watched::<Accounts>();
    watched::<Streamed>();
    exit_code::SUCCESS
}

fn watched<O: Watcher>() {
    // The allocators have a whole chip; this is for the workloads' own use.
    let region = slice_from_raw_parts_mut(
        core::ptr::without_provenance_mut(0x3FC0_0000),
        heap_bench::REGION_BYTES,
    );
    // SAFETY: the address is not null.
    let region = unsafe { NonNull::new_unchecked(region) };
    // SAFETY: nothing else uses the region and the chip's memory: these heaps take it one after the
    // other.
    unsafe {
        heap_bench::run_guest::<Watched<O>>(&Instructions, region, &mut |figure| {
            println!("{figure}")
        })
    };
}
