//! The names of 2016 as a C program of 2016 calls them.
//!
//! The shared heap is given its regions once, so this file is one program: it defines them, then
//! asks for memory in every way. (The other features are on in tests, so blocks by capability are
//! placed by today's rules; `tests/tagged.rs` has those of 2016.)
#![allow(
    clippy::unwrap_used,
    clippy::multiple_unsafe_ops_per_block,
    reason = "tests: helpers too, and calls of C with one contract"
)]

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use heap_caps_c as c;
use heap_caps_c::CPoison;
use heap_caps_c::legacy::*;
use multi_heap::Poison;
use soc_regions::Caps;

const KIB: usize = 1024;
const DRAM: c_int = 0;
const DIRAM: c_int = 1;
const IRAM: c_int = 2;
const PID3_DRAM: c_int = 10;
const CODE: u32 = 0x400B_0000;

const BIT8: u32 = Caps::BIT8.bits();
const BIT32: u32 = Caps::BIT32.bits();
const EXEC: u32 = Caps::EXEC.bits();

/// Memory for six regions of 4 KiB each, ascending.
struct Memory {
    first: *mut u8,
}

impl Memory {
    fn new() -> Self {
        let first = Vec::leak(vec![0_u64; 24 * KIB / 8]).as_mut_ptr().cast();
        Self { first }
    }

    fn piece(&self, number: usize) -> *mut u8 {
        self.first.wrapping_add(number * 4 * KIB)
    }

    /// In which piece a block lies.
    fn number(&self, block: *mut c_void) -> usize {
        (block.addr() - self.first.addr()) / (4 * KIB)
    }

    fn region(&self, number: usize, tag: c_int, code: u32) -> HeapRegionTagged {
        HeapRegionTagged {
            start: self.piece(number),
            size: 4 * KIB,
            tag,
            code,
        }
    }
}

const END: HeapRegionTagged = HeapRegionTagged {
    start: ptr::null_mut(),
    size: 0,
    tag: 0,
    code: 0,
};

fn define(table: &[HeapRegionTagged]) {
    // SAFETY: the table ends, and its memory is leaked: nobody else uses it.
    unsafe { define_heap_regions_tagged(table.as_ptr()) };
}

fn free(block: *mut c_void) {
    // SAFETY: nobody uses the block any more; an invalid pointer is reported.
    unsafe { port_free(block) };
}

static FAULTS: AtomicUsize = AtomicUsize::new(0);
static FAILURES: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn on_fault(_line: *const c_char) {
    FAULTS.fetch_add(1, Ordering::Relaxed);
}

unsafe extern "C" fn on_failed(_size: usize, _caps: u32, _function: *const c_char) {
    FAILURES.fetch_add(1, Ordering::Relaxed);
}

fn faults() -> usize {
    FAULTS.swap(0, Ordering::Relaxed)
}

fn failures() -> usize {
    FAILURES.swap(0, Ordering::Relaxed)
}

#[test]
fn a_program_of_2016_defines_its_regions_and_lives_from_them() {
    c::caps::heap_caps_register_fault_callback(Some(on_fault));
    c::caps::heap_caps_register_failed_alloc_callback(Some(on_failed));
    start_up_runs_what_the_rust_side_set();
    nothing_is_had_before_there_are_regions();
    let memory = Memory::new();
    tables_that_make_no_sense_are_reported_and_register_nothing(&memory);
    let mut table = [END; 7];
    for (number, tag, code) in [
        (0, DRAM, 0),
        (1, DRAM, 0),
        (2, DIRAM, CODE),
        (3, IRAM, 0),
        (4, -1, 0),
        (5, PID3_DRAM, 0),
    ] {
        table[number] = memory.region(number, tag, code);
    }
    define(&table);
    assert_eq!(faults(), 0);
    define(&table);
    assert_eq!(faults(), 1, "once only");

    a_tag_is_served_by_address(&memory);
    the_start_up_tag_waits_for_capabilities_only(&memory);
    processes_have_memory_of_their_own(&memory);
    code_comes_by_the_instruction_side();
    figures_count_any_capability_and_each_column();
    what_is_no_block_is_reported();
}

/// What `esp_ptr_dma_capable` of that generation compared with, which the feature alone exports.
#[test]
fn dma_reaches_what_it_reached_in_2016() {
    let reached = [0x3FFA_DFFF, 0x3FFA_E000, 0x3FFF_FFFF, 0x4000_0000];
    let answers = reached.map(|address| soc_regions::ESP32_V2_1.is_dma_capable(address));
    assert_eq!(answers, [false, true, true, false]);
}

fn start_up_runs_what_the_rust_side_set() {
    static STARTS: AtomicUsize = AtomicUsize::new(0);
    heap_alloc_caps_init();
    c::on_init(|| {
        STARTS.fetch_add(1, Ordering::Relaxed);
    });
    heap_alloc_caps_init();
    assert_eq!(STARTS.load(Ordering::Relaxed), 1);
}

fn nothing_is_had_before_there_are_regions() {
    assert!(port_malloc(8).is_null() && port_malloc_tagged(8, DRAM).is_null());
    assert_eq!(failures(), 2);
    assert_eq!(
        (
            port_get_free_heap_size(),
            port_get_free_heap_size_tagged(DRAM)
        ),
        (0, 0)
    );
    free(ptr::null_mut());
    // SAFETY: null is no array.
    unsafe { define_heap_regions_tagged(ptr::null()) };
    assert_eq!(faults(), 1);
}

