//! The heap by its C names: what ESP-IDF's components, newlib and the radio libraries call.
//!
//! ```text
//!   C and C++ ──► heap_caps_malloc …   caps/      ┐
//!             ──► pvPortMallocCaps …   legacy.rs  │
//!             ──► malloc, _malloc_r …  libc/      ├─► HEAP, one CapsHeap ◄── Rust: heap(), GlobalHeap
//!             ──► malloc_internal …    radio.rs   ┘
//!             ──► multi_heap_malloc …  multi/     ──► heaps in memory of the caller, each behind its handle
//!                                      hooks.rs, console.rs: what C is told;  door.rs: C's pointers
//! ```
//!
//! | Cargo feature | exports |
//! |---|---|
//! | `c-abi-idf` | `esp_heap_caps.h`, `esp_heap_caps_init.h`, `multi_heap.h`, questions about addresses |
//! | `c-abi-legacy` | `esp_heap_alloc_caps.h`, `freertos/heap_regions.h`: the names of 2016 |
//! | `c-abi-libc` | the `malloc` family and newlib's reentrant one. On a host, which has one, by names that begin with `heap_caps_libc_` |
//! | `c-abi-esp-radio` | the nine symbols of `esp-radio`. On a host with the same prefix |
//! | `heap-tracing` | nothing more: `esp_heap_trace.h`, which says `ESP_ERR_NOT_SUPPORTED` otherwise |
//! | `heap-task-tracking` | `heap_caps_register_tasks`, and `esp_heap_task_info.h` does what it says |
//! | `poison-light`, `poison-comprehensive` | nothing: how closely all these heaps watch their blocks |
//! | `policy-idf-exact` | nothing: [`HEAP`](heap) places blocks as ESP-IDF does |
//!
//! **The lock** is `CriticalSectionLock` with the feature `critical-section`, else `SpinLock`, which on a chip excludes the other core but no
//! interrupt handler.
//!
//! **No C function ends the program.** Where ESP-IDF asserts (a double free, a foreign pointer, a smashed canary), the heap
//! refuses and stays as it is; the fault is written to the console and told to `heap_caps_register_fault_callback`, which may end it.

#![cfg_attr(
    not(all(feature = "c-abi-idf", feature = "c-abi-libc")),
    allow(
        dead_code,
        unused_imports,
        reason = "what the features share: each alone uses a part of it"
    )
)]

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
