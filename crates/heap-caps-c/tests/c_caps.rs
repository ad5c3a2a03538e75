//! The shared heap by the functions of `esp_heap_caps.h` and `esp_heap_caps_init.h`, in memory of a
//! host.
//!
//! `cargo test --test c_caps`, with `--features poison-light` or `--features poison-comprehensive`
//! for the other levels.
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    clippy::unwrap_used,
    reason = "the tests do what C programs do"
)]

use std::ffi::{CStr, c_char, c_void};
use std::ptr::null_mut;
use std::sync::{Mutex, MutexGuard, OnceLock};

use heap_caps_c::caps::*;
use heap_caps_c::multi::CInfo;
use heap_caps_c::{CPoison, heap};
use multi_heap::Poison;
use soc_regions::Caps;

const EIGHT_BIT: u32 = Caps::BIT8.bits();
const WORDS: u32 = Caps::BIT32.bits();
const DMA: u32 = Caps::DMA.bits();
const SPIRAM: u32 = Caps::SPIRAM.bits();
const INTERNAL: u32 = Caps::INTERNAL.bits();
const DEFAULT: u32 = Caps::DEFAULT.bits();
const INVALID: u32 = Caps::INVALID.bits();
const EXEC: u32 = Caps::EXEC.bits();

const DRAM: [u32; 3] = [EIGHT_BIT | DEFAULT, INTERNAL | DMA | WORDS, 0];
const IRAM: [u32; 3] = [EXEC | WORDS | INTERNAL, 0, 0];
const PSRAM: [u32; 3] = [SPIRAM | DEFAULT, 0, EIGHT_BIT | WORDS];

fn add(caps: [u32; 3], memory: &mut [u64]) -> i32 {
    let bytes = memory.as_mut_ptr_range();
    let bounds = [bytes.start, bytes.end].map(|end| end.expose_provenance().cast_signed());
    // SAFETY: the tests leak what they add, and do not touch it.
    unsafe { heap_caps_add_region_with_caps(caps.as_ptr(), bounds[0], bounds[1]) }
}

/// One test at a time on the one heap: 32 KiB DRAM, 16 KiB IRAM, 64 KiB PSRAM.
fn alone() -> MutexGuard<'static, ()> {
    static HEAPS: OnceLock<Mutex<()>> = OnceLock::new();
    let heaps = HEAPS.get_or_init(|| {
        for (caps, kib) in [(DRAM, 32), (IRAM, 16), (PSRAM, 64)] {
            assert_eq!(add(caps, vec![0_u64; kib * 128].leak()), 0);
        }
        Mutex::new(())
    });
    let guard = heaps.lock().unwrap_or_else(|broken| broken.into_inner());
    heap_caps_malloc_extmem_enable(usize::MAX);
    heap_caps_register_alloc_hooks(None, None);
    heap_caps_register_fault_callback(None);
    heap_caps_register_failed_alloc_callback(Some(on_failed));
    heap_caps_set_console(Some(on_text));
    reported().clear();
    guard
}

fn free(pointer: *mut c_void) {
    // SAFETY: the tests free what they own, or what shall be refused.
    unsafe { heap_caps_free(pointer) }
}

fn has(pointer: *mut c_void, caps: u32) -> bool {
    let heaps = heap();
    let address = heaps
        .inspect()
        .address_of(std::ptr::NonNull::new(pointer.cast()).unwrap());
    let view = heaps
        .inspect()
        .locked(|heaps| heaps.heap_at(address.unwrap()));
    view.unwrap().caps.bits() & caps == caps
}

fn reported() -> MutexGuard<'static, Vec<String>> {
    static REPORTED: Mutex<Vec<String>> = Mutex::new(Vec::new());
    REPORTED.lock().unwrap_or_else(|broken| broken.into_inner())
}

unsafe extern "C" fn on_failed(size: usize, caps: u32, name: *const c_char) {
    // SAFETY: a name is a string.
    let name = unsafe { CStr::from_ptr(name) }.to_str().unwrap();
    reported().push(format!("{name}({size}, {caps:#x})"));
}

