//! The shared heap as libc's and the radio libraries' allocator.
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    clippy::unwrap_used,
    reason = "the tests do what C programs do"
)]

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::{Mutex, MutexGuard, OnceLock};

use heap_caps_c::libc::*;
use heap_caps_c::plain::*;
use heap_caps_c::radio::*;
use heap_caps_c::{GlobalHeap, heap};
use soc_regions::Caps;

const ENOMEM: i32 = 12;
const EINVAL: i32 = 22;

/// One test at a time: 32 KiB of internal memory, 64 KiB of PSRAM.
fn alone() -> MutexGuard<'static, ()> {
    static HEAPS: OnceLock<Mutex<()>> = OnceLock::new();
    let heaps = HEAPS.get_or_init(|| {
        let internal = [
            Caps::BIT8 | Caps::DEFAULT,
            Caps::INTERNAL | Caps::DMA,
            Caps::empty(),
        ];
        let external = [Caps::SPIRAM | Caps::DEFAULT, Caps::BIT8, Caps::empty()];
        for (columns, kib) in [(internal, 32), (external, 64)] {
            let memory = vec![MaybeUninit::new(0xA5_u8); kib * 1024].leak();
            heap().add_buffer(columns, memory).unwrap();
        }
        Mutex::new(())
    });
    let guard = heaps.lock().unwrap_or_else(|broken| broken.into_inner());
    heap().set_external_threshold(None);
    guard
}

fn used() -> u32 {
    heap().inspect().info(Caps::empty()).allocated_blocks
}

fn is(block: *mut c_void, caps: Caps) -> bool {
    let address = heap()
        .inspect()
        .address_of(std::ptr::NonNull::new(block.cast()).unwrap());
    let view = heap()
        .inspect()
        .locked(|heaps| heaps.heap_at(address.unwrap()));
    view.unwrap().caps.contains(caps)
}

/// Defects: 18685.
#[test]
fn blocks_are_aligned_for_anything_of_their_size() {
    let _alone = alone();
    let blocks: Vec<_> = (1..200).map(|size| malloc(size)).collect();
    for (size, &block) in (1_usize..200).zip(&blocks) {
        let alignment = (1 << size.ilog2()).clamp(4, 16);
        assert!(block.addr().is_multiple_of(alignment), "{size}");
        assert!(malloc_usable_size(block) >= size);
        // SAFETY: the block has `size` bytes.
        unsafe { block.cast::<u8>().write_bytes(1, size) };
    }
    for block in blocks {
        // SAFETY: the test's block; it is freed once.
        unsafe {
            let block = realloc(block, 333);
            assert!(block.addr().is_multiple_of(16));
            free(block);
        }
    }
    assert_eq!(used(), 0);
}

#[test]
fn nulls_zeros_and_overflows_are_what_c_says() {
    let _alone = alone();
    assert!(malloc(0).is_null());
    assert!(calloc(usize::MAX / 2, 3).is_null());
    assert!(malloc(usize::MAX).is_null());
    assert_eq!(malloc_usable_size(null_mut()), 0);
    // SAFETY: null is no block, and what is freed is the test's.
    unsafe {
        free(null_mut());
        cfree(null_mut());
        let block = realloc(null_mut(), 20);
        assert!(reallocarray(block, usize::MAX / 2, 3).is_null());
        assert_eq!(used(), 1, "a refused block is as it was");
        let block = reallocarray(block, 10, 30);
        assert!(malloc_usable_size(block) >= 300);
        assert!(realloc(block, 0).is_null());
    }
    assert_eq!(used(), 0);
    assert_eq!((malloc_trim(0), mallopt(1, 2), mallopt(-6, 2)), (0, 1, 0));
}

#[test]
fn cleared_blocks_are_zero() {
    let _alone = alone();
    let block = calloc(100, 10).cast::<u8>();
    // SAFETY: the block has 1000 bytes, and is the test's.
    unsafe {
        assert!(
            std::slice::from_raw_parts(block, 1000)
                .iter()
                .all(|&byte| byte == 0)
        );
        free(block.cast());
    }
}

