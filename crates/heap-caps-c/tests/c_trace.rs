//! The trace of the shared heap by the functions of `esp_heap_trace.h`.
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    clippy::unwrap_used,
    reason = "the tests do what C programs do"
)]

use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::{Mutex, MutexGuard, OnceLock};

use heap_caps_c::caps::*;
use heap_caps_c::heap;
use heap_caps_c::trace::*;
use heap_caps_c::trace_context::{heap_caps_register_build, heap_caps_register_trace_context};
use soc_regions::Caps;

const INTERNAL: u32 = Caps::INTERNAL.bits();
const SPIRAM: u32 = Caps::SPIRAM.bits();
const ALL: i32 = 0;
const LEAKS: i32 = 1;
const INVALID_ARG: i32 = 0x102;
const INVALID_STATE: i32 = 0x103;

const EMPTY: CRecord = CRecord {
    ccount: 0,
    address: null_mut(),
    size: 0,
    freed: false,
    alloced_by: [null_mut(); 2],
    freed_by: [null_mut(); 2],
    list: [null_mut(); 2],
};

/// One test at a time, the trace stopped, with a buffer for eight records.
fn alone() -> MutexGuard<'static, ()> {
    static HEAPS: OnceLock<Mutex<()>> = OnceLock::new();
    let heaps = HEAPS.get_or_init(|| {
        for (memory, kib) in [(Caps::INTERNAL, 16), (Caps::SPIRAM, 16)] {
            let bytes = vec![MaybeUninit::new(0_u8); kib * 1024].leak();
            let columns = [Caps::BIT8 | memory, Caps::empty(), Caps::empty()];
            heap().add_buffer(columns, bytes).unwrap();
        }
        Mutex::new(())
    });
    let guard = heaps.lock().unwrap_or_else(|broken| broken.into_inner());
    heap_trace_stop();
    let buffer = vec![EMPTY; 8].leak();
    // SAFETY: the buffer lives for ever.
    let given = unsafe { heap_trace_init_standalone(buffer.as_mut_ptr(), 8) };
    assert_eq!(given, 0);
    guard
}

fn free(block: *mut c_void) {
    // SAFETY: the tests' blocks.
    unsafe { heap_caps_free(block) }
}

fn record(index: usize) -> CRecord {
    let mut record = EMPTY;
    // SAFETY: it can be written.
    assert_eq!(unsafe { heap_trace_get(index, &raw mut record) }, 0);
    record
}

fn summary() -> CSummary {
    let mut summary = CSummary::default();
    // SAFETY: it can be written.
    assert_eq!(unsafe { heap_trace_summary(&raw mut summary) }, 0);
    summary
}

#[test]
fn leaks_remain_and_what_is_freed_goes() {
    let _alone = alone();
    assert_eq!(heap_trace_start(LEAKS), 0);
    let kept = heap_caps_malloc(96, INTERNAL);
    free(heap_caps_calloc(3, 5, SPIRAM));
    let aligned = heap_caps_aligned_alloc(64, 10, SPIRAM);
    assert_eq!(heap_trace_get_count(), 2);
    assert_eq!((record(0).address, record(0).size), (kept, 96));
    assert_eq!((record(1).address, record(1).size), (aligned, 10));
    // SAFETY: null can't be written, and there is no third record.
    unsafe {
        assert_eq!(heap_trace_get(2, &mut EMPTY.clone()), INVALID_ARG);
        assert_eq!(heap_trace_get(0, null_mut()), INVALID_STATE);
        assert_eq!(heap_trace_summary(null_mut()), INVALID_ARG);
    }
    let figures = summary();
    assert_eq!(
        (figures.mode, figures.total_allocations, figures.total_frees),
        (LEAKS, 3, 1)
    );
    assert_eq!(
        (figures.count, figures.capacity),
        (2, 8),
        "as many records as ESP-IDF"
    );
    free(kept);
    free(aligned);
    assert_eq!(heap_trace_get_count(), 0);
}

#[test]
fn every_allocation_is_kept_with_its_free_and_its_moment() {
    let _alone = alone();
    unsafe extern "C" fn ticks() -> u32 {
        0x1234_5678
    }
    unsafe extern "C" fn core() -> u32 {
        1
    }
    unsafe extern "C" fn callers(stack: *mut u32, room: usize) -> usize {
        assert_eq!(room, DEPTH);
        // SAFETY: there is room for two.
        unsafe { stack.write(0x400D_0010) };
        1
    }
    heap_caps_register_trace_context(Some(ticks), Some(core), Some(callers));
    assert_eq!(heap_trace_start(ALL), 0);
    free(heap_caps_malloc(8, INTERNAL));
    let record = record(0);
    assert_eq!(
        (record.ccount, record.size, record.freed),
        (0x1234_5679, 8, true)
    );
    let stack = [0x400D_0010, 0].map(std::ptr::without_provenance_mut);
    assert_eq!((record.alloced_by, record.freed_by), (stack, stack));
    heap_caps_register_trace_context(None, None, None);
}

