//! Single operations on drawn heaps.

use crate::common::*;
use multi_heap::{
    Comprehensive, CorruptionKind, Heap, Info, Light, Misuse, Moved, Offset, Refused, Request,
    Unpoisoned,
};

/// A region whose blocks have exactly 256 bytes in all.
fn region_of_256() -> Region {
    let mut probe = Region::new(1024);
    let control = probe.heap::<Unpoisoned>().control_bytes();
    let size = (control + 256) as usize;
    let mut region = Region::new(size);
    // A smaller region needs fewer lists, so approach the size from above.
    while region.heap::<Unpoisoned>().info().total_free_bytes > 252 {
        let smaller = region.bytes().len() - 4;
        region = Region::new(smaller);
    }
    region
}

fn taken<const N: usize>(heap: &mut Heap, sizes: [u32; N]) -> [Offset; N] {
    sizes.map(|size| allocate(heap, request(size)).unwrap())
}

#[test]
fn a_fresh_heap_is_one_free_block() {
    let mut region = region_of_256();
    let heap = region.heap::<Unpoisoned>();
    assert_eq!(drawing(&heap), "[256 free]");
    assert_eq!(heap.info().total_free_bytes, 252);
    assert_eq!(heap.info().largest_free_block, 252);
    assert_sound(&heap);
}

#[test]
fn blocks_are_taken_from_the_start_and_cost_four_bytes_each() {
    let mut region = region_of_256();
    let mut heap = region.heap();
    taken(&mut heap, [1, 4, 5, 12, 100]);
    assert_eq!(
        drawing(&heap),
        "[8 used][8 used][12 used][16 used][104 used][108 free]"
    );
}

#[test]
fn exact_sizes_are_kept() {
    for size in [100, 129, 300, 1000, 1541, 3000] {
        let mut region = Region::new(8192);
        let mut heap = region.heap::<Unpoisoned>();
        let block = allocate(&mut heap, request(size)).unwrap();
        assert_eq!(heap.usable_size(block), Ok(size.next_multiple_of(4)));
    }
}

#[test]
fn freeing_between_two_free_blocks_leaves_one() {
    let mut region = region_of_256();
    let mut heap = region.heap();
    let [a, b, c, _d] = taken(&mut heap, [20, 20, 20, 20]);
    free(&mut heap, a);
    assert_eq!(
        drawing(&heap),
        "[24 free][24 used][24 used][24 used][160 free]"
    );
    free(&mut heap, c);
    assert_eq!(
        drawing(&heap),
        "[24 free][24 used][24 free][24 used][160 free]"
    );
    free(&mut heap, b);
    assert_eq!(drawing(&heap), "[72 free][24 used][160 free]");
    assert_sound(&heap);
}

#[test]
fn small_free_blocks_join_too() {
    // Free blocks of 4, 8 and 12 bytes have forms of their own: every pair of them must find each
    // other.
    for (first, second) in [
        (4, 4),
        (4, 8),
        (8, 8),
        (12, 8),
        (8, 12),
        (12, 12),
        (16, 4),
        (4, 16),
    ] {
        let mut region = region_of_256();
        let mut heap = region.heap();
        let [a, b, _c] = taken(&mut heap, [first, second, 20]);
        free(&mut heap, a);
        assert_sound(&heap);
        free(&mut heap, b);
        assert_sound(&heap);
        let joined = first + second + 8;
        assert_eq!(
            drawing(&heap),
            format!("[{joined} free][24 used][{} free]", 232 - joined)
        );
    }
}

#[test]
fn a_rest_of_one_word_waits_for_its_neighbour() {
    let mut region = region_of_256();
    let mut heap = region.heap();
    let [a, b, _c] = taken(&mut heap, [20, 20, 20]);
    free(&mut heap, a);
    taken(&mut heap, [16]);
    assert_eq!(
        drawing(&heap),
        "[20 used][4 free][24 used][24 used][184 free]"
    );
    assert_sound(&heap);
    free(&mut heap, b);
    assert_eq!(drawing(&heap), "[20 used][28 free][24 used][184 free]");
    assert_sound(&heap);
}

/// Defects: 81d3779.
#[test]
fn a_freed_block_serves_the_same_size_again() {
    let mut region = Region::new(4096);
    let mut heap = region.heap();
    for size in 1..900 {
        let [a, _wall] = taken(&mut heap, [size, 1]);
        let fill = heap.info().largest_free_block;
        let rest = allocate(&mut heap, request(fill)).unwrap();
        free(&mut heap, a);
        assert_eq!(allocate(&mut heap, request(size)), Some(a), "size {size}");
        free(&mut heap, rest);
        heap = region.heap();
    }
}

