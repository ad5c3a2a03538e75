//! A library with tracing: the C names of [`heap_trace::Trace`].
//!
//! The caller's buffer of `heap_trace_record_t` becomes one of slots, which are no larger: as many
//! records as ESP-IDF would keep.

use core::ffi::c_void;

use heap_trace::{DumpFilter, MemoryKind, Mode, Record, Slot, State, Trace, TraceError};
use soc_regions::Caps;

use super::{CRecord, CSummary, DEPTH};
use crate::caps::{EspErr, EspError};
use crate::console::Console;
use crate::ffi;
use crate::heap::{CTraced, HEAP};
use crate::trace_context;

const _: () = assert!(size_of::<Slot<DEPTH>>() <= size_of::<CRecord>());
const _: () = assert!(align_of::<Slot<DEPTH>>() <= align_of::<CRecord>());

/// Gives the trace a buffer for `count` records. `ESP_ERR_INVALID_STATE` while it is started or
/// paused, `ESP_ERR_INVALID_ARG` without a record.
///
/// # Safety
/// - `buffer` is null, or has room for `count` records, and is the trace's until another buffer is
///   given.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_trace_init_standalone(buffer: *mut CRecord, count: usize) -> EspErr {
    let refused = |why| Err(why) as Result<(), TraceError>;
    if buffer.is_null() || count == 0 {
        let runs = tracing(|trace| matches!(trace.state(), State::Started | State::Paused));
        return answer(refused(if runs {
            TraceError::Running
        } else {
            TraceError::EmptyBuffer
        }));
    }
    // From here on nobody can start the trace, so nothing is recorded in `buffer` while it is
    // filled: it may be the one that the trace had.
    if let Err(running) = tracing(|trace| trace.take_buffer().map(|_| ())) {
        return answer(refused(running));
    }
    // SAFETY: the caller hands the buffer over, which is at least as large and as aligned as that
    // of slots.
    let slots = unsafe { ffi::array(buffer.cast(), count, Slot::EMPTY) };
    answer(tracing(|trace| trace.set_buffer(slots).map(|_| ())))
}

/// Begins a session: 0 keeps every allocation with its free, 1 those that were not freed.
/// `ESP_ERR_INVALID_STATE` without a buffer.
#[unsafe(no_mangle)]
pub extern "C" fn heap_trace_start(mode: i32) -> EspErr {
    let mode = match mode {
        0 => Mode::All,
        1 => Mode::Leaks,
        _ => return EspError::InvalidArg.code(),
    };
    answer(tracing(|trace| trace.start(mode)))
}

/// Ends recording; the records stay. `ESP_ERR_INVALID_STATE` if it is stopped.
#[unsafe(no_mangle)]
pub extern "C" fn heap_trace_stop() -> EspErr {
    answer(tracing(Trace::stop))
}

/// Records frees only. `ESP_ERR_INVALID_STATE` if it does so already.
#[unsafe(no_mangle)]
pub extern "C" fn heap_trace_alloc_pause() -> EspErr {
    answer(tracing(Trace::pause))
}

/// Goes on recording. `ESP_ERR_INVALID_STATE` if it is started already, or has no buffer.
#[unsafe(no_mangle)]
pub extern "C" fn heap_trace_resume() -> EspErr {
    answer(tracing(Trace::resume))
}

/// Returns how many records there are.
#[unsafe(no_mangle)]
pub extern "C" fn heap_trace_get_count() -> usize {
    tracing(|trace| trace.count())
}

/// Copies a record, counted from the oldest. `ESP_ERR_INVALID_ARG` behind the newest,
/// `ESP_ERR_INVALID_STATE` for null.
///
/// # Safety
/// - `record` is null or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_trace_get(index: usize, record: *mut CRecord) -> EspErr {
    if record.is_null() {
        return EspError::InvalidState.code();
    }
    let Some(found) = tracing(|trace| trace.get(index)) else {
        return EspError::InvalidArg.code();
    };
    // SAFETY: the caller keeps the same contract.
    unsafe { ffi::write_out(record, of(&found)) };
    EspError::Ok.code()
}

