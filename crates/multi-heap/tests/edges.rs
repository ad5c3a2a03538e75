//! Smallest and odd regions, extreme sizes.

use crate::common::*;
use multi_heap::{Comprehensive, Heap, Light, NewHeapError, Offset, Poison, Request, Unpoisoned};

/// What the key of links takes of each heap.
const KEY_BYTES: u32 = if cfg!(feature = "encoded-links") {
    4
} else {
    0
};

fn smallest_region<P: Poison>() -> usize {
    let found = (0..1000).find(|&size| Region::new(size).try_heap::<P>().is_ok());
    found.unwrap()
}

fn registers_means_allocates<P: Poison>() {
    let smallest = smallest_region::<P>();
    for size in smallest..smallest + 300 {
        let mut region = Region::new(size);
        let mut heap = region.heap::<P>();
        assert_sound(&heap);
        let block =
            allocate(&mut heap, request(1)).unwrap_or_else(|| panic!("region of {size} bytes"));
        assert_sound(&heap);
        free(&mut heap, block);
        assert_sound(&heap);
    }
}

#[test]
fn the_smallest_region_that_registers_can_allocate() {
    registers_means_allocates::<Unpoisoned>();
    registers_means_allocates::<Light>();
    registers_means_allocates::<Comprehensive>();
    assert_eq!(smallest_region::<Unpoisoned>(), 64 + KEY_BYTES as usize);
    assert_eq!(smallest_region::<Light>(), 88 + KEY_BYTES as usize);
}

#[test]
fn a_region_that_is_too_small_says_what_it_needs() {
    for size in 0..64 {
        match Region::new(size).try_heap::<Unpoisoned>() {
            Err(NewHeapError::TooSmall { bytes, needed }) => {
                assert_eq!(bytes as usize, size & !3);
                assert!(needed > bytes);
                assert_eq!(needed, Heap::<Unpoisoned>::smallest_region_bytes());
            }
            other => panic!("{size}: {other:?}"),
        }
    }
}

#[test]
fn any_start_and_dirty_memory_will_do() {
    for lead in 0..9 {
        for dirt in [0, 0xFF, 0xA5] {
            for size in 300..310 {
                let mut region = Region::dirty(size, lead, dirt);
                let mut heap = region.heap::<Comprehensive>();
                assert_sound(&heap);
                let block = allocate(&mut heap, request(40)).unwrap();
                assert!(heap.pointer(block).addr().get().is_multiple_of(4));
                assert_sound(&heap);
            }
        }
    }
}

#[test]
fn zero_and_huge_sizes_are_no_requests() {
    for size in [
        0,
        usize::MAX,
        usize::MAX - 1,
        usize::MAX - 12,
        usize::MAX / 2,
        (1 << 30) + 1,
    ] {
        assert_eq!(Request::new(size), None, "{size}");
    }
    let mut region = Region::new(1024);
    let mut heap = region.heap::<Comprehensive>();
    for size in (1 << 30) - 40..=1 << 30 {
        assert_eq!(heap.allocate(request(size)), None);
    }
    assert_sound(&heap);
}

#[test]
fn only_powers_of_two_align() {
    for alignment in [0, 3, 5, 12, 100, usize::MAX, (1 << 28) + 1, 1 << 29] {
        assert_eq!(Request::aligned(16, alignment), None, "{alignment}");
    }
    for alignment in [1, 2, 4] {
        assert_eq!(
            Request::aligned(16, alignment).map(Request::alignment),
            Some(4)
        );
    }
    assert_eq!(
        Request::aligned_at(8, 16, 9),
        None,
        "an offset behind the end"
    );
}

#[test]
fn an_alignment_larger_than_the_heap_fails() {
    let mut region = Region::dirty(4096, 4, 0);
    let mut heap = region.heap::<Unpoisoned>();
    assert_eq!(heap.allocate(Request::aligned(16, 1 << 28).unwrap()), None);
    assert_sound(&heap);
}

#[test]
fn resizing_to_nothing_or_too_much_is_refused() {
    let mut region = Region::new(1024);
    let mut heap = region.heap::<Light>();
    let block = allocate(&mut heap, request(40)).unwrap();
    for size in [0, u32::MAX, u32::MAX - 12, (1 << 30) + 1, 1 << 30] {
        assert_eq!(heap.resize(block, size), Ok(false));
        assert_eq!(heap.grow_backward(block, size), Ok(None));
    }
    assert_eq!(heap.usable_size(block), Ok(40));
    assert_sound(&heap);
}

#[test]
fn a_full_heap_has_no_byte_left() {
    let mut region = Region::new(4096);
    let mut heap = region.heap::<Unpoisoned>();
    let mut blocks = 0;
    while heap.allocate(request(1)).is_some() {
        blocks += 1;
    }
    let info = heap.info();
    assert!(
        info.total_free_bytes < 4 && info.largest_free_block == 0,
        "{info:?}"
    );
    assert_eq!(info.allocated_blocks, blocks);
    assert_eq!(info.minimum_free_bytes, info.total_free_bytes);
    assert_sound(&heap);
}

