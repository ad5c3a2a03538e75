//! Callers of the heap's C functions: return addresses behind the heap's own frames.
//!
//! ```text
//!   the stack, innermost first        what is reported
//!   ..., CapsHeap::report_in          the heap's inner functions: left out
//!   heap_caps_free                    one of `ENTRIES`
//!   publish                           the caller: an address inside of it is the first one reported
//!   main                              the second
//! ```
//!
//! The unwinder is that of the C compiler's run-time library, on Linux. Elsewhere there is no
//! caller; on a chip callers stand in what the program prints when it ends (ESP-IDF's backtrace).

use core::ffi::CStr;

use heap_caps_alloc::Call;

/// Returns a call of the function `name`, with who called it where that is known.
#[cold]
#[inline(never)]
pub(crate) fn call_of(name: &'static CStr) -> Call {
    Call {
        function: name.to_str().unwrap_or_default(),
        caller: caller(),
    }
}

/// Caller of the heap's C function that runs; 0 if unknown.
pub(crate) fn caller() -> usize {
    let mut caller = [0];
    of_entry(&mut caller);
    let [caller] = caller;
    caller
}

/// Keeps the frame of the function that calls this: what it calls before must return to it, so that
/// the caller behind it is found.
#[inline(always)]
pub(crate) fn keep_frame() {
    core::hint::black_box(());
}

cfg_select! {
    all(
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64")
    ) => {
        mod entries;
        #[cfg(feature = "heap-tracing")]
        mod file;
        mod unwinder;

        #[cfg(feature = "heap-tracing")]
        pub(crate) use self::file::{address_in_file, pointer_of};
        pub(crate) use self::unwinder::of_entry;
    }
    _ => {
        /// Unsupported target: no callers.
        pub(crate) fn of_entry(_callers: &mut [usize]) -> usize {
            0
        }

        /// Returns the pointer for an address, which is that of the program's file.
        #[cfg(feature = "heap-tracing")]
        pub(crate) fn pointer_of(address: u32) -> usize {
            address as usize // widening
        }

        /// As [`pointer_of`].
        #[cfg(feature = "heap-tracing")]
        pub(crate) fn address_in_file(pointer: usize) -> Option<u32> {
            pointer.try_into().ok()
        }
    }
}