unsafe extern "C" fn on_alloc(pointer: *mut c_void, size: usize, caps: u32) {
    reported().push(format!("+{:x} {size} {caps:#x}", pointer.addr()));
}

unsafe extern "C" fn on_free(pointer: *mut c_void) {
    reported().push(format!("-{:x}", pointer.addr()));
}

unsafe extern "C" fn on_fault(line: *const c_char) {
    // SAFETY: a line is a string.
    let line = unsafe { CStr::from_ptr(line) }.to_str().unwrap();
    reported().push(format!("fault: {line}"));
}

unsafe extern "C" fn on_text(text: *const c_char, length: usize) {
    // SAFETY: text of this length.
    let text = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), length) };
    reported().push(String::from_utf8(text.to_vec()).unwrap());
}

#[test]
fn each_capability_finds_its_memory() {
    let _alone = alone();
    for (caps, expected) in [
        (EIGHT_BIT, INTERNAL | DMA),
        (DMA, INTERNAL | DMA),
        (WORDS, EXEC),
        (SPIRAM, SPIRAM),
        (EXEC, EXEC),
        (INTERNAL | EIGHT_BIT, DMA),
    ] {
        let block = heap_caps_malloc(100, caps);
        assert!(has(block, caps | expected), "{caps:#x}");
        assert!(heap_caps_get_allocated_size(block) >= 100);
        free(block);
    }
    assert_eq!(*reported(), [""; 0]);
}

#[test]
fn what_means_nothing_is_null_and_reported() {
    let _alone = alone();
    for caps in [0, INVALID, EXEC | EIGHT_BIT, EXEC | DMA, 1 << 29] {
        assert!(heap_caps_malloc(16, caps).is_null());
        assert_eq!(
            reported().pop(),
            Some(format!("heap_caps_malloc(16, {caps:#x})"))
        );
    }
    for size in [usize::MAX, usize::MAX - 11, usize::MAX / 2] {
        assert!(heap_caps_malloc(size, EIGHT_BIT).is_null());
        assert_eq!(
            reported().pop(),
            Some(format!("heap_caps_malloc({size}, 0x4)"))
        );
    }
    assert!(heap_caps_malloc_base(1 << 20, EIGHT_BIT).is_null());
    assert!(heap_caps_calloc_base(1 << 10, 1 << 10, EIGHT_BIT).is_null());
    assert!(heap_caps_aligned_alloc_base(64, 1 << 20, EIGHT_BIT).is_null());
    assert_eq!(*reported(), [""; 0], "the base functions tell nobody");
}

#[test]
fn size_zero_is_no_request_and_calls_no_callback() {
    let _alone = alone();
    assert!(heap_caps_malloc(0, EIGHT_BIT).is_null());
    assert!(heap_caps_malloc(0, 0).is_null());
    assert!(heap_caps_calloc(0, 10, EIGHT_BIT).is_null());
    assert!(heap_caps_calloc(10, 0, EIGHT_BIT).is_null());
    for alignment in [0, 3, 24] {
        assert!(heap_caps_aligned_alloc(alignment, 16, EIGHT_BIT).is_null());
    }
    assert!(heap_caps_aligned_alloc(16, 0, EIGHT_BIT).is_null());
    free(null_mut());
    assert_eq!(heap_caps_get_allocated_size(null_mut()), 0);
    assert_eq!(*reported(), [""; 0]);
}

#[test]
fn products_that_overflow_are_reported_as_such() {
    let _alone = alone();
    assert!(heap_caps_calloc(usize::MAX / 2, 3, EIGHT_BIT).is_null());
    let all = usize::MAX;
    assert_eq!(
        reported().pop(),
        Some(format!("heap_caps_calloc({all}, 0x4)"))
    );
    assert!(heap_caps_aligned_calloc(8, usize::MAX / 2, 3, EIGHT_BIT).is_null());
    assert_eq!(
        reported().pop(),
        Some(format!("heap_caps_aligned_calloc({all}, 0x4)"))
    );
    // SAFETY: the list has two masks.
    let block = unsafe {
        heap_caps_calloc_prefer_array(usize::MAX / 2, 3, 2, [EIGHT_BIT, SPIRAM].as_ptr())
    };
    assert!(block.is_null());
    assert_eq!(
        reported().pop(),
        Some(format!("heap_caps_calloc_prefer({all}, 0x400)"))
    );
}

