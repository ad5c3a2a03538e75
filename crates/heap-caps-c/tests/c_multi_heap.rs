//! Heaps in memory of the caller, by the functions of `multi_heap.h`.
//!
//! `cargo test --test c_multi_heap`, with `--features poison-light` or `--features
//! poison-comprehensive` for the other levels.

#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "the tests do what C programs do"
)]

use std::ffi::c_void;
use std::ptr::null_mut;

use heap_caps_c::CPoison;
use heap_caps_c::multi::*;
use multi_heap::Poison;

/// A heap that takes its memory with it.
struct Fixture {
    memory: Vec<u64>,
    heap: CHandle,
}

impl Fixture {
    fn new(bytes: usize) -> Self {
        let mut memory = vec![0xA5A5_A5A5_A5A5_A5A5_u64; bytes / 8];
        // SAFETY: the memory lives as long as the heap, and only the heap uses it.
        let heap = unsafe { multi_heap_register(memory.as_mut_ptr().cast(), bytes) };
        assert!(!heap.is_null());
        Self { memory, heap }
    }

    fn malloc(&self, size: usize) -> *mut u8 {
        // SAFETY: one thread.
        unsafe { multi_heap_malloc(self.heap, size) }.cast()
    }

    fn realloc(&self, block: *mut u8, size: usize) -> *mut u8 {
        // SAFETY: one thread, and the tests use the new block only.
        unsafe { multi_heap_realloc(self.heap, block.cast(), size) }.cast()
    }

    fn free(&self, block: *mut u8) {
        // SAFETY: one thread, and the tests don't use the block again.
        unsafe { multi_heap_free(self.heap, block.cast()) }
    }

    fn size(&self, block: *mut u8) -> usize {
        // SAFETY: one thread.
        unsafe { multi_heap_get_allocated_size(self.heap, block.cast()) }
    }

    fn is_sound(&self) -> bool {
        // SAFETY: one thread.
        unsafe { multi_heap_check(self.heap, false) }
    }

    fn free_size(&self) -> usize {
        // SAFETY: one thread.
        unsafe { multi_heap_free_size(self.heap) }
    }

    fn info(&self) -> CInfo {
        let mut info = CInfo::default();
        // SAFETY: one thread; the structure can be written.
        unsafe { multi_heap_get_info(self.heap, &raw mut info) };
        info
    }

    fn blocks(&self) -> Vec<(usize, bool)> {
        let mut blocks = Vec::<(usize, bool)>::new();
        // SAFETY: one thread; the visitor gets the list.
        unsafe { multi_heap_walk(self.heap, Some(note), (&raw mut blocks).cast()) };
        blocks
    }

    fn contains(&self, block: *mut u8) -> bool {
        let bytes = self.memory.as_ptr_range();
        (bytes.start.addr()..bytes.end.addr()).contains(&block.addr())
    }
}

unsafe extern "C" fn note(_: *mut c_void, size: usize, used: i32, list: *mut c_void) -> bool {
    // SAFETY: the fixture passes its list.
    unsafe { &mut *list.cast::<Vec<(usize, bool)>>() }.push((size, used != 0));
    true
}

fn fill(block: *mut u8, size: usize, byte: u8) {
    // SAFETY: the tests own `size` bytes there.
    unsafe { block.write_bytes(byte, size) };
}

fn starts_with(block: *const u8, size: usize, byte: u8) -> bool {
    // SAFETY: the tests own `size` bytes there.
    unsafe { std::slice::from_raw_parts(block, size) }
        .iter()
        .all(|&found| found == byte)
}

