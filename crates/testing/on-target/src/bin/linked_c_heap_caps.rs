//! Shows by its size what the calls of `heap_caps_malloc`'s family link, for `cargo xtask bench`.

#![no_std]
#![no_main]

#[path = "../linked.rs"]
mod linked;
#[path = "../calls/lock.rs"]
#[allow(dead_code, reason = "the critical section is what is used")]
mod lock;

// The library.
use heap_caps_c as _;

unsafe extern "C" {
    fn heap_caps_malloc();
    fn heap_caps_calloc();
    fn heap_caps_realloc();
    fn heap_caps_free();
}

const CALLS: [*const (); 4] = [
    heap_caps_malloc as *const (),
    heap_caps_calloc as *const (),
    heap_caps_realloc as *const (),
    heap_caps_free as *const (),
];
