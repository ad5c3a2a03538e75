//! Classes A, I and K in C: each name leads to the one place that checks sizes and reports events.
#![allow(
    clippy::unwrap_used,
    clippy::multiple_unsafe_ops_per_block,
    reason = "tests: helpers too, and programs of unsafe calls with one contract"
)]

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::{Mutex, MutexGuard, OnceLock};

use heap_caps_c::caps::*;
use heap_caps_c::heap;
use heap_caps_c::libc::*;
use heap_caps_c::plain::*;
use heap_caps_c::radio::*;
use heap_caps_c::trace::*;
use soc_regions::Caps;

const DEFAULT: u32 = Caps::DEFAULT.bits();

/// One test at a time on the one heap of the C names: 64 KiB.
fn alone() -> MutexGuard<'static, ()> {
    static HEAPS: OnceLock<Mutex<()>> = OnceLock::new();
    let heaps = HEAPS.get_or_init(|| {
        let columns = [
            Caps::BIT8 | Caps::DEFAULT | Caps::INTERNAL,
            Caps::DMA,
            Caps::empty(),
        ];
        let memory = vec![MaybeUninit::new(0xA5_u8); 64 * 1024].leak();
        heap().add_buffer(columns, memory).unwrap();
        Mutex::new(())
    });
    heaps.lock().unwrap_or_else(|broken| broken.into_inner())
}

const EMPTY: CRecord = CRecord {
    ccount: 0,
    address: null_mut(),
    size: 0,
    freed: false,
    alloced_by: [null_mut(); 2],
    freed_by: [null_mut(); 2],
    list: [null_mut(); 2],
};

/// One block of 24 bytes by every name that C has for it.
fn by_every_name() -> Vec<*mut c_void> {
    let (mut posix, mut reent) = (null_mut(), MaybeUninit::<Reent>::zeroed());
    let reent = reent.as_mut_ptr();
    let choices = [DEFAULT];
    // SAFETY: places for results can be written, and there are as many choices as is said.
    unsafe {
        assert_eq!(posix_memalign(&raw mut posix, 32, 24), 0);
        vec![
            malloc(24),
            calloc(3, 8),
            realloc(null_mut(), 24),
            realloc(malloc(8), 24),
            memalign(32, 24),
            aligned_alloc(8, 24),
            posix,
            malloc_r(reent, 24),
            calloc_r(reent, 3, 8),
            realloc_r(reent, null_mut(), 24),
            memalign_r(reent, 32, 24),
            malloc_internal(24),
            calloc_internal(3, 8),
            realloc_internal(null_mut(), 24),
            heap_caps_malloc(24, DEFAULT),
            heap_caps_calloc(3, 8, DEFAULT),
            heap_caps_realloc(null_mut(), 24, DEFAULT),
            heap_caps_aligned_alloc(64, 24, DEFAULT),
            heap_caps_aligned_calloc(64, 3, 8, DEFAULT),
            heap_caps_malloc_prefer_array(24, 1, choices.as_ptr()),
            heap_caps_calloc_prefer_array(3, 8, 1, choices.as_ptr()),
            heap_caps_realloc_prefer_array(null_mut(), 24, 1, choices.as_ptr()),
            heap_caps_malloc_default(24),
            heap_caps_realloc_default(null_mut(), 24),
        ]
    }
}

/// Defects: 1652, 16980, 0716530, dd1dde5, 46fceb2.
#[test]
fn every_name_of_c_is_traced() {
    let _alone = alone();
    let records = vec![EMPTY; 64].leak();
    // SAFETY: the buffer lives for ever.
    let given = unsafe { heap_trace_init_standalone(records.as_mut_ptr(), 64) };
    assert_eq!(given, 0);
    assert_eq!(heap_trace_start(1), 0);
    let blocks = by_every_name();
    let mut traced: Vec<_> = (0..heap_trace_get_count())
        .map(|index| {
            let mut record = EMPTY;
            // SAFETY: it can be written.
            assert_eq!(unsafe { heap_trace_get(index, &raw mut record) }, 0);
            (record.address, record.size)
        })
        .collect();
    let mut expected: Vec<_> = blocks.iter().map(|&block| (block, 24)).collect();
    traced.sort_unstable();
    expected.sort_unstable();
    assert_eq!(traced, expected);
    let ways: [unsafe extern "C" fn(*mut c_void); 4] = [free, cfree, free_internal, heap_caps_free];
    for (block, free) in blocks.into_iter().zip(ways.into_iter().cycle()) {
        // SAFETY: the test's own block, freed once.
        unsafe { free(block) };
    }
    assert_eq!(heap_trace_get_count(), 0, "every free is seen, too");
    assert_eq!(heap_trace_stop(), 0);
}

/// Defects: 5550.
#[test]
fn a_resized_block_gets_its_own_bytes_and_none_of_its_neighbours() {
    let _alone = alone();
    for size in [1, 4, 13, 16, 100] {
        let [block, wall] = [malloc(size), malloc(64)].map(<*mut c_void>::cast::<u8>);
        // SAFETY: both are the test's, of these sizes.
        unsafe {
            block.write_bytes(0x11, size);
            wall.write_bytes(0xEE, 64);
            let grown = realloc(block.cast(), 2000).cast::<u8>();
            let bytes = std::slice::from_raw_parts(grown, 2000);
            assert!(bytes[..size].iter().all(|&byte| byte == 0x11));
            assert!(!bytes[size..].contains(&0xEE), "{size}");
            free(grown.cast());
            free(wall.cast());
        }
    }
}