#[test]
fn figures_follow_one_block_there_and_back() {
    let heap = Fixture::new(4096);
    let before = heap.info();
    assert_eq!(
        [
            before.total_allocated_bytes,
            before.allocated_blocks,
            before.free_blocks
        ],
        [0, 0, 1]
    );
    assert_eq!(before.total_free_bytes, before.minimum_free_bytes);
    assert_eq!(before.total_free_bytes, before.largest_free_block);
    let block = heap.malloc(32);
    assert!(heap.contains(block));
    let during = heap.info();
    assert_eq!(
        [during.total_allocated_bytes, during.allocated_blocks],
        [32, 1]
    );
    assert!(during.minimum_free_bytes < before.minimum_free_bytes && during.minimum_free_bytes > 0);
    assert!(
        before.total_free_bytes - during.total_free_bytes > 32,
        "a block costs more than its bytes"
    );
    heap.free(block);
    let after = heap.info();
    assert_eq!(after.total_free_bytes, before.total_free_bytes);
    assert_eq!(after.minimum_free_bytes, during.minimum_free_bytes);
}

#[test]
fn half_of_the_heap_can_be_had_once() {
    let heap = Fixture::new(4096);
    let half = (heap.free_size() + 4) / 2;
    let block = heap.malloc(half);
    assert!(heap.size(block) >= half && heap.size(block) < half + 16);
    assert!(heap.malloc(half).is_null());
    heap.free(block);
    let again = heap.malloc(half);
    assert_eq!(again, block);
    heap.free(again);
}

#[test]
fn what_is_freed_is_taken_first_and_joined_at_once() {
    let heap = Fixture::new(4096);
    let free = heap.free_size();
    let first = heap.malloc(128);
    let second = heap.malloc(32);
    heap.free(first);
    let smaller = heap.malloc(64);
    assert_eq!(smaller, first);
    heap.free(smaller);
    let smallest = heap.malloc(32);
    assert_eq!(smallest, first);
    let info = heap.info();
    assert_eq!([info.allocated_blocks, info.free_blocks], [2, 2]);
    heap.free(smallest);
    heap.free(second);
    let info = heap.info();
    assert_eq!([info.allocated_blocks, info.free_blocks], [0, 1]);
    assert_eq!(heap.free_size(), free);
    assert!(heap.is_sound());
}

#[test]
fn a_block_moves_shrinks_in_place_and_grows_over_what_is_free_behind() {
    let heap = Fixture::new(4096);
    let a = heap.malloc(64);
    let b = heap.malloc(32);
    assert!(b > a);
    fill(a, 64, 0x5A);
    let c = heap.realloc(a, 72);
    assert!(c > b, "a moves behind b");
    assert!(starts_with(c, 64, 0x5A));
    assert_eq!(heap.realloc(c, 36), c, "shrinks where it lies");
    assert!(starts_with(c, 36, 0x5A));
    let e = heap.malloc(60);
    assert_eq!(e, a, "takes the place of a");
    heap.free(c);
    assert_eq!(heap.realloc(b, 64), b, "grows over the place of c");
    assert!(heap.realloc(e, 4097).is_null());
    heap.free(b);
    assert_eq!(heap.realloc(e, 128), e, "grows over the place of b");
    assert!(heap.is_sound());
}

#[test]
fn a_block_grows_downwards_where_only_there_is_room() {
    let heap = Fixture::new(4096);
    let below = heap.malloc(1000);
    let block = heap.malloc(1000);
    while !heap.malloc(8).is_null() {}
    fill(block, 1000, 0x3C);
    heap.free(below);
    let grown = heap.realloc(block, 1500);
    assert_eq!(grown, below);
    assert!(starts_with(grown, 1000, 0x3C));
    assert!(heap.size(grown) >= 1500);
    assert!(
        !heap.malloc(400).is_null(),
        "what is too much is free again"
    );
    assert!(heap.is_sound());
}

#[test]
fn null_and_zero_mean_malloc_free_and_nothing() {
    let heap = Fixture::new(4096);
    let free = heap.free_size();
    assert!(heap.malloc(0).is_null());
    let block = heap.realloc(null_mut(), 10);
    assert!(!block.is_null());
    assert!(heap.realloc(block, 0).is_null());
    assert_eq!(heap.free_size(), free, "size 0 gave the block back");
    heap.free(null_mut());
    for size in [
        usize::MAX,
        usize::MAX - 3,
        usize::MAX - 12,
        usize::MAX / 2,
        4096,
    ] {
        assert!(heap.malloc(size).is_null(), "{size:#x}");
    }
    // SAFETY: a null heap is nothing.
    unsafe {
        assert!(multi_heap_malloc(null_mut(), 8).is_null());
        multi_heap_free(null_mut(), null_mut());
        assert_eq!(multi_heap_free_size(null_mut()), 0);
        assert_eq!(multi_heap_minimum_free_size(null_mut()), 0);
    }
}