#[test]
fn the_smallest_list_that_fits_is_used_before_the_large_block() {
    let mut region = region_of_256();
    let mut heap = region.heap();
    let [a, _, b, _] = taken(&mut heap, [40, 4, 20, 4]);
    free(&mut heap, a);
    free(&mut heap, b);
    assert_eq!(taken(&mut heap, [20]), [b]);
    assert_eq!(taken(&mut heap, [24]), [a]);
}

#[test]
fn shrinking_frees_the_tail() {
    let mut region = region_of_256();
    let mut heap = region.heap();
    let [a, b] = taken(&mut heap, [60, 20]);
    assert_eq!(heap.resize(a, 20), Ok(true));
    assert_eq!(drawing(&heap), "[24 used][40 free][24 used][168 free]");
    assert_eq!(heap.resize(b, 4), Ok(true));
    assert_eq!(
        drawing(&heap),
        "[24 used][40 free][8 used][184 free]",
        "the tail joins the free block behind"
    );
    assert_eq!(heap.resize(a, 17), Ok(true));
    assert_sound(&heap);
}

#[test]
fn growing_takes_from_the_free_block_behind() {
    let mut region = region_of_256();
    let mut heap = region.heap();
    let [a, b, _] = taken(&mut heap, [20, 60, 20]);
    free(&mut heap, b);
    assert_eq!(heap.resize(a, 40), Ok(true));
    assert_eq!(drawing(&heap), "[44 used][44 free][24 used][144 free]");
    assert_eq!(heap.resize(a, 84), Ok(true));
    assert_eq!(drawing(&heap), "[88 used][24 used][144 free]");
    assert_eq!(heap.resize(a, 88), Ok(false));
    assert_sound(&heap);
}

#[test]
fn growing_backward_takes_what_is_below_and_what_is_needed_behind() {
    let mut region = region_of_256();
    let mut heap = region.heap();
    let [a, b, c, _] = taken(&mut heap, [60, 20, 20, 20]);
    free(&mut heap, a);
    free(&mut heap, c);
    assert_eq!(
        drawing(&heap),
        "[64 free][24 used][24 free][24 used][120 free]"
    );
    assert_eq!(
        heap.grow_backward(b, 112),
        Ok(None),
        "64 + 24 + 24 bytes are too few"
    );
    assert_eq!(
        heap.grow_backward(b, 60),
        Ok(None),
        "the free block below has room for the whole"
    );
    assert_eq!(
        heap.grow_backward(b, 100),
        Ok(Some(Moved { to: a, bytes: 20 }))
    );
    assert_eq!(drawing(&heap), "[104 used][8 free][24 used][120 free]");
    assert_sound(&heap);
}

#[test]
fn a_block_that_grew_backward_keeps_its_old_end_until_it_is_resized() {
    let mut region = region_of_256();
    let mut heap = region.heap();
    let [a, b, _] = taken(&mut heap, [36, 60, 20]);
    free(&mut heap, a);
    assert_eq!(
        heap.grow_backward(b, 72),
        Ok(Some(Moved { to: a, bytes: 60 }))
    );
    assert_eq!(drawing(&heap), "[104 used][24 used][128 free]");
    assert_sound(&heap);
    assert_eq!(heap.resize(a, 72), Ok(true));
    assert_eq!(drawing(&heap), "[76 used][28 free][24 used][128 free]");
    assert_sound(&heap);
}

#[test]
fn reallocation_keeps_the_contents_wherever_it_moves() {
    let mut region = region_of_256();
    let mut heap = region.heap();
    let [a, b, _wall] = taken(&mut heap, [60, 19, 20]);
    write(&heap, b, 19, 7);
    free(&mut heap, a);
    let down = heap.reallocate(b, request(70)).unwrap().unwrap();
    assert_eq!(down, a);
    assert!(holds(&heap, down, 19, 7));
    write(&heap, down, 70, 9);
    let away = heap.reallocate(down, request(100)).unwrap().unwrap();
    assert!(holds(&heap, away, 70, 9));
    assert_sound(&heap);
}

