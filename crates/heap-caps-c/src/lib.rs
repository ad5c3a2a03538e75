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

mod alignment;
mod c_library;
#[cfg(feature = "c-abi-idf")]
pub mod caps;
mod console;
mod door;
mod heap;
mod hooks;
#[cfg(feature = "c-abi-legacy")]
pub mod legacy;
#[cfg(feature = "c-abi-libc")]
pub mod libc;
#[cfg(feature = "heap-tracing")]
pub mod moment;
#[cfg(feature = "c-abi-idf")]
pub mod multi;
#[cfg(any(feature = "c-abi-libc", feature = "c-abi-esp-radio"))]
pub mod plain;
#[cfg(feature = "c-abi-esp-radio")]
pub mod radio;
mod serve;
mod start;
#[cfg(feature = "c-abi-idf")]
pub mod tasks;
#[cfg(feature = "c-abi-idf")]
pub mod trace;

pub use console::ConsoleHook;
pub use heap::{CCounted, CHeap, CLock, CObserver, CPoison, CTraced, GlobalHeap, heap};
pub use hooks::{AllocHook, FailedHook, FaultHook, FreeHook};
pub use start::on_init;

#[cfg(feature = "c-abi-idf")]
use caps::print_block;
