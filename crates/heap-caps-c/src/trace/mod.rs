//! `esp_heap_trace.h`: records of allocations and frees, leaks.
//!
//! The trace itself is an observer of [`heap_trace`]; here are its C names. Without the feature
//! `heap-tracing` there is none, and the functions say `ESP_ERR_NOT_SUPPORTED`.

#[cfg(feature = "heap-tracing")]
mod enabled;
mod record;
#[cfg(not(feature = "heap-tracing"))]
mod stub;

#[cfg(feature = "heap-tracing")]
pub use enabled::*;
pub use record::{CRecord, CSummary, DEPTH};
#[cfg(not(feature = "heap-tracing"))]
pub use stub::*;

use crate::caps::{EspErr, EspError};

/// Events are not sent to a host by this function: see the event stream of `heap-trace`.
#[unsafe(no_mangle)]
pub extern "C" fn heap_trace_init_tohost() -> EspErr {
    EspError::NotSupported.code()
}