#[test]
fn alignments_are_powers_of_two_and_kept() {
    let heap = Fixture::new(4096);
    for alignment in 0..=256_usize {
        // SAFETY: one thread.
        let block = unsafe { multi_heap_aligned_alloc(heap.heap, alignment + 137, alignment) };
        assert_eq!(!block.is_null(), alignment.is_power_of_two(), "{alignment}");
        if !block.is_null() {
            assert!(block.addr().is_multiple_of(alignment));
            fill(block.cast(), alignment + 137, 0xA5);
            // SAFETY: one thread.
            unsafe { multi_heap_aligned_free(heap.heap, block) };
        }
    }
    // SAFETY: one thread.
    let block = unsafe { multi_heap_aligned_alloc_offs(heap.heap, 100, 64, 5) };
    assert!(
        (block.addr() + 8).is_multiple_of(64),
        "an offset counts as whole words"
    );
    assert!(heap.is_sound());
}

#[test]
fn any_start_and_size_will_do_and_what_is_too_small_is_null() {
    let mut memory = vec![0xFF_u8; 600];
    for start in 0..16 {
        for size in 0..500 {
            // SAFETY: the memory is the heap's until the next round.
            let heap = unsafe { multi_heap_register(memory.as_mut_ptr().add(start).cast(), size) };
            if size < 64 {
                assert!(heap.is_null(), "{size}");
            } else if size >= 160 {
                // SAFETY: one thread.
                let block = unsafe { multi_heap_malloc(heap, 16) };
                assert!(!block.is_null(), "{size} bytes from {start} on");
            }
        }
    }
    // SAFETY: null is no memory.
    assert!(unsafe { multi_heap_register(null_mut(), 4096) }.is_null());
}

#[test]
fn the_smallest_blocks_fill_the_heap_and_leave_it_as_it_was() {
    let heap = Fixture::new(4096);
    let free = heap.free_size();
    let blocks: Vec<_> =
        std::iter::from_fn(|| Some(heap.malloc(1)).filter(|b| !b.is_null())).collect();
    assert!(blocks.len() > 150 && blocks.len() < 512, "{}", blocks.len());
    assert!(heap.free_size() < free);
    let (even, odd) = (blocks.iter().step_by(2), blocks.iter().skip(1).step_by(2));
    for block in odd.chain(even) {
        heap.free(*block);
        assert!(heap.is_sound());
    }
    assert_eq!(heap.free_size(), free);
}

#[test]
fn minima_are_reset_and_restored() {
    let heap = Fixture::new(4096);
    let all = heap.free_size();
    heap.free(heap.malloc(1000));
    // SAFETY: one thread.
    unsafe {
        let low = multi_heap_reset_minimum_free_bytes(heap.heap);
        assert!(low < all - 1000 + 4);
        assert_eq!(multi_heap_minimum_free_size(heap.heap), all);
        multi_heap_restore_minimum_free_bytes(heap.heap, low);
        assert_eq!(multi_heap_minimum_free_size(heap.heap), low);
        multi_heap_restore_minimum_free_bytes(heap.heap, all);
        assert_eq!(multi_heap_minimum_free_size(heap.heap), low, "never raised");
    }
}