#[test]
fn a_failed_reallocation_leaves_the_block_as_it_was() {
    let mut region = region_of_256();
    let mut heap = region.heap();
    let [a, _b] = taken(&mut heap, [60, 60]);
    write(&heap, a, 60, 3);
    let before = drawing(&heap);
    assert_eq!(heap.reallocate(a, request(1000)), Ok(None));
    assert_eq!(drawing(&heap), before);
    assert!(holds(&heap, a, 60, 3));
}

#[test]
fn aligned_blocks_leave_their_lead_free() {
    let mut region = Region::new(2048);
    let mut heap = region.heap::<Unpoisoned>();
    allocate(&mut heap, request(4)).unwrap();
    for alignment in [8, 16, 64, 256] {
        let block = allocate(&mut heap, Request::aligned(20, alignment).unwrap()).unwrap();
        assert!(heap.pointer(block).addr().get().is_multiple_of(alignment));
        assert_eq!(heap.usable_size(block), Ok(20));
        assert_sound(&heap);
    }
}

/// A heap whose first payload lies at a multiple of 8 bytes if `shift` is 0, one word behind it if
/// 4.
fn heap_shifted(region: &mut Region, shift: usize) -> Heap {
    let probe = region.heap::<Unpoisoned>();
    let first = probe.start().addr().get() + probe.control_bytes() as usize;
    let lead = (first % 8) ^ shift;
    *region = Region::dirty(region.bytes().len(), lead, 0);
    region.heap()
}

#[test]
fn a_misaligned_block_keeps_one_word_free_in_front_of_8_aligned_bytes() {
    for (shift, drawn) in [
        (0, "[20 used][4 free][20 used]"),
        (4, "[4 free][20 used][4 free][20 used]"),
    ] {
        let mut region = Region::new(1024);
        let mut heap = heap_shifted(&mut region, shift);
        for size in [16, 16] {
            let aligned = Request::aligned(size, 8).unwrap();
            let block = allocate(&mut heap, aligned).unwrap();
            assert!(heap.pointer(block).addr().get().is_multiple_of(8));
            assert_sound(&heap);
        }
        let drawing = drawing(&heap);
        assert!(drawing.starts_with(drawn), "{drawing}");
    }
}

#[test]
fn a_misaligned_exact_fit_is_passed_over_for_an_8_aligned_request() {
    let mut region = Region::new(1024);
    let mut heap = heap_shifted(&mut region, 4);
    let [hole, _, larger, _] = taken(&mut heap, [16, 4, 40, 4]);
    free(&mut heap, hole);
    free(&mut heap, larger);
    let before = heap.info();
    let block = allocate(&mut heap, Request::aligned(16, 8).unwrap()).unwrap();
    assert_eq!(block, larger, "aligned as it lies");
    free(&mut heap, block);
    assert_eq!(
        heap.info(),
        Info {
            minimum_free_bytes: heap.minimum_free_bytes(),
            ..before
        }
    );
    assert_sound(&heap);
}

#[test]
fn the_lean_calls_do_what_those_with_a_reason_do() {
    let mut region = region_of_256();
    let mut heap = region.heap();
    let [a, b, c, _] = taken(&mut heap, [20, 20, 20, 20]);
    assert_eq!(heap.try_usable_size(b), Some(20));
    assert_eq!(heap.try_resize(b, 60), Ok(false));
    assert_eq!(heap.try_grow_backward(b, 60), Ok(None));
    free(&mut heap, c);
    assert_eq!(heap.try_resize(b, 40), Ok(true));
    free(&mut heap, a);
    let moved = heap.try_grow_backward(b, 64).unwrap().unwrap();
    assert_eq!((moved.to, moved.bytes), (a, 40));
    assert_eq!(heap.try_usable_size(c), None);
    assert_eq!(heap.try_resize(c, 4), Err(Refused));
    assert_eq!(heap.try_grow_backward(c, 4), Err(Refused));
    assert_eq!(heap.explain(c), Misuse::NotABlock);
    assert_sound(&heap);
}

#[test]
fn a_block_with_room_for_the_widest_gap_serves_an_aligned_request() {
    for lead in (0..64).step_by(4) {
        let mut region = Region::dirty(1024, lead, 0);
        let mut heap = region.heap::<Unpoisoned>();
        let fill = heap.largest_free_block() - (20 + 60 + 4);
        allocate(&mut heap, request(fill)).unwrap();
        assert_eq!(heap.largest_free_block(), 20 + 60);
        assert!(
            allocate(&mut heap, Request::aligned(20, 64).unwrap()).is_some(),
            "lead {lead}"
        );
    }
}

