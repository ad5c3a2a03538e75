//! Out of order: memory that is asked for before there is any, and a claim before `.bss` is
//! cleared, or twice.
//!
//! ```text
//!   .bss    what the program before left │ start-up code clears it            │ cleared again
//!   claim   not started                  │          taken once: of two, one   │ cleared since
//!   heap                                 │ none yet           serves          │ none any more
//! ```

#![no_std]
#![no_main]

extern crate alloc;

use alloc::alloc::alloc;
use core::alloc::Layout;
use core::ptr;

use heap_caps_alloc::TakeError;
use on_target::{HEAP, exit_code, println, ram};
use soc_regions::Caps;

on_target::program!(main);

/// What another program has left in memory that no start-up code has cleared.
const LEFT: u32 = 0xA5A5_5A5A;

fn main() -> u8 {
    fill_bss(LEFT);
    assert_eq!(refusal(), Some(TakeError::NotStarted));
    fill_bss(0);
    nothing_is_allocated();
    // SAFETY: the program has no other heap.
    let parts = unsafe { ram() }.unwrap();
    nothing_is_allocated();
    parts.ram.with(parts.bluetooth).boot().unwrap();
    assert!(HEAP.malloc(16, Caps::DEFAULT).is_ok());
    assert_eq!(refusal(), Some(TakeError::AlreadyTaken));
    fill_bss(0);
    assert_eq!(refusal(), Some(TakeError::ClearedSince));
    nothing_is_allocated();
    exit_code::SUCCESS
}

/// Takes the claim where it is not to be had.
fn refusal() -> Option<TakeError> {
    // SAFETY: it is refused.
    let refusal = unsafe { ram() }.err();
    if let Some(refusal) = refusal {
        println!("{refusal}");
    }
    refusal
}

/// Neither by a call of the heap nor by Rust's global allocator.
fn nothing_is_allocated() {
    let failure = HEAP.malloc(16, Caps::DEFAULT).unwrap_err();
    println!("malloc: {failure}");
    // SAFETY: the layout has bytes.
    let block = unsafe { alloc(Layout::new::<[u32; 8]>()) };
    assert!(block.is_null(), "{block:?}");
    let failure = HEAP.inspect().last_failure().unwrap();
    println!("alloc: {failure}");
}

/// Fills the program's `.bss`, with the heap in it, as start-up code does.
fn fill_bss(word: u32) {
    unsafe extern "C" {
        static _bss_start: u8;
        static _heap_start: u8;
    }
    let (start, end) = (
        (&raw const _bss_start).addr(),
        (&raw const _heap_start).addr(),
    );
    let heap = (&raw const HEAP).addr();
    assert!((start..end).contains(&heap), "the heap is in `.bss`");
    for address in (start..end).step_by(size_of::<u32>()) {
        let word_of_bss = ptr::with_exposed_provenance_mut::<u32>(address);
        // SAFETY: nothing of the program is in use there: its stack is elsewhere, and what the heap
        // gave is forgotten.
        unsafe { word_of_bss.write_volatile(word) };
    }
}