#[test]
fn zeroed_memory_is_zero_and_aligned_memory_aligned() {
    let _alone = alone();
    let dirty = heap_caps_malloc(4000, EIGHT_BIT);
    // SAFETY: the block has 4000 bytes.
    unsafe { dirty.cast::<u8>().write_bytes(0xFF, 4000) };
    free(dirty);
    for alignment in [4, 16, 128, 1024] {
        let block = heap_caps_aligned_calloc(alignment, 100, 10, EIGHT_BIT);
        assert!(block.addr().is_multiple_of(alignment));
        // SAFETY: the block has 1000 bytes.
        let bytes = unsafe { std::slice::from_raw_parts(block.cast::<u8>(), 1000) };
        assert!(bytes.iter().all(|&byte| byte == 0));
        // SAFETY: it is the test's.
        unsafe { heap_caps_aligned_free(block) };
    }
}

#[test]
fn resizing_keeps_contents_moves_between_memories_and_frees_for_zero() {
    let _alone = alone();
    let block = heap_caps_malloc(100, EIGHT_BIT | INTERNAL).cast::<u8>();
    // SAFETY: the blocks have the sizes that they were asked for.
    unsafe {
        block.write_bytes(7, 100);
        let moved = heap_caps_realloc(block.cast(), 300, SPIRAM).cast::<u8>();
        assert!(has(moved.cast(), SPIRAM));
        assert!(
            std::slice::from_raw_parts(moved, 100)
                .iter()
                .all(|&byte| byte == 7)
        );
        assert!(heap_caps_realloc(moved.cast(), 1 << 20, SPIRAM).is_null());
        assert_eq!(
            reported().pop(),
            Some("heap_caps_realloc(1048576, 0x400)".into())
        );
        assert!(heap_caps_realloc_base(moved.cast(), 1 << 20, SPIRAM).is_null());
        assert!(
            std::slice::from_raw_parts(moved, 100)
                .iter()
                .all(|&byte| byte == 7)
        );
        let stays = heap_caps_realloc(moved.cast(), 50, 0);
        assert!(has(stays, SPIRAM), "no capabilities: memory like its own");
        assert!(heap_caps_realloc(stays, 0, SPIRAM).is_null());
        let fresh = heap_caps_realloc(null_mut(), 10, DMA);
        assert!(has(fresh, DMA));
        free(fresh);
    }
    assert_eq!(*reported(), [""; 0]);
    assert_eq!(figures(0).allocated_blocks, 0);
}

#[test]
fn preferences_are_tried_in_order_and_fail_once() {
    let _alone = alone();
    let lists: [(&[u32], u32); 3] = [
        (&[SPIRAM, INTERNAL], SPIRAM),
        (&[Caps::RTCRAM.bits(), DMA], DMA),
        (&[INVALID, EXEC | EIGHT_BIT, SPIRAM], SPIRAM),
    ];
    // SAFETY: the lists have as many masks as is said.
    unsafe {
        for (list, expected) in lists {
            let block = heap_caps_malloc_prefer_array(64, list.len(), list.as_ptr());
            assert!(has(block, expected));
            let resized = heap_caps_realloc_prefer_array(block, 128, list.len(), list.as_ptr());
            assert!(has(resized, expected));
            free(resized);
        }
        assert_eq!(*reported(), [""; 0]);
        let list = [DMA, SPIRAM];
        assert!(heap_caps_malloc_prefer_array(1 << 20, 2, list.as_ptr()).is_null());
        assert_eq!(*reported(), ["heap_caps_malloc_prefer(1048576, 0x400)"]);
        reported().clear();
        assert!(heap_caps_malloc_prefer_array(8, 0, list.as_ptr()).is_null());
        assert_eq!(
            reported().pop(),
            Some(format!("heap_caps_malloc_prefer(8, {DEFAULT:#x})"))
        );
        assert!(heap_caps_malloc_prefer_array(0, 2, list.as_ptr()).is_null());
        assert!(heap_caps_realloc_prefer_array(null_mut(), 1 << 20, 2, list.as_ptr()).is_null());
        assert_eq!(*reported(), ["heap_caps_realloc_prefer(1048576, 0x400)"]);
    }
}

