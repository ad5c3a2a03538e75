//! The checks in C (`crates/heap-caps-c/checks`) on an emulated chip: their start and what they
//! have of the machine.

use core::ffi::{c_char, c_uint};

use crate::exit_code;

unsafe extern "C" {
    /// Runs every check for null; how many failed.
    fn run_checks(wanted: *const c_char) -> c_uint;
}

/// Runs all checks in C; the exit code of the program.
#[must_use]
pub fn c_checks() -> u8 {
    // The library's own routines are linked with the program.
    core::hint::black_box(heap_caps_c::heap());
    // SAFETY: null is allowed.
    match unsafe { run_checks(core::ptr::null()) } {
        0 => exit_code::SUCCESS,
        _ => exit_code::NO,
    }
}

/// Writes text to the emulator's standard output.
///
/// # Safety
/// - `length` bytes can be read at `text`.
#[unsafe(no_mangle)]
unsafe extern "C" fn platform_write(text: *const u8, length: usize) {
    // SAFETY: the caller keeps the same contract.
    crate::machine::write(unsafe { core::slice::from_raw_parts(text, length) });
}