/// Defects: esp_alloc_03.
#[test]
fn aligned_blocks_and_their_errors() {
    let _alone = alone();
    for block in [memalign(256, 10), aligned_alloc(256, 10)] {
        assert!(block.addr().is_multiple_of(256));
        // SAFETY: the test's block.
        unsafe { free(block) };
    }
    assert!(memalign(24, 10).is_null() && memalign(0, 10).is_null());
    let untouched = std::ptr::without_provenance_mut::<c_void>(0x5A5A);
    let mut block = untouched;
    // SAFETY: the place can be written; blocks are the test's.
    unsafe {
        assert_eq!(posix_memalign(&raw mut block, 24, 10), EINVAL);
        assert_eq!(posix_memalign(&raw mut block, 2, 10), EINVAL);
        assert_eq!(posix_memalign(null_mut(), 64, 10), EINVAL);
        assert_eq!(posix_memalign(&raw mut block, 64, 1 << 20), ENOMEM);
        assert_eq!(block, untouched);
        assert_eq!(posix_memalign(&raw mut block, 64, 10), 0);
        assert!(block.addr().is_multiple_of(64));
        free(block);
        assert_eq!(posix_memalign(&raw mut block, 64, 0), 0);
        assert!(block.is_null());
        free(valloc(10));
        free(pvalloc(10));
    }
    assert_eq!(used(), 0);
}

#[test]
fn errno_is_where_the_program_says() {
    let _alone = alone();
    static mut NUMBER: i32 = 0;
    unsafe extern "C" fn location() -> *mut i32 {
        &raw mut NUMBER
    }
    heap_caps_set_errno_location(Some(location));
    assert!(malloc(0).is_null());
    // SAFETY: one test at a time.
    assert_eq!(unsafe { NUMBER }, 0, "nothing is no failure");
    assert!(malloc(1 << 20).is_null());
    // SAFETY: one test at a time.
    assert_eq!(unsafe { NUMBER }, ENOMEM);
    heap_caps_set_errno_location(None);
}

#[test]
fn the_reentrant_functions_name_their_caller() {
    let _alone = alone();
    let mut reent = [0_i32; 8];
    let caller = reent.as_mut_ptr().cast::<Reent>();
    // SAFETY: the structure begins with a number that can be written; blocks are the test's.
    unsafe {
        let block = malloc_r(caller, 10);
        let block = realloc_r(caller, block, 20);
        assert!(malloc_usable_size_r(caller, block) >= 20);
        free_r(caller, block);
        free_r(caller, calloc_r(caller, 3, 4));
        free_r(caller, memalign_r(caller, 64, 4));
        assert_eq!(caller.cast::<i32>().read(), 0);
        assert!(calloc_r(caller, usize::MAX, 2).is_null());
        assert_eq!(caller.cast::<i32>().read(), ENOMEM);
        assert!(malloc_r(null_mut(), 1 << 20).is_null(), "nobody to tell");
    }
    assert_eq!(used(), 0);
}

#[test]
fn the_threshold_decides_about_external_memory() {
    let _alone = alone();
    heap().set_external_threshold(Some(1000));
    let [small, large] = [1000, 1001].map(|size| malloc(size));
    assert!(is(small, Caps::INTERNAL) && is(large, Caps::SPIRAM));
    // SAFETY: the test's blocks.
    unsafe {
        free(small);
        free(large);
    }
}

#[test]
fn the_radio_gets_internal_memory_and_may_mix_its_functions() {
    let _alone = alone();
    heap().set_external_threshold(Some(0));
    let before = get_free_internal_heap_size();
    let block = malloc_internal(100);
    assert!(is(block, Caps::INTERNAL | Caps::DMA));
    assert!(get_free_internal_heap_size() <= before - 100);
    // SAFETY: the test's blocks, freed once each.
    unsafe {
        let block = realloc_internal(block, 3000);
        assert!(is(block, Caps::INTERNAL | Caps::DMA));
        free(block);
        let zeros = calloc_internal(10, 10).cast::<u8>();
        assert!(
            std::slice::from_raw_parts(zeros, 100)
                .iter()
                .all(|&byte| byte == 0)
        );
        free(zeros.cast());
        let external = malloc(64);
        assert!(is(external, Caps::SPIRAM));
        free_internal(external);
        assert!(calloc_internal(usize::MAX, 2).is_null());
        assert!(malloc_internal(1 << 20).is_null());
        free_internal(null_mut());
    }
    assert_eq!((used(), get_free_internal_heap_size()), (0, before));
}

#[test]
fn a_box_of_rust_and_a_block_of_c_share_one_heap() {
    use std::alloc::{GlobalAlloc, Layout};
    let _alone = alone();
    let layout = Layout::from_size_align(100, 8).unwrap();
    // SAFETY: the layout has a size; the blocks are the test's.
    unsafe {
        let rust = GlobalHeap.alloc(layout);
        let c = malloc(100);
        assert_eq!(used(), 2);
        let rust = GlobalHeap.realloc(rust, layout, 200);
        free(c);
        GlobalHeap.dealloc(rust, Layout::from_size_align(200, 8).unwrap());
        let zeros = GlobalHeap.alloc_zeroed(layout);
        assert_eq!(zeros.read(), 0);
        GlobalHeap.dealloc(zeros, layout);
    }
    assert_eq!(used(), 0);
}