#[test]
fn malloc_is_internal_below_the_threshold_and_external_above() {
    let _alone = alone();
    let is_external = |size| {
        let block = heap_caps_malloc_default(size);
        let external = has(block, SPIRAM);
        free(block);
        external
    };
    assert!(!is_external(16));
    assert!(
        heap_caps_malloc_default(40_000).is_null(),
        "never external before"
    );
    assert_eq!(
        reported().pop(),
        Some(format!("heap_caps_malloc_default(40000, {DEFAULT:#x})"))
    );
    heap_caps_malloc_extmem_enable(1000);
    assert!(!is_external(1000));
    assert!(is_external(1001));
    heap_caps_malloc_extmem_enable(0);
    assert!(is_external(16));
    let block = heap_caps_aligned_alloc_default(64, 16);
    assert!(has(block, SPIRAM));
    heap_caps_malloc_extmem_enable(1000);
    // SAFETY: the block is the test's.
    let block = unsafe { heap_caps_realloc_default(block, 2000) };
    assert!(has(block, SPIRAM));
    free(block);
}

#[test]
fn hooks_hear_each_block_once_with_the_size_asked_for() {
    let _alone = alone();
    heap_caps_register_alloc_hooks(Some(on_alloc), Some(on_free));
    let a = heap_caps_malloc(5, EIGHT_BIT);
    let b = heap_caps_calloc(3, 7, DMA);
    let c = heap_caps_aligned_alloc(64, 9, SPIRAM);
    // SAFETY: the list has two masks, and blocks are the test's.
    let (d, e) = unsafe {
        let d = heap_caps_malloc_prefer_array(11, 2, [Caps::RTCRAM.bits(), SPIRAM].as_ptr());
        (d, heap_caps_realloc(a, 600, EIGHT_BIT))
    };
    assert!(heap_caps_malloc(0, EIGHT_BIT).is_null());
    assert!(heap_caps_malloc_base(1 << 20, EIGHT_BIT).is_null());
    for block in [b, c, d, e, null_mut()] {
        free(block);
    }
    let line = |block: *mut c_void, size, caps| format!("+{:x} {size} {caps:#x}", block.addr());
    let gone = |block: *mut c_void| format!("-{:x}", block.addr());
    let expected = [
        line(a, 5, EIGHT_BIT),
        line(b, 21, DMA),
        line(c, 9, SPIRAM),
        line(d, 11, SPIRAM),
        gone(a),
        line(e, 600, EIGHT_BIT),
        gone(b),
        gone(c),
        gone(d),
        gone(e),
    ];
    assert_eq!(*reported(), expected);
}

#[test]
fn pointers_that_are_no_blocks_are_reported_and_change_nothing() {
    let _alone = alone();
    heap_caps_register_fault_callback(Some(on_fault));
    let block = heap_caps_malloc(40, EIGHT_BIT);
    let twice = heap_caps_malloc(40, EIGHT_BIT);
    free(twice);
    let before = (figures(0), heap_caps_get_fault_count());
    let mut local = 0_u64;
    let outside = (&raw mut local).cast::<c_void>();
    reported().clear();
    for (wrong, why) in [
        (twice, "already free"),
        (block.wrapping_byte_add(4), "no allocated block begins here"),
        (block.wrapping_byte_add(1), "not a multiple of 4"),
        (outside, "not in any heap"),
    ] {
        free(wrong);
        let line = reported()
            .iter()
            .find(|line| line.starts_with("fault: heap fault: free of 0x"))
            .cloned();
        assert!(line.unwrap().contains(why), "{:?}", reported());
        reported().clear();
        // SAFETY: refused.
        assert!(unsafe { heap_caps_realloc(wrong, 80, EIGHT_BIT) }.is_null());
        assert_eq!(heap_caps_get_allocated_size(wrong), 0);
        reported().clear();
    }
    assert_eq!(
        (figures(0), heap_caps_get_fault_count()),
        (before.0, before.1 + 12)
    );
    free(block);
}