/// What C's console gets of it.
fn printed(print: impl FnOnce()) -> String {
    static TEXT: Mutex<String> = Mutex::new(String::new());
    unsafe extern "C" fn write(text: *const c_char, length: usize) {
        // SAFETY: text of this length.
        let text = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), length) };
        TEXT.lock()
            .unwrap()
            .push_str(std::str::from_utf8(text).unwrap());
    }
    heap_caps_set_console(Some(write));
    print();
    heap_caps_set_console(None);
    std::mem::take(&mut *TEXT.lock().unwrap())
}

#[test]
fn a_dump_says_which_build_it_is_of() {
    static SHA256: [u8; 32] = [0x5A; 32];
    let _alone = alone();
    assert_eq!(heap_trace_start(LEAKS), 0);
    assert!(!printed(|| heap_trace_dump()).contains("build"));
    // SAFETY: a static.
    unsafe { heap_caps_register_build(Some(&SHA256)) };
    let text = printed(|| heap_trace_dump());
    // SAFETY: null.
    unsafe { heap_caps_register_build(None) };
    let line = format!("program build: {}", "5a".repeat(32));
    assert!(text.contains(&line), "{text}");
}

#[test]
fn a_reallocation_that_fails_keeps_the_record() {
    let _alone = alone();
    assert_eq!(heap_trace_start(LEAKS), 0);
    let block = heap_caps_malloc(100, INTERNAL);
    // SAFETY: the test's block.
    unsafe {
        assert!(heap_caps_realloc(block, 1 << 20, INTERNAL).is_null());
        assert_eq!((heap_trace_get_count(), record(0).size), (1, 100));
        let block = heap_caps_realloc(block, 200, SPIRAM);
        assert_eq!((heap_trace_get_count(), record(0).size), (1, 200));
        assert_eq!(record(0).address, block);
        free(block);
    }
}

#[test]
fn sessions_are_started_paused_resumed_and_stopped() {
    let _alone = alone();
    assert_eq!(heap_trace_stop(), INVALID_STATE, "is stopped");
    assert_eq!(heap_trace_start(7), INVALID_ARG);
    assert_eq!(heap_trace_start(LEAKS), 0);
    let mut other = EMPTY;
    // SAFETY: refused before the buffer is touched.
    let init = |buffer, count| unsafe { heap_trace_init_standalone(buffer, count) };
    assert_eq!(init(&raw mut other, 1), INVALID_STATE);
    let block = heap_caps_malloc(8, INTERNAL);
    assert_eq!(heap_trace_alloc_pause(), 0);
    assert_eq!(heap_trace_alloc_pause(), INVALID_STATE);
    let unseen = heap_caps_malloc(8, INTERNAL);
    assert_eq!(heap_trace_get_count(), 1);
    free(block);
    assert_eq!(heap_trace_get_count(), 0);
    assert_eq!(heap_trace_resume(), 0);
    assert_eq!(heap_trace_resume(), INVALID_STATE);
    free(unseen);
    assert_eq!(heap_trace_stop(), 0);
    assert_eq!(init(null_mut(), 8), INVALID_ARG);
    assert_eq!(init(&raw mut other, 0), INVALID_ARG);
    assert_eq!(heap_trace_init_tohost(), 0x106);
}

#[test]
fn a_dump_reads_as_esp_idfs_and_can_be_of_one_kind_of_memory() {
    let _alone = alone();
    assert_eq!(heap_trace_start(LEAKS), 0);
    let blocks = [heap_caps_malloc(24, INTERNAL), heap_caps_malloc(32, SPIRAM)];
    let dump = printed(|| heap_trace_dump());
    assert!(
        dump.starts_with("====== Heap Trace: 2 records (8 capacity) ======\n"),
        "{dump}"
    );
    assert!(dump.contains(", Internal) allocated CPU 0") && dump.contains(",    PSRAM) allocated"));
    assert!(dump.contains("56 bytes 'leaked' in trace (2 allocations)\n"));
    let dump = printed(|| heap_trace_dump_caps(INTERNAL));
    assert!(dump.contains("24 bytes 'leaked' in trace (1 allocations)\n"));
    let dump = printed(|| heap_trace_dump_caps(SPIRAM));
    assert!(dump.contains("32 bytes 'leaked' in trace (1 allocations)\n"));
    blocks.into_iter().for_each(free);
}