#[test]
fn a_walk_shows_every_block_in_order_and_stops_when_asked_to() {
    let heap = Fixture::new(4096);
    let blocks: Vec<_> = (0..20).map(|size| heap.malloc(8 + 4 * size)).collect();
    heap.free(blocks[3]);
    let shown = heap.blocks();
    assert_eq!(shown.len(), 21);
    for (index, (size, used)) in shown.iter().take(20).enumerate() {
        let expected = 8 + 4 * index + CPoison::OVERHEAD as usize;
        assert_eq!((*size, *used), (expected, index != 3));
    }
    assert!(!shown[20].1);
    unsafe extern "C" fn stop(_: *mut c_void, _: usize, _: i32, count: *mut c_void) -> bool {
        // SAFETY: the test passes its counter.
        let count = unsafe { &mut *count.cast::<usize>() };
        *count += 1;
        *count < 10
    }
    let mut count = 0_usize;
    // SAFETY: one thread; the visitor gets the counter.
    unsafe { multi_heap_walk(heap.heap, Some(stop), (&raw mut count).cast()) };
    assert_eq!(count, 10);
}

#[test]
fn blocks_can_be_visited_one_by_one_and_found_from_inside() {
    let heap = Fixture::new(4096);
    let [a, b, c] = [24, 4, 100].map(|size| heap.malloc(size));
    heap.free(b);
    // SAFETY: one thread.
    unsafe {
        let first = multi_heap_get_first_block(heap.heap);
        assert_eq!(multi_heap_get_block_address(first), a.cast());
        let second = multi_heap_get_next_block(heap.heap, first);
        assert_eq!(second, b.cast());
        let third = multi_heap_get_next_block(heap.heap, second);
        assert_eq!(third, c.cast());
        assert_eq!(
            [first, second, third].map(|block| multi_heap_is_free(block)),
            [false, true, false]
        );
        let rest = multi_heap_get_next_block(heap.heap, third);
        assert!(multi_heap_is_free(rest));
        assert!(multi_heap_get_next_block(heap.heap, rest).is_null());
        let inside = c.add(50).cast();
        assert_eq!(
            multi_heap_find_containing_block(heap.heap, inside),
            c.cast()
        );
        assert!(multi_heap_find_containing_block(heap.heap, b.cast()).is_null());
        let overhead = CPoison::OVERHEAD as usize;
        assert_eq!(
            multi_heap_get_full_block_size(heap.heap, c.cast()),
            100 + overhead
        );
    }
}

#[test]
fn pointers_that_are_no_blocks_change_nothing() {
    let heap = Fixture::new(4096);
    let block = heap.malloc(40);
    let keep = heap.malloc(40);
    heap.free(block);
    let info = heap.info();
    let mut outside = 0_u64;
    for wrong in [
        block,
        keep.wrapping_add(1),
        keep.wrapping_add(8),
        (&raw mut outside).cast(),
    ] {
        heap.free(wrong);
        assert!(heap.realloc(wrong, 80).is_null());
        assert_eq!(heap.size(wrong), 0);
        assert_eq!(heap.info(), info);
    }
    assert!(heap.is_sound());
}

#[test]
fn overruns_and_writes_after_free_are_found_by_the_level_that_can() {
    let heap = Fixture::new(4096);
    let block = heap.malloc(40);
    let other = heap.malloc(40);
    let poisoned = CPoison::OVERHEAD != 0;
    // SAFETY: a test of what a careless program does, inside of the heap's memory.
    let past = unsafe { &mut *block.add(40) };
    let kept = *past;
    if poisoned {
        *past ^= 1;
        assert!(!heap.is_sound());
        assert_eq!(heap.size(block), 0);
        *past = kept;
    }
    assert!(heap.is_sound());
    heap.free(block);
    // SAFETY: as above: behind the links of a free block.
    let freed = unsafe { &mut *block.add(20) };
    let kept = *freed;
    *freed ^= 1;
    assert_eq!(heap.is_sound(), !CPoison::FILLS);
    if CPoison::FILLS {
        assert!(heap.malloc(40).is_null() || !heap.is_sound());
    }
    *freed = kept;
    heap.free(other);
}