fn figures(caps: u32) -> CInfo {
    let mut info = CInfo::default();
    // SAFETY: it can be written.
    unsafe { heap_caps_get_info(&raw mut info, caps) };
    info
}

#[test]
fn figures_are_sums_and_the_largest_block_can_be_had() {
    let _alone = alone();
    assert_eq!(heap_caps_get_total_size(INTERNAL), (32 + 16) * 1024);
    assert_eq!(heap_caps_get_total_size(0), (32 + 16 + 64) * 1024);
    assert_eq!(heap_caps_get_total_size(INVALID), 0);
    let free_now = heap_caps_get_free_size(DMA);
    assert_eq!(figures(DMA).total_free_bytes, free_now);
    let largest = heap_caps_get_largest_free_block(DMA);
    assert!(heap_caps_malloc(largest + 1, DMA).is_null());
    let all = heap_caps_malloc(largest, DMA);
    assert!(heap_caps_get_minimum_free_size(DMA) <= free_now - largest);
    assert_eq!(
        heap_caps_get_containing_block_size(all.wrapping_byte_add(100)),
        heap_caps_get_allocated_size(all)
    );
    free(all);
    assert_eq!(heap_caps_get_free_size(DMA), free_now);
    assert_eq!(
        esp_get_free_heap_size() as usize,
        heap_caps_get_free_size(DEFAULT)
    );
    let internal = heap_caps_get_free_size(EIGHT_BIT | DMA | INTERNAL);
    assert_eq!(esp_get_free_internal_heap_size() as usize, internal);
    let minimum = heap_caps_get_minimum_free_size(DEFAULT);
    assert_eq!(esp_get_minimum_free_heap_size() as usize, minimum);
    // SAFETY: null is no place.
    unsafe { heap_caps_get_info(null_mut(), 0) };
}

#[test]
fn monitoring_is_a_parenthesis() {
    let _alone = alone();
    assert_eq!(heap_caps_monitor_local_minimum_free_size_stop(), -1);
    free(heap_caps_malloc(20_000, SPIRAM));
    let lowest = heap_caps_get_minimum_free_size(SPIRAM);
    assert_eq!(heap_caps_monitor_local_minimum_free_size_start(), 0);
    assert_eq!(
        heap_caps_get_minimum_free_size(SPIRAM),
        heap_caps_get_free_size(SPIRAM)
    );
    free(heap_caps_malloc(100, SPIRAM));
    assert!(heap_caps_get_minimum_free_size(SPIRAM) > lowest);
    assert_eq!(
        heap_caps_monitor_local_minimum_free_size_start(),
        0,
        "restarts"
    );
    assert_eq!(heap_caps_monitor_local_minimum_free_size_stop(), 0);
    assert_eq!(heap_caps_get_minimum_free_size(SPIRAM), lowest);
}

