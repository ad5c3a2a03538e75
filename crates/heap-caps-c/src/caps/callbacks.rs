//! C callback registration.

use core::ffi::c_int;
use core::sync::atomic::Ordering;

use super::{EspErr, EspError};
use crate::console::CONSOLE;
use crate::hooks::{FAULTS, ON_ALLOC, ON_FAILED, ON_FAULT, ON_FREE, STOPS};
use crate::signatures::{AllocHook, ConsoleHook, FailedHook, FaultHook, FreeHook};

/// Sets the callback for each request that finds no memory. Null is `ESP_ERR_INVALID_ARG`: as in
/// ESP-IDF, one can be replaced but not removed.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_register_failed_alloc_callback(hook: Option<FailedHook>) -> EspErr {
    if hook.is_none() {
        return EspError::InvalidArg.code();
    }
    ON_FAILED.set(hook);
    EspError::Ok.code()
}

/// Sets the callback for each block allocated and freed. Null for none.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_register_alloc_hooks(
    on_alloc: Option<AllocHook>,
    on_free: Option<FreeHook>,
) {
    ON_ALLOC.set(on_alloc);
    ON_FREE.set(on_free);
}

/// Sets the callback for the line that describes a double free, a foreign pointer, a smashed block.
/// Null for nobody.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_register_fault_callback(hook: Option<FaultHook>) {
    ON_FAULT.set(hook);
}

/// Sets what follows a fault when its line was written and the callback was called: 0 the end of
/// the program, 1 nothing, the program goes on. `ESP_ERR_INVALID_ARG` for any other number.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_set_fault_action(action: c_int) -> EspErr {
    let stops = match action {
        0 => true,
        1 => false,
        _ => return EspError::InvalidArg.code(),
    };
    STOPS.store(stops, Ordering::Relaxed);
    EspError::Ok.code()
}

/// Returns how many faults there were.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_get_fault_count() -> usize {
    *FAULTS.acquire()
}

/// Where dumps, summaries and faults are written. Null: to `putchar` on a host, nowhere on a chip.
#[unsafe(no_mangle)]
pub extern "C" fn heap_caps_set_console(write: Option<ConsoleHook>) {
    CONSOLE.set(write);
}