#[test]
fn poison_can_be_asked_for_byte_by_byte() {
    let heap = Fixture::new(4096);
    let block = heap.malloc(40);
    // SAFETY: one thread, and the payload of a block of the heap.
    unsafe {
        let head = if CPoison::OVERHEAD == 0 { 0 } else { 8 };
        let payload = block.sub(head).cast::<c_void>();
        let size = multi_heap_get_full_block_size(heap.heap, block.cast());
        assert!(multi_heap_internal_check_block_poisoning(
            payload, size, false, true
        ));
        if CPoison::OVERHEAD != 0 {
            block.add(41).write(0);
            assert!(!multi_heap_internal_check_block_poisoning(
                payload, size, false, false
            ));
        }
        let mut region = [0_u8; 16];
        multi_heap_internal_poison_fill_region(region.as_mut_ptr().cast(), 16, true);
        assert_eq!(region, [if CPoison::FILLS { 0xFE } else { 0 }; 16]);
        let region = region.as_mut_ptr();
        assert!(multi_heap_internal_check_block_poisoning(
            region.cast(),
            16,
            true,
            false
        ));
        region.add(9).write(1);
        let sound = multi_heap_internal_check_block_poisoning(region.cast(), 16, true, false);
        assert_eq!(sound, !CPoison::FILLS);
    }
}

#[test]
fn random_programs_keep_contents_and_free_everything() {
    for bytes in [4096, 15 * 1024, 255 * 1024] {
        let heap = Fixture::new(bytes);
        let free = heap.free_size();
        let mut blocks = [(null_mut::<u8>(), 0_usize); 64];
        let mut rng = 0x1234_5678_u32;
        let mut roll = move |below: u32| {
            rng ^= rng << 13;
            rng ^= rng >> 17;
            rng ^= rng << 5;
            (rng % below) as usize
        };
        for step in 0..4000 {
            let which = roll(64);
            let tag = u8::try_from(which).unwrap();
            let (block, size) = blocks[which];
            assert!(starts_with_if(block, size, tag), "step {step}");
            if roll(4) == 0 {
                let new_size = roll(1024);
                let new = heap.realloc(block, new_size);
                if new_size == 0 || !new.is_null() {
                    assert!(starts_with_if(new, size.min(new_size), tag), "step {step}");
                    blocks[which] = (new, new_size);
                }
            } else {
                heap.free(block);
                let size = roll(1024);
                let block = heap.malloc(size);
                blocks[which] = (block, if block.is_null() { 0 } else { size });
            }
            let (block, size) = blocks[which];
            if !block.is_null() {
                assert!(heap.contains(block) && heap.size(block) >= size);
                fill(block, size, tag);
            }
            assert!(heap.is_sound(), "step {step}");
        }
        blocks.iter().for_each(|(block, _)| heap.free(*block));
        assert_eq!(heap.free_size(), free);
    }
}

fn starts_with_if(block: *const u8, size: usize, byte: u8) -> bool {
    block.is_null() || starts_with(block, size, byte)
}

#[test]
fn a_heap_with_a_lock_is_shared_by_threads() {
    let heap = Fixture::new(64 * 1024);
    let free = heap.free_size();
    let mut lock = 0_u32;
    // SAFETY: before the threads.
    unsafe { multi_heap_set_lock(heap.heap, (&raw mut lock).cast()) };
    let handle = heap.heap.addr();
    let together = std::sync::Barrier::new(4);
    let together = &together;
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            scope.spawn(move || {
                together.wait();
                let heap: CHandle = std::ptr::with_exposed_provenance_mut(handle);
                for round in 1..20_000_usize {
                    // SAFETY: the heap has a lock.
                    unsafe {
                        let block = multi_heap_malloc(heap, round % 100 + 1).cast::<u8>();
                        fill(block, round % 100 + 1, thread);
                        let block = multi_heap_realloc(heap, block.cast(), round % 37 + 1);
                        assert!(starts_with(
                            block.cast(),
                            (round % 37 + 1).min(round % 100 + 1),
                            thread
                        ));
                        multi_heap_free(heap, block);
                    }
                }
            });
        }
    });
    assert_eq!(heap.free_size(), free);
    assert!(heap.is_sound());
}