#[test]
fn a_walk_shows_blocks_and_goes_on_with_the_next_heap() {
    let _alone = alone();
    let blocks = [12, 200, 33].map(|size| heap_caps_malloc(size, SPIRAM));
    unsafe extern "C" fn first_used(
        heap: heap_caps_c::signatures::CWalkedHeap,
        block: heap_caps_c::signatures::CWalkedBlock,
        seen: *mut c_void,
    ) -> bool {
        assert!(block.pointer.addr().cast_signed() > heap.start);
        assert!(block.pointer.addr().wrapping_add(block.size).cast_signed() <= heap.end);
        // SAFETY: the test passes its list; a visitor may use the heap.
        unsafe { &mut *seen.cast::<Vec<(usize, bool)>>() }.push((block.size, block.used));
        free(heap_caps_malloc(8, DMA));
        block.used
    }
    let mut seen = Vec::<(usize, bool)>::new();
    // SAFETY: the visitor gets the list.
    unsafe { heap_caps_walk(SPIRAM, Some(first_used), (&raw mut seen).cast()) };
    let shown = |size: usize| size.next_multiple_of(4) + CPoison::OVERHEAD as usize;
    assert_eq!(seen[..3], [12, 200, 33].map(|size| (shown(size), true)));
    assert_eq!((seen.len(), seen[3].1), (4, false));
    seen.clear();
    // SAFETY: as above.
    unsafe { heap_caps_walk_all(Some(first_used), (&raw mut seen).cast()) };
    let unused = seen.iter().filter(|(_, used)| !used).count();
    assert_eq!(
        unused, 3,
        "each of three heaps ended with its first free block"
    );
    blocks.into_iter().for_each(free);
}

#[test]
fn texts_read_as_esp_idfs() {
    let _alone = alone();
    let block = heap_caps_malloc(100, SPIRAM);
    heap_caps_dump(SPIRAM);
    let dump = std::mem::take(&mut *reported()).concat();
    let lines: Vec<_> = dump.lines().collect();
    assert!(lines[0].starts_with("Showing data for heap: 0x"));
    // A walk shows what stands behind the header: with canaries, two words in front of the bytes.
    let (shown, size) = match CPoison::OVERHEAD {
        0 => (block, 100),
        overhead => (block.wrapping_byte_sub(8), 100 + overhead),
    };
    assert_eq!(
        lines[1],
        format!("Block {shown:p} data, size: {size} bytes, Free: No ")
    );
    assert!(lines[2].ends_with("bytes, Free: Yes "));
    heap_caps_dump_all();
    assert_eq!(
        std::mem::take(&mut *reported())
            .concat()
            .matches("Showing data")
            .count(),
        3
    );
    heap_caps_print_heap_info(SPIRAM);
    let summary = std::mem::take(&mut *reported()).concat();
    let lines: Vec<_> = summary.lines().collect();
    assert_eq!(lines[0], "Heap summary for capabilities 0x00000400:");
    assert!(lines[1].starts_with("  At 0x") && lines[1].contains(" len 65536 free "));
    assert!(
        lines[2].starts_with("    largest_free_block ")
            && lines[2].contains(" alloc_blocks 1 free_blocks 1 ")
    );
    assert_eq!(lines[3], "  Totals:");
    assert!(lines[4].starts_with("    free "));
    free(block);
}

#[test]
fn a_check_finds_an_overrun_where_there_are_canaries() {
    let _alone = alone();
    assert!(heap_caps_check_integrity_all(true));
    assert!(heap_caps_check_integrity(SPIRAM, true));
    assert!(
        heap_caps_check_integrity(1 << 29, true),
        "nothing matches, nothing is wrong"
    );
    let block = heap_caps_malloc(20, SPIRAM);
    let address = block.addr().cast_signed();
    assert!(heap_caps_check_integrity_addr(address, true));
    assert!(!heap_caps_check_integrity_addr(8, true), "in no heap");
    assert_eq!(*reported(), [""; 0]);
    if CPoison::OVERHEAD != 0 {
        // SAFETY: a test of what a careless program does, inside of the heap's memory.
        let past = unsafe { &mut *block.cast::<u8>().add(20) };
        *past ^= 1;
        assert!(!heap_caps_check_integrity(SPIRAM, true));
        assert!(
            reported()
                .concat()
                .contains("CORRUPT HEAP: bad tail canary")
        );
        reported().clear();
        assert!(!heap_caps_check_integrity_addr(address, false));
        assert!(heap_caps_check_integrity(DMA, true));
        free(block);
        assert!(reported().concat().contains("free of 0x"), "refused");
        *past ^= 1;
    }
    free(block);
    assert_eq!(figures(SPIRAM).allocated_blocks, 0);
}

