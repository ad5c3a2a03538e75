#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(
    not(all(feature = "c-abi-idf", feature = "c-abi-libc")),
    allow(
        dead_code,
        unused_imports,
        reason = "what the features share: each alone uses a part of it"
    )
)]

#[cfg(test)]
extern crate std;

/// The name of a C function for messages and callbacks. With `in-ram` it lies in RAM, too: who is
/// called with it while flash is written may read it.
#[cfg(feature = "in-ram")]
#[allow(unused_macros, reason = "`c-abi-legacy` alone names no function by it")]
macro_rules! name {
    ($text:literal) => {{
        const TEXT: &core::ffi::CStr = $text;
        const SIZE: usize = TEXT.count_bytes() + 1;
        #[unsafe(link_section = ".data.heap_caps")]
        static NAME: [u8; SIZE] = *TEXT.to_bytes_with_nul().first_chunk().unwrap();
        crate::ffi::name_in(&NAME)
    }};
}

/// The name of a C function for messages and callbacks.
#[cfg(not(feature = "in-ram"))]
#[allow(unused_macros, reason = "`c-abi-legacy` alone names no function by it")]
macro_rules! name {
    ($text:literal) => {
        $text
    };
}

mod alignment;
mod c_library;
mod callers;
#[cfg(feature = "c-abi-idf")]
pub mod caps;
mod console;
mod ffi;
mod heap;
mod hooks;
mod init;
#[cfg(feature = "c-abi-legacy")]
pub mod legacy;
#[cfg(feature = "c-abi-libc")]
pub mod libc;
#[cfg(feature = "c-abi-idf")]
pub mod multi;
#[cfg(any(feature = "c-abi-libc", feature = "c-abi-esp-radio"))]
pub mod plain;
#[cfg(feature = "c-abi-esp-radio")]
pub mod radio;
mod serve;
pub mod signatures;
#[cfg(feature = "c-abi-idf")]
pub mod tasks;
#[cfg(feature = "c-abi-idf")]
pub mod trace;
#[cfg(feature = "heap-tracing")]
pub mod trace_context;

pub use heap::{CCounted, CHeap, CLock, CObserver, CPoison, CTraced, GlobalHeap, heap};
pub use init::on_init;

#[cfg(feature = "c-abi-idf")]
use caps::print_block;
