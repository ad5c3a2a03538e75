//! Static library for C: the names of `heap-caps-c`, by feature, and a panic handler.
//!
//! `cargo xtask clib` builds it; the headers are in `crates/heap-caps-c/include`, and `docs/c.md`
//! shows how to use both.

#![no_std]

extern crate heap_caps_c as _;

use core::panic::PanicInfo;

/// The heap does not panic: this is for the compiler, and for errors of ours. On a chip the
/// watchdog ends the standstill.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    #[cfg(not(target_os = "none"))]
    {
        unsafe extern "C" {
            safe fn abort() -> !;
        }
        abort()
    }
    #[cfg(target_os = "none")]
    loop {
        core::hint::spin_loop();
    }
}