#[test]
fn regions_are_refused_with_esp_idfs_numbers() {
    let _alone = alone();
    let mut memory = vec![0_u64; 512];
    let start = memory.as_mut_ptr().expose_provenance().cast_signed();
    let with = |caps: *const u32, start, end| {
        // SAFETY: refused before the memory is touched.
        unsafe { heap_caps_add_region_with_caps(caps, start, end) }
    };
    assert_eq!(with(std::ptr::null(), start, start + 4096), 0x102);
    assert_eq!(with(DRAM.as_ptr(), 0, start), 0x102);
    assert_eq!(with(DRAM.as_ptr(), start, 0), 0x102);
    assert_eq!(with(DRAM.as_ptr(), start, start), 0x102);
    assert_eq!(with(DRAM.as_ptr(), start + 8, start), 0x102);
    assert_eq!(with([0; 3].as_ptr(), start, start + 4096), 0x102);
    assert_eq!(with(DRAM.as_ptr(), start, start + 40), 0x104, "too small");
    assert_eq!(
        with(DRAM.as_ptr(), start + 1, start + 7),
        0x104,
        "no whole word"
    );
    let dram = heap_caps_malloc(16, DMA).addr().cast_signed();
    assert_eq!(
        with(DRAM.as_ptr(), dram - 4, dram + 4096),
        -1,
        "overlaps a heap"
    );
    free(std::ptr::with_exposed_provenance_mut(dram.cast_unsigned()));
    // SAFETY: refused.
    unsafe {
        assert_eq!(heap_caps_add_region(0, 4096), 0x102);
        assert_eq!(
            heap_caps_add_region(0x3FFB_0000, 0x3FFC_0000),
            0x105,
            "no chip here"
        );
        heap_caps_enable_nonos_stack_heaps();
        heap_caps_init();
        assert_eq!(soc_get_available_memory_regions(null_mut()), 0);
    }
    assert_eq!(soc_get_available_memory_region_max_count(), 0);
    assert_eq!(heap_caps_register_failed_alloc_callback(None), 0x102);
}

#[test]
fn a_pointers_heap_has_the_capabilities_of_its_memory() {
    let _alone = alone();
    let [dram, iram, psram] = [DMA, EXEC, SPIRAM].map(|caps| heap_caps_malloc(16, caps));
    let local = 0_u32;
    let nothing = (&raw const local).cast();
    for (ask, expected) in [
        (
            esp_ptr_dma_capable as extern "C" fn(*const c_void) -> bool,
            [true, false, false],
        ),
        (esp_ptr_executable, [false, true, false]),
        (esp_ptr_byte_accessible, [true, false, true]),
        (esp_ptr_internal, [true, true, false]),
        (esp_ptr_external_ram, [false, false, true]),
        (esp_ptr_in_dram, [true, false, false]),
        (esp_ptr_in_iram, [false, true, false]),
        (esp_ptr_word_aligned, [true, true, true]),
    ] {
        assert_eq!([dram, iram, psram].map(|pointer| ask(pointer)), expected);
        assert!(!ask(nothing) || expected == [true; 3]);
    }
    assert!(esp_dram_match_iram() && esp_rtc_dram_match_rtc_iram());
    assert!(esp_ptr_diram_dram_to_iram(dram).is_null());
    [dram, iram, psram].into_iter().for_each(free);
}

#[test]
fn names_of_2016_are_those_of_today() {
    let _alone = alone();
    #[cfg(not(feature = "c-abi-legacy"))]
    {
        let block = port_malloc_caps(100, DMA);
        assert!(has(block, DMA));
        assert_eq!(
            port_get_free_heap_size_caps(DMA),
            heap_caps_get_free_size(DMA)
        );
        let minimum = port_get_minimum_ever_free_heap_size_caps(DMA);
        assert_eq!(minimum, heap_caps_get_minimum_free_size(DMA));
        free(block);
    }
}
