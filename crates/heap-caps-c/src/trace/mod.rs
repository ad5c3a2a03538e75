//! `esp_heap_trace.h`: who allocated what, and did not free it.
//!
//! The trace itself is an observer of [`heap_trace`]; here are its C names. Without the feature
//! `heap-tracing` there is none, and the functions say `ESP_ERR_NOT_SUPPORTED`.

#[cfg(not(feature = "heap-tracing"))]
mod absent;
#[cfg(feature = "heap-tracing")]
mod present;
mod record;

#[cfg(not(feature = "heap-tracing"))]
pub use absent::*;
#[cfg(feature = "heap-tracing")]
pub use present::*;
pub use record::{CRecord, CSummary, DEPTH};

use crate::caps::{EspErr, EspError};

/// Events are not sent to a host by this function: see the event stream of `heap-trace`.
#[unsafe(no_mangle)]
pub extern "C" fn heap_trace_init_tohost() -> EspErr {
    EspError::NotSupported.code()
}