#[test]
fn an_allocation_looks_at_sixteen_holes_of_its_list_before_it_fails() {
    // Sizes of 256 to 284 bytes share a list, low addresses first. Only the last hole is large
    // enough.
    for holes in 1..=17 {
        let mut region = Region::new(8192);
        let mut heap = region.heap::<Unpoisoned>();
        let mut blocks = Vec::new();
        for hole in 1..=holes {
            let size = if hole == holes { 280 } else { 252 };
            blocks.push(allocate(&mut heap, request(size)).unwrap());
            allocate(&mut heap, request(4)).unwrap();
        }
        let rest = heap.largest_free_block();
        allocate(&mut heap, request(rest)).unwrap();
        let last = blocks.last().copied();
        for block in blocks.into_iter().rev() {
            free(&mut heap, block);
        }
        assert_eq!(heap.info().free_blocks, holes);
        let found = heap.allocate(request(280));
        assert_eq!(found, last.filter(|_| holes <= 16), "{holes} holes");
    }
}

#[test]
fn what_an_aligned_block_frees_at_once_does_not_count_as_taken() {
    let mut region = Region::new(2048);
    let mut heap = region.heap::<Unpoisoned>();
    allocate(&mut heap, request(4)).unwrap();
    allocate(&mut heap, Request::aligned(20, 256).unwrap()).unwrap();
    assert_eq!(heap.minimum_free_bytes(), heap.free_bytes());
}

#[test]
fn the_byte_at_the_offset_is_the_aligned_one() {
    let mut region = Region::new(2048);
    let mut heap = region.heap::<Light>();
    for offset in [0_usize, 4, 5, 8, 60] {
        let block = allocate(&mut heap, Request::aligned_at(100, 64, offset).unwrap()).unwrap();
        let place = heap.pointer(block).addr().get() + offset.next_multiple_of(4);
        assert!(place.is_multiple_of(64), "offset {offset}");
        assert_sound(&heap);
    }
}

#[test]
fn the_minimum_is_remembered_reset_and_restored() {
    let mut region = region_of_256();
    let mut heap = region.heap();
    let [a] = taken(&mut heap, [100]);
    free(&mut heap, a);
    assert_eq!((heap.free_bytes(), heap.minimum_free_bytes()), (252, 148));
    assert_eq!(heap.reset_minimum_free_bytes(), 148);
    let [a] = taken(&mut heap, [40]);
    free(&mut heap, a);
    assert_eq!(heap.minimum_free_bytes(), 208);
    heap.restore_minimum_free_bytes(300);
    assert_eq!(
        heap.minimum_free_bytes(),
        208,
        "a higher value changes nothing"
    );
    heap.restore_minimum_free_bytes(148);
    assert_eq!(heap.minimum_free_bytes(), 148);
}

#[test]
fn the_minimum_does_not_rise_again() {
    let mut region = region_of_256();
    let mut heap = region.heap();
    for size in [100, 96, 92, 4] {
        let [block] = taken(&mut heap, [size]);
        assert_eq!(heap.minimum_free_bytes(), 148);
        free(&mut heap, block);
    }
}

#[test]
fn a_place_inside_a_used_block_finds_the_block() {
    let mut region = region_of_256();
    let mut heap = region.heap();
    let [a, b, c] = taken(&mut heap, [20, 20, 20]);
    free(&mut heap, b);
    let containing = |at: u32| {
        heap.block_containing(Offset::new(at).unwrap())
            .map(|block| block.offset)
    };
    assert_eq!(
        [a.get(), a.get() + 19, c.get() + 7].map(containing),
        [Some(a), Some(a), Some(c)]
    );
    assert_eq!([b.get(), 4, 10_000].map(containing), [None, None, None]);
}

#[test]
fn poison_surrounds_the_requested_bytes() {
    let mut region = Region::new(1024);
    let mut heap = region.heap::<Comprehensive>();
    let block = allocate(&mut heap, request(5)).unwrap();
    let at = block.get() as usize;
    assert_eq!(
        region.bytes()[at - 8..at + 9],
        [
            0x34, 0x12, 0xBA, 0xAB, 5, 0, 0, 0, 0xCE, 0xCE, 0xCE, 0xCE, 0xCE, 0x78, 0x56, 0xAD,
            0xBA
        ]
    );
    assert_eq!(free(&mut heap, block), 5);
    let inside = region.bytes();
    let links_and_footer = at..inside.len() - 8;
    assert!(inside[links_and_footer].iter().all(|&byte| byte == 0xFE));
}

