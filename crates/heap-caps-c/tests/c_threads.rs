//! C's functions on several cores at once: no fault is lost from their count, no trace is given a
//! buffer while it runs.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use core::ffi::{c_char, c_void};
use core::ptr::null_mut;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use heap_caps_c::caps::{
    heap_caps_free, heap_caps_get_fault_count, heap_caps_malloc, heap_caps_set_console,
    heap_caps_set_fault_action,
};
use heap_caps_c::heap;
use heap_caps_c::trace::{
    CRecord, heap_trace_get, heap_trace_init_standalone, heap_trace_start, heap_trace_stop,
};
use soc_regions::Caps;

const EMPTY: CRecord = CRecord {
    ccount: 0,
    address: null_mut(),
    size: 0,
    freed: false,
    alloced_by: [null_mut(); 2],
    freed_by: [null_mut(); 2],
    list: [null_mut(); 2],
};

fn free(block: *mut c_void) {
    // SAFETY: nobody uses the block; an invalid pointer is reported.
    unsafe { heap_caps_free(block) }
}

/// A console that shows nothing.
unsafe extern "C" fn silent(_: *const c_char, _: usize) {}

#[test]
fn faults_of_several_cores_are_all_counted() {
    const EACH: usize = 30_000;
    assert_eq!(heap_caps_set_fault_action(1), 0);
    heap_caps_set_console(Some(silent));
    let before = heap_caps_get_fault_count();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..EACH {
                    free(core::ptr::without_provenance_mut(0x10));
                }
            });
        }
    });
    assert_eq!(heap_caps_get_fault_count() - before, 4 * EACH);
}

/// One core sets the trace's buffer again and again, another one starts it.
#[test]
fn a_trace_that_runs_keeps_its_buffer() {
    const RECORDS: usize = 4096;
    let bytes = vec![MaybeUninit::new(0_u8); 16 * 1024].leak();
    let columns = [Caps::BIT8 | Caps::INTERNAL, Caps::empty(), Caps::empty()];
    heap().add_buffer(columns, bytes).unwrap();
    let buffer = vec![EMPTY; RECORDS].leak().as_mut_ptr().expose_provenance();
    // SAFETY: the buffer lives for ever, and is the trace's alone.
    let init = move || unsafe {
        heap_trace_init_standalone(core::ptr::with_exposed_provenance_mut(buffer), RECORDS)
    };
    assert_eq!(init(), 0);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                init();
            }
        });
        let (mut sessions, mut lost) = (0, 0);
        while sessions < 2000 {
            if heap_trace_start(1) != 0 {
                continue; // no buffer at this moment
            }
            let block = heap_caps_malloc(24, Caps::INTERNAL.bits());
            thread::yield_now();
            let mut record = EMPTY;
            // SAFETY: it can be written.
            let found = unsafe { heap_trace_get(0, &raw mut record) };
            lost += usize::from(found != 0 || record.address != block || record.size != 24);
            assert_eq!(heap_trace_stop(), 0);
            free(block);
            sessions += 1;
        }
        done.store(true, Ordering::Relaxed);
        assert_eq!(lost, 0, "of {sessions} sessions");
    });
}
