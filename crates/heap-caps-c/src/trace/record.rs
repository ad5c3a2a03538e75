//! The structures of `esp_heap_trace.h`.

use core::ffi::c_void;

/// `CONFIG_HEAP_TRACING_STACK_DEPTH`: callers of each allocation and free.
pub const DEPTH: usize = 2;

/// `heap_trace_record_t`: one allocation.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CRecord {
    /// The clock at the allocation; its lowest bit is the core.
    pub ccount: u32,
    /// The block.
    pub address: *mut c_void,
    /// Bytes asked for.
    pub size: usize,
    /// Whether it was freed.
    pub freed: bool,
    /// Call stack of the allocation, innermost first; null behind its end.
    pub alloced_by: [*mut c_void; DEPTH],
    /// Call stack of the free.
    pub freed_by: [*mut c_void; DEPTH],
    /// ESP-IDF's list; null here.
    pub list: [*mut c_void; 2],
}

/// `heap_trace_summary_t`: a trace in figures.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CSummary {
    /// `HEAP_TRACE_ALL` 0, `HEAP_TRACE_LEAKS` 1.
    pub mode: i32,
    /// Allocations recorded since the start.
    pub total_allocations: usize,
    /// Frees seen since the start.
    pub total_frees: usize,
    /// Records kept.
    pub count: usize,
    /// Records that there is room for.
    pub capacity: usize,
    /// The most records that there were.
    pub high_water_mark: usize,
    /// Whether records were given up.
    pub has_overflowed: usize,
}