#[test]
fn grown_bytes_are_marked_allocated() {
    let mut region = Region::new(1024);
    let mut heap = region.heap::<Comprehensive>();
    let block = allocate(&mut heap, request(5)).unwrap();
    write(&heap, block, 5, 1);
    assert_eq!(heap.resize(block, 30), Ok(true));
    assert_eq!(heap.check(), Ok(()), "in one piece between the phases");
    bytes_of_blocks(&heap).grown(block, 5, 30);
    let at = block.get() as usize;
    assert_eq!(region.bytes()[at..at + 5], [1, 2, 3, 4, 5]);
    assert_eq!(region.bytes()[at + 5..at + 30], [0xCE; 25]);
    assert_eq!(region.bytes()[at + 30..at + 34], [0x78, 0x56, 0xAD, 0xBA]);
}

#[test]
fn bytes_given_up_are_filled_before_the_block_shrinks_and_its_canary_then() {
    let mut region = Region::new(1024);
    let mut heap = region.heap::<Comprehensive>();
    let [block, behind] = [30, 8].map(|size| allocate(&mut heap, request(size)).unwrap());
    let (at, end) = (block.get() as usize, behind.get() as usize - 12);
    let contents = bytes_of_blocks(&heap);
    contents.shrinking(block, 30, 5);
    assert_eq!(heap.check(), Ok(()), "in one piece between the phases");
    assert_eq!(heap.usable_size(block), Ok(30));
    assert_eq!(heap.resize(block, 5), Ok(true));
    contents.grown(block, 30, 5);
    contents.shrinking(block, 5, 30);
    assert_sound(&heap);
    let bytes = &region.bytes()[at..end];
    assert_eq!(bytes[..5], [0xCE; 5]);
    assert_eq!(bytes[5..9], [0x78, 0x56, 0xAD, 0xBA]);
    let free = bytes.len() - 12; // without links and last word
    assert_eq!(bytes[9..12], [0xFE; 3], "slack");
    assert!(free > 12 && bytes[24..bytes.len() - 4].iter().all(|&b| b == 0xFE));
}

#[test]
fn resizing_itself_touches_no_byte_between_the_old_end_and_the_new_one() {
    let mut region = Region::new(4096);
    let mut heap = region.heap::<Comprehensive>();
    let block = allocate(&mut heap, request(400)).unwrap();
    let middle = block.checked_add(200).unwrap();
    let contents = bytes_of_blocks(&heap);
    contents.shrinking(block, 400, 100);
    contents.set_word(middle, 1);
    assert_eq!(heap.resize(block, 100), Ok(true));
    assert_eq!(contents.word(middle), Some(1), "not filled by shrinking");
    assert_eq!(heap.resize(block, 400), Ok(true));
    assert_eq!(contents.word(middle), Some(1), "nor by growing");
    contents.grown(block, 100, 400);
    assert_eq!(contents.word(middle), Some(0xCECE_CECE));
    assert_sound(&heap);
}

#[test]
fn a_block_that_grew_backward_has_its_new_bytes_marked() {
    let mut region = Region::new(1024);
    let mut heap = region.heap::<Comprehensive>();
    let [below, block, _] = [60, 40, 8].map(|size| allocate(&mut heap, request(size)).unwrap());
    write(&heap, block, 40, 1);
    free(&mut heap, below);
    assert_eq!(heap.reallocate(block, request(80)), Ok(Some(below)));
    assert_sound(&heap);
    let at = below.get() as usize;
    assert_eq!(region.bytes()[at + 36..at + 40], [37, 38, 39, 40]);
    assert_eq!(region.bytes()[at + 40..at + 80], [0xCE; 40]);
}

#[test]
fn a_recorded_size_beyond_the_block_is_reported_as_such() {
    let mut region = Region::new(1024);
    let mut heap = region.heap::<Light>();
    let block = allocate(&mut heap, request(20)).unwrap();
    for size in [21, 24, 1000] {
        bytes_of_blocks(&heap).set_word(block.checked_sub(4).unwrap(), size);
        let Err(Misuse::Corrupt(found)) = heap.free(block) else {
            panic!("{size} is accepted")
        };
        assert_eq!((found.kind, found.found), (CorruptionKind::SizeWord, size));
    }
}