/// Writes all figures. `ESP_ERR_INVALID_ARG` for null.
///
/// # Safety
/// - `summary` is null or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heap_trace_summary(summary: *mut CSummary) -> EspErr {
    let figures = tracing(|trace| trace.summary());
    let figures_for_c = CSummary {
        mode: i32::from(figures.mode == Mode::Leaks),
        total_allocations: figures.total_allocations as usize, // widening
        total_frees: figures.total_frees as usize,             // widening
        count: figures.count,
        capacity: figures.capacity,
        high_water_mark: figures.high_water_mark,
        has_overflowed: usize::from(figures.has_overflowed()),
    };
    // SAFETY: the caller keeps the same contract.
    if unsafe { ffi::write_out(summary, figures_for_c) } {
        EspError::Ok.code()
    } else {
        EspError::InvalidArg.code()
    }
}

/// Prints all records and the figures. The lock is taken again for each line.
#[unsafe(no_mangle)]
pub extern "C" fn heap_trace_dump() {
    heap_trace_dump_caps((Caps::INTERNAL | Caps::SPIRAM).bits());
}

/// Prints the records of blocks in internal memory, in external memory, in both; with neither, of
/// blocks in other memory.
#[unsafe(no_mangle)]
pub extern "C" fn heap_trace_dump_caps(caps: u32) {
    let caps = Caps::from_bits_retain(caps);
    let shown = match (caps.contains(Caps::INTERNAL), caps.contains(Caps::SPIRAM)) {
        (true, true) => DumpFilter::All,
        (true, false) => DumpFilter::Only(MemoryKind::Internal),
        (false, true) => DumpFilter::Only(MemoryKind::External),
        (false, false) => DumpFilter::Only(MemoryKind::Other),
    };
    // The console never refuses.
    let _ = CTraced::dump_as(
        |look| tracing(|trace| look(trace)),
        shown,
        memory,
        |address| block(address).addr(),
        &mut Console,
    );
}

fn tracing<R>(work: impl FnOnce(&mut CTraced) -> R) -> R {
    HEAP.with_observer(|observer| work(&mut observer.0))
}

fn memory(address: u32) -> MemoryKind {
    let caps = HEAP
        .inspect()
        .locked(|heaps| heaps.heap_at(address).map(|heap| heap.caps));
    match caps {
        Some(caps) if caps.contains(Caps::SPIRAM) => MemoryKind::External,
        Some(caps) if caps.contains(Caps::INTERNAL) => MemoryKind::Internal,
        _ => MemoryKind::Other,
    }
}

fn of(record: &Record<DEPTH>) -> CRecord {
    CRecord {
        ccount: record.ticks | u32::from(record.core),
        address: block(record.address),
        size: record.size as usize, // widening
        freed: record.freed,
        alloced_by: record.allocated_by.map(code),
        freed_by: record.freed_by.map(code),
        list: [core::ptr::null_mut(); 2],
    }
}

/// Returns the block at an address of the heap.
fn block(address: u32) -> *mut c_void {
    let block = HEAP.inspect().locked(|heaps| heaps.pointer(address));
    block.map_or(pointer(address as usize), |block| block.as_ptr().cast()) // widening
}

/// Returns a return address; null where there was none.
fn code(address: u32) -> *mut c_void {
    match address {
        0 => core::ptr::null_mut(),
        _ => pointer(trace_context::pointer_of(address)),
    }
}

/// Returns what is to be shown and compared.
fn pointer(address: usize) -> *mut c_void {
    core::ptr::without_provenance_mut(address)
}

fn answer(done: Result<(), TraceError>) -> EspErr {
    let error = match done {
        Ok(()) => EspError::Ok,
        Err(TraceError::EmptyBuffer) => EspError::InvalidArg,
        Err(_) => EspError::InvalidState,
    };
    error.code()
}