/// Defects: 7822, 4316.
#[test]
fn the_control_structure_scales_with_the_region() {
    let control = |size: usize| Region::new(size).heap::<Unpoisoned>().control_bytes();
    // ESP-IDF at the same region sizes (header, control, pool overhead): 232, 352, 812, 2176 bytes.
    assert_eq!(
        [256, 4096, 65536, 4 << 20].map(control),
        [140 - KEY_BYTES, 296, 428, 620].map(|bytes| bytes + KEY_BYTES)
    );
}

#[test]
fn sixteen_byte_blocks_in_64_kib_are_as_many_as_in_the_c_heap() {
    // ESP-IDF's multi_heap on the same region: 3236, 1798 and 622 blocks.
    let count = |size| {
        let mut region = Region::new(65536);
        let mut heap: Heap = region.heap();
        core::iter::from_fn(|| heap.allocate(request(size))).count()
    };
    assert_eq!([16, 32, 100].map(count), [3255, 1808, 626]);
}

#[test]
fn a_size_is_worth_asking_for_until_it_was_refused_and_after_a_free() {
    let mut region = Region::new(2048);
    let mut heap = region.heap::<Unpoisoned>();
    let block = heap.allocate(request(400)).unwrap();
    assert!(heap.may_serve(500) && heap.can_allocate(request(500)));
    assert!(!heap.can_allocate(request(1500)));
    assert_eq!(heap.allocate(request(1500)), None);
    assert!(!heap.may_serve(1500), "it was in vain");
    assert_eq!(free(&mut heap, block), 400);
    assert!(heap.may_serve(1500) && heap.can_allocate(request(1500)));
    assert!(heap.allocate(request(1500)).is_some());
}

#[test]
fn what_can_be_freed_has_the_size_that_can_be_used() {
    fn freeable<P: Poison>() {
        let mut region = Region::new(1024);
        let mut heap = region.heap::<P>();
        let block = allocate(&mut heap, request(100)).unwrap();
        assert_eq!(heap.freeable_size(block), heap.usable_size(block));
        assert_eq!(heap.contents().pointer(block), Some(heap.pointer(block)));
        assert_eq!(heap.contents().pointer(Offset::new(4).unwrap()), None);
        free(&mut heap, block);
        assert_eq!(heap.freeable_size(block), heap.usable_size(block));
        assert!(heap.freeable_size(block).is_err());
    }
    freeable::<Unpoisoned>();
    freeable::<Light>();
    freeable::<Comprehensive>();
}

#[test]
fn the_larger_of_two_alignments_counts() {
    let alignment = |first, second| {
        let request = request(8).aligned_to(first).unwrap();
        request.aligned_to(second).unwrap().alignment()
    };
    assert_eq!([alignment(16, 64), alignment(64, 16)], [64, 64]);
    assert!(request(8).aligned_to(Request::MAX_ALIGNMENT).is_some());
    assert!(request(8).aligned_to(2 * Request::MAX_ALIGNMENT).is_none());
}

#[test]
fn a_plain_request_is_an_aligned_one_of_at_most_8() {
    let most = Request::MAX_SIZE as usize;
    for size in [0, 1, 7, 100, most - 1, most, most + 1, usize::MAX] {
        for alignment in (0..20).chain([64, usize::MAX]) {
            let expected = Request::aligned(size, alignment).filter(|_| alignment <= 8);
            assert_eq!(
                Request::plain(size, alignment),
                expected,
                "{size}, {alignment}"
            );
        }
        assert_eq!(Request::new(size), Request::aligned(size, 4), "{size}");
    }
    assert_eq!(Request::new(most).map(Request::size), Some(1 << 30));
    assert_eq!(Request::new(most + 1), None);
}

#[test]
fn sizes_are_rounded_up_and_grown_to_the_most_that_can_be_asked_for() {
    const MOST: u32 = Request::MAX_SIZE;
    let size_of = |request: Option<Request>| request.map(Request::size);
    for (size, multiple, rounded) in [
        (5, 0, None),
        (5, 1, Some(5)),
        (5, 4, Some(8)),
        (8, 8, Some(8)),
        (9, 32, Some(32)),
        (MOST - 1, 2, Some(MOST)),
        (MOST, 1, Some(MOST)),
        (MOST, 3, None),
        (7, u32::MAX, None),
    ] {
        let found = size_of(request(size).rounded_up_to(multiple));
        assert_eq!(found, rounded, "{size} to {multiple}");
    }
    for (size, bytes, grown) in [
        (5, 0, Some(5)),
        (5, 7, Some(12)),
        (MOST - 9, 9, Some(MOST)),
        (MOST - 9, 10, None),
        (9, u32::MAX - 3, None),
    ] {
        assert_eq!(
            size_of(request(size).grown_by(bytes)),
            grown,
            "{size} by {bytes}"
        );
    }
    let aligned = Request::aligned_at(40, 64, 9).unwrap();
    let rounded = aligned
        .rounded_up_to(32)
        .and_then(|request| request.grown_by(1));
    let kept = rounded.map(|request| (request.size(), request.alignment(), request.offset()));
    assert_eq!(kept, Some((65, 64, 12)));
}