#[test]
fn a_double_free_and_foreign_places_are_refused_and_change_nothing() {
    let mut region = region_of_256();
    let mut heap = region.heap();
    let [a, b, c] = taken(&mut heap, [20, 20, 20]);
    free(&mut heap, b);
    let before = drawing(&heap);
    let at = |offset: u32| Offset::new(offset).unwrap();
    assert_eq!(heap.free(b), Err(Misuse::AlreadyFree));
    assert_eq!(heap.free(at(a.get() + 1)), Err(Misuse::Unaligned));
    assert_eq!(heap.free(at(4)), Err(Misuse::OutsideHeap));
    assert_eq!(heap.free(at(1 << 20)), Err(Misuse::OutsideHeap));
    assert_eq!(heap.free(at(u32::MAX - 3)), Err(Misuse::OutsideHeap));
    assert!(heap.free(at(c.get() + 8)).is_err(), "the middle of a block");
    assert_eq!(heap.resize(b, 8), Err(Misuse::AlreadyFree));
    assert_eq!(heap.usable_size(b), Err(Misuse::AlreadyFree));
    assert_eq!(drawing(&heap), before);
    assert_sound(&heap);
}

#[test]
fn a_double_free_is_reported_as_such_after_the_block_was_joined() {
    // Freed after its lower neighbour, so that its header ends up inside of a free block, under a
    // link for the small ones.
    for below in [4, 8, 12, 20, 60] {
        let mut region = region_of_256();
        let mut heap = region.heap();
        let [a, b, _wall] = taken(&mut heap, [below, 20, 20]);
        free(&mut heap, a);
        free(&mut heap, b);
        let before = drawing(&heap);
        assert_eq!(
            heap.free(b),
            Err(Misuse::AlreadyFree),
            "below lay {below} bytes"
        );
        assert_eq!(heap.resize(b, 8), Err(Misuse::AlreadyFree));
        assert_eq!(drawing(&heap), before);
        assert_sound(&heap);
    }
}

#[test]
fn a_double_free_above_a_hole_of_one_word_is_reported_as_such() {
    let mut region = region_of_256();
    let mut heap = region.heap();
    let [a, b, _wall] = taken(&mut heap, [20, 20, 20]);
    free(&mut heap, a);
    taken(&mut heap, [16]);
    free(&mut heap, b);
    assert_eq!(drawing(&heap), "[20 used][28 free][24 used][184 free]");
    assert_eq!(heap.free(b), Err(Misuse::AlreadyFree));
    assert_sound(&heap);
}

#[test]
fn a_place_inside_a_used_block_is_no_block() {
    for word in [0, 1, 24 << 3, 0x3FFB_1234, u32::from_le_bytes(*b"text")] {
        let mut region = region_of_256();
        let mut heap = region.heap::<Unpoisoned>();
        let block = allocate(&mut heap, request(60)).unwrap();
        bytes_of_blocks(&heap).set_word(block.checked_add(16).unwrap(), word);
        let inside = block.checked_add(20).unwrap();
        assert_eq!(
            heap.free(inside),
            Err(Misuse::NotABlock),
            "behind {word:#x}"
        );
        assert_sound(&heap);
    }
}

/// The largest region that is a heap has 128 MiB: the heap leaves its last word out. (The host maps
/// only what is touched.)
#[test]
fn a_region_of_128_mib_is_a_heap_and_a_larger_one_is_none() {
    const MOST: usize = 128 << 20;
    let mut region = Vec::<u32>::with_capacity(MOST / 4 + 2);
    let start = std::ptr::NonNull::new(region.as_mut_ptr())
        .unwrap()
        .cast::<u8>();
    let bytes = |size| std::ptr::NonNull::slice_from_raw_parts(start, size);
    // SAFETY: the memory is the vector's, which outlives the heap, and nobody else uses it. A heap
    // reads what it wrote.
    let heap = unsafe { Heap::<Unpoisoned>::new(bytes(MOST)) };
    let info = heap.unwrap().info();
    assert!(info.largest_free_block > (MOST as u32) - 4096, "{info:?}");
    // SAFETY: as above.
    let larger = unsafe { Heap::<Unpoisoned>::new(bytes(MOST + 4)) };
    assert!(larger.is_err());
}