fn tables_that_make_no_sense_are_reported_and_register_nothing(memory: &Memory) {
    let descending = [memory.region(1, DRAM, 0), memory.region(0, DRAM, 0), END];
    let overlapping = [
        HeapRegionTagged {
            size: 5 * KIB,
            ..memory.region(0, DRAM, 0)
        },
        memory.region(1, DRAM, 0),
        END,
    ];
    let unknown_tag = [memory.region(0, 16, 0), END];
    let unused = [memory.region(0, -1, 0), END];
    let nowhere = [
        HeapRegionTagged {
            start: ptr::null_mut(),
            ..memory.region(0, DRAM, 0)
        },
        END,
    ];
    for table in [
        &descending[..],
        &overlapping,
        &unknown_tag,
        &unused,
        &nowhere,
        &[END],
    ] {
        define(table);
        assert_eq!(
            (faults(), port_get_free_heap_size_tagged(DRAM)),
            (1, 0),
            "{table:?}"
        );
    }
}

fn a_tag_is_served_by_address(memory: &Memory) {
    let free_bytes = port_get_free_heap_size_tagged(DRAM);
    let blocks = [3 * KIB, 3 * KIB, 500].map(|size| port_malloc_tagged(size, DRAM));
    assert_eq!(blocks.map(|block| memory.number(block)), [0, 1, 0]);
    assert!(
        port_malloc_tagged(3 * KIB, DRAM).is_null(),
        "regions of one tag are not joined"
    );
    assert!(port_malloc_tagged(8, 7).is_null() && port_malloc_tagged(8, -1).is_null());
    assert_eq!(failures(), 3);
    assert!(port_malloc_tagged(0, DRAM).is_null());
    assert_eq!(failures(), 0, "nothing was asked for");
    blocks.into_iter().for_each(free);
    assert_eq!(port_get_free_heap_size_tagged(DRAM), free_bytes);
    let around = 4 + CPoison::OVERHEAD as usize; // header and canaries
    let lowest = free_bytes - 2 * (3 * KIB + around) - (500 + around);
    assert_eq!(port_get_minimum_ever_free_heap_size_tagged(DRAM), lowest);
}

fn the_start_up_tag_waits_for_capabilities_only(memory: &Memory) {
    let by_tag = port_malloc_tagged(16, DIRAM);
    assert_eq!(memory.number(by_tag), 2);
    // The regions that take bytes: DRAM twice, and that of process 3 in its second column.
    let served = |size| -> Vec<usize> {
        let blocks: Vec<_> = std::iter::repeat_with(|| port_malloc(size))
            .take_while(|block| !block.is_null())
            .collect();
        blocks.iter().for_each(|&block| free(block));
        blocks.iter().map(|&block| memory.number(block)).collect()
    };
    assert!(!served(3 * KIB).contains(&2));
    // SAFETY: nobody stands on these stacks.
    unsafe { heap_alloc_enable_nonos_stack_tag() };
    assert!(served(3 * KIB).contains(&2));
    failures();
    free(by_tag);
}

fn processes_have_memory_of_their_own(memory: &Memory) {
    let block = port_malloc_caps(8, Caps::PID3.bits() | BIT8);
    assert_eq!(memory.number(block), 5);
    // SAFETY: nobody uses the block any more.
    unsafe { port_free_tagged(block) };
    assert!(port_malloc_caps(8, Caps::PID4.bits()).is_null());
    assert!(port_malloc_caps(8, 0).is_null() && port_malloc_caps(8, EXEC | BIT8).is_null());
    failures();
}

fn code_comes_by_the_instruction_side() {
    let iram = port_get_free_heap_size_tagged(IRAM);
    let all_of_iram = port_malloc_tagged(iram, IRAM);
    let free_bytes = port_get_free_heap_size_tagged(DIRAM);
    let code = port_malloc_caps(6, EXEC);
    assert!(
        (CODE as usize..CODE as usize + 4 * KIB).contains(&code.addr()),
        "{code:?}"
    );
    assert_eq!(
        port_get_free_heap_size_tagged(DIRAM),
        free_bytes - 16 - CPoison::OVERHEAD as usize,
        "8 bytes, the way back, a header, canaries"
    );
    free(code);
    assert_eq!(port_get_free_heap_size_tagged(DIRAM), free_bytes);
    free(all_of_iram);
}

fn figures_count_any_capability_and_each_column() {
    let [dram, diram, iram, pid3] =
        [DRAM, DIRAM, IRAM, PID3_DRAM].map(|tag| port_get_free_heap_size_tagged(tag));
    assert_eq!(port_get_free_heap_size_caps(BIT8), dram + diram + pid3);
    assert_eq!(port_get_free_heap_size(), dram + diram + pid3);
    assert_eq!(
        port_get_free_heap_size_caps(BIT8 | BIT32),
        2 * (dram + diram + pid3) + iram,
        "once for each column"
    );
    let [dram, diram, pid3] =
        [DRAM, DIRAM, PID3_DRAM].map(|tag| port_get_minimum_ever_free_heap_size_tagged(tag));
    assert_eq!(port_get_minimum_ever_free_heap_size(), dram + diram + pid3);
    assert!(port_get_minimum_ever_free_heap_size_caps(BIT8) < port_get_free_heap_size());
}

fn what_is_no_block_is_reported() {
    let block = port_malloc(40);
    free(block);
    assert_eq!(faults(), 0);
    free(block);
    let mut foreign = 0_u64;
    free((&raw mut foreign).cast());
    assert_eq!(faults(), 2);
    assert_eq!(
        c::heap()
            .inspect()
            .locked(|heaps| heaps.check_integrity(Caps::INVALID)),
        Ok(())
    );
}
