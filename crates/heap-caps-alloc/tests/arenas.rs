//! Arenas as allocators of collections.
#![allow(
    clippy::unwrap_used,
    clippy::multiple_unsafe_ops_per_block,
    reason = "tests: helpers too, and programs of unsafe calls with one contract"
)]

use std::alloc::Layout;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use allocator_api2_02::vec::Vec as Vec02;
use allocator_api2_03::vec::Vec as Vec03;
use allocator_api2_04::boxed::Box as Box04;
use allocator_api2_04::vec::Vec as Vec04;
use heap_caps::FailureKind;
use heap_caps_alloc::{Arena, CapsHeap, LeftInArena, SpinLock};
use soc_regions::Caps;

fn heap() -> CapsHeap<SpinLock> {
    let heap = CapsHeap::new(());
    let memory = Box::leak(vec![MaybeUninit::uninit(); 0x1_0000].into_boxed_slice());
    heap.add_buffer([Caps::BIT8, Caps::empty(), Caps::empty()], memory)
        .unwrap();
    heap
}

#[test]
fn collections_of_all_versions_and_both_ends_keep_their_contents() {
    let heap = heap();
    let free = heap.inspect().free_size(Caps::BIT8);
    let mut arena = Arena::new(&heap, Caps::BIT8, 8000).unwrap();
    for round in 0..5_u32 {
        let mut first = Vec02::new_in(&arena);
        let mut second = Vec03::new_in(arena.scratch());
        let mut third = Vec04::new_in(&arena);
        for number in 0..100_u32 {
            first.push(number ^ round);
            second.push(u64::from(number));
            third.push(number.to_le_bytes()[0]);
        }
        first.shrink_to_fit();
        second.truncate(50);
        second.shrink_to_fit();
        assert!(
            first
                .iter()
                .copied()
                .eq((0..100).map(|number| number ^ round))
        );
        assert!(second.iter().copied().eq(0..50));
        assert!(third.iter().copied().eq(0..100));
        assert!(arena.blocks() == 3 && arena.free() < 8000);
        drop((first, second, third));
        assert_eq!((arena.blocks(), arena.free()), (0, 8000), "all is back");
        arena.reset();
    }
    assert_eq!(arena.finish(), Ok(()));
    assert_eq!(heap.inspect().free_size(Caps::BIT8), free);
    assert_eq!(heap.faults().last_report(), None);
}

#[test]
fn the_last_vector_grows_where_it_is() {
    let heap = heap();
    let arena = Arena::new(&heap, Caps::BIT8, 4096).unwrap();
    let mut numbers = Vec04::<u8, _>::with_capacity_in(16, &arena);
    let start = numbers.as_ptr();
    numbers.extend(core::iter::repeat_n(1, 4000));
    assert_eq!((numbers.as_ptr(), arena.peak() <= 4096), (start, true));
    assert!(
        numbers.try_reserve_exact(97).is_err(),
        "a full arena refuses"
    );
    assert_eq!(numbers.len(), 4000);
}

#[test]
fn what_is_forgotten_is_reported_and_freed_nevertheless() {
    let heap = heap();
    let free = heap.inspect().free_size(Caps::BIT8);
    let arena = Arena::new(&heap, Caps::BIT8, 1000).unwrap();
    let number = Box04::new_in(7_u32, &arena);
    assert_eq!(*Box04::leak(number), 7);
    assert_eq!(arena.finish(), Err(LeftInArena { blocks: 1 }));
    assert_eq!(heap.inspect().free_size(Caps::BIT8), free);
    let too_large = Arena::new(&heap, Caps::BIT8, 1 << 20);
    assert_eq!(too_large.unwrap_err().cause, FailureKind::NoMemory);
}

#[test]
fn a_write_past_the_end_is_found_when_the_arena_ends() {
    let heap = heap();
    let arena = Arena::new(&heap, Caps::BIT8, 64).unwrap();
    let behind = heap.malloc(64, Caps::BIT8).unwrap();
    let mut bytes = Vec04::<u8, _>::with_capacity_in(64, &arena);
    // SAFETY: it is not: the header of the block behind is overwritten, as by a bug in C. The heap
    // has it.
    unsafe { bytes.as_mut_ptr().add(64).write_bytes(0x41, 4) };
    drop(bytes);
    drop(arena);
    assert!(heap.faults().last_report().is_some());
    let _ = behind;
}

#[test]
fn both_ends_of_an_arena_allocate_until_they_meet() {
    let heap = heap();
    let mut arena = Arena::new(&heap, Caps::BIT8, 200).unwrap();
    assert_eq!(
        (arena.capacity(), arena.free(), arena.blocks()),
        (200, 200, 0)
    );
    let layout = |size, align| Layout::from_size_align(size, align).unwrap();
    let place = |block: Option<NonNull<u8>>| block.map(|block| block.addr().get());
    let start = place(arena.allocate(layout(10, 1))).unwrap();
    let second = place(arena.allocate(layout(20, 16))).unwrap();
    assert!(second.is_multiple_of(16) && (10..26).contains(&(second - start)));
    let top = place(arena.scratch().allocate(layout(31, 8))).unwrap();
    assert!(top.is_multiple_of(8) && (31..39).contains(&(start + 200 - top)));
    let free = top - (second + 20);
    assert_eq!(
        (arena.free(), arena.blocks(), arena.peak()),
        (free, 3, 200 - free)
    );
    assert_eq!(arena.allocate(layout(free + 1, 1)), None);
    assert_eq!(arena.scratch().allocate(layout(free + 1, 1)), None);
    let last = place(arena.scratch().allocate(layout(free, 1)));
    assert_eq!((last, arena.free()), (Some(second + 20), 0));
    assert_eq!((arena.allocate(layout(1, 1)), arena.blocks()), (None, 4));
    arena.reset();
    assert_eq!((arena.free(), arena.blocks(), arena.peak()), (200, 0, 200));
}
