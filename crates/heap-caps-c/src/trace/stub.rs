//! A library without tracing.

use super::{CRecord, CSummary};
use crate::caps::{EspErr, EspError};

const NONE: EspErr = EspError::NotSupported.code();

/// There is no trace.
#[unsafe(no_mangle)]
pub extern "C" fn heap_trace_init_standalone(_buffer: *mut CRecord, _count: usize) -> EspErr {
    NONE
}

/// There is no trace.
#[unsafe(no_mangle)]
pub extern "C" fn heap_trace_start(_mode: i32) -> EspErr {
    NONE
}

/// There is no trace.
#[unsafe(no_mangle)]
pub extern "C" fn heap_trace_stop() -> EspErr {
    NONE
}

/// There is no trace.
#[unsafe(no_mangle)]
pub extern "C" fn heap_trace_alloc_pause() -> EspErr {
    NONE
}

/// There is no trace.
#[unsafe(no_mangle)]
pub extern "C" fn heap_trace_resume() -> EspErr {
    NONE
}

/// There are no records.
#[unsafe(no_mangle)]
pub extern "C" fn heap_trace_get_count() -> usize {
    0
}

/// There are no records.
#[unsafe(no_mangle)]
pub extern "C" fn heap_trace_get(_index: usize, _record: *mut CRecord) -> EspErr {
    NONE
}

/// There are no figures.
#[unsafe(no_mangle)]
pub extern "C" fn heap_trace_summary(_summary: *mut CSummary) -> EspErr {
    NONE
}

/// Prints that there is no trace.
#[unsafe(no_mangle)]
pub extern "C" fn heap_trace_dump() {
    crate::console::Console.print(format_args!("no data, heap tracing is disabled.\n"));
}

/// Prints that there is no trace.
#[unsafe(no_mangle)]
pub extern "C" fn heap_trace_dump_caps(_caps: u32) {
    heap_trace_dump();
}
