//! Shows by its size what the calls of `malloc`'s family link, for `cargo xtask bench`.

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
    fn malloc();
    fn calloc();
    fn realloc();
    fn free();
}

const CALLS: [*const (); 4] = [
    malloc as *const (),
    calloc as *const (),
    realloc as *const (),
    free as *const (),
];
