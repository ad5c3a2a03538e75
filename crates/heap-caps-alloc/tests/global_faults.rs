//! The global allocator: foreign pointers, and requests that cannot be served.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::multiple_unsafe_ops_per_block,
    clippy::result_large_err,
    reason = "tests: helpers too, and programs of unsafe calls with one contract"
)]

mod support;

use std::alloc::GlobalAlloc;
use std::cell::RefCell;
use std::ptr::NonNull;

use heap_caps::{Failure, FailureKind, MisuseKind};
use heap_caps_alloc::{Action, CapsHeap, Fault, Report, SpinLock};
use multi_heap::{Comprehensive, Light, Poison, Unpoisoned};
use soc_regions::Caps;
use support::{assert_pristine, esp32, layout};

fn misuse(report: Option<Report>) -> (Action, MisuseKind) {
    let report = report.unwrap();
    match report.fault {
        Fault::Misuse(misuse) => (report.action, misuse.kind),
        Fault::Corrupt(corrupt) => panic!("{corrupt}"),
    }
}

fn wrong_pointers<P: Poison + 'static>() {
    let heap: &CapsHeap<SpinLock, P> = esp32(());
    // SAFETY: wrong pointers are refused, and nothing is used after it was freed.
    unsafe {
        let kept = heap.alloc(layout(64, 4));
        let freed = heap.alloc(layout(64, 4));
        heap.dealloc(freed, layout(64, 4));
        heap.dealloc(freed, layout(64, 4));
        let twice = misuse(heap.faults().last_report());
        assert_eq!(twice, (Action::Free, MisuseKind::AlreadyFree));
        assert!(GlobalAlloc::realloc(heap, freed, layout(64, 4), 100).is_null());
        let resized = misuse(heap.faults().last_report());
        assert_eq!(resized, (Action::Reallocate, MisuseKind::AlreadyFree));
        assert!(GlobalAlloc::realloc(heap, kept.add(8), layout(64, 4), 100).is_null());
        let inside = misuse(heap.faults().last_report());
        assert_eq!(inside.0, Action::Reallocate);
        let mut mine = [0_u32; 4];
        heap.dealloc(mine.as_mut_ptr().cast(), layout(16, 4));
        let outside = misuse(heap.faults().last_report());
        assert_eq!(outside, (Action::Free, MisuseKind::OutsideEveryHeap));
        assert_eq!(heap.faults().reports(), 4);
        heap.dealloc(kept, layout(64, 4));
    }
    assert_eq!(heap.faults().reports(), 4);
    let sound = heap
        .inspect()
        .locked(|heaps| heaps.check_integrity(Caps::INVALID));
    assert_eq!(sound, Ok(()));
}

#[test]
fn wrong_pointers_are_reported_with_their_reason() {
    wrong_pointers::<Unpoisoned>();
    wrong_pointers::<Light>();
    wrong_pointers::<Comprehensive>();
}

#[test]
fn code_is_none_of_its_blocks_and_stays_allocated() {
    let heap: &CapsHeap<SpinLock, Unpoisoned> = esp32(());
    let free = heap.inspect().free_size(Caps::empty());
    // IRAM has no other side: only what D/IRAM hands out lies on the instruction side.
    let mut blocks = vec![];
    let code = loop {
        let block = heap.malloc(0x2000, Caps::EXEC | Caps::BIT32).unwrap();
        let address = heap.inspect().address_of(block).unwrap();
        if heap
            .inspect()
            .locked(|heaps| heaps.heap_at(address).is_none())
        {
            break block;
        }
        blocks.push(block);
    };
    // SAFETY: a pointer that is refused.
    unsafe { heap.dealloc(code.as_ptr(), layout(64, 4)) };
    assert_eq!(heap.faults().reports(), 1);
    // SAFETY: the same.
    assert!(unsafe { GlobalAlloc::realloc(heap, code.as_ptr(), layout(64, 4), 0x4000) }.is_null());
    assert_eq!(heap.faults().reports(), 2);
    // SAFETY: the test's own block.
    unsafe { heap.free(code) }.unwrap();
    for block in blocks {
        // SAFETY: the same.
        unsafe { heap.free(block) }.unwrap();
    }
    assert_eq!(heap.inspect().free_size(Caps::empty()), free);
}

fn nothing_and_something<P: Poison + 'static>() {
    let heap: &CapsHeap<SpinLock, P> = esp32(());
    let free = heap.inspect().free_size(Caps::empty());
    // SAFETY: the test's own blocks, by their layouts.
    unsafe {
        let nothing = heap.alloc(layout(0, 16));
        assert!(!nothing.is_null() && nothing.addr().is_multiple_of(16));
        let some = GlobalAlloc::realloc(heap, nothing, layout(0, 16), 40);
        assert!(!some.is_null() && some.addr().is_multiple_of(16));
        assert_eq!(heap.inspect().info(Caps::empty()).allocated_blocks, 1);
        let none = GlobalAlloc::realloc(heap, some, layout(40, 16), 0);
        assert!(!none.is_null() && none.addr().is_multiple_of(16));
    }
    assert_pristine(heap, free);
}

#[test]
fn a_block_of_nothing_becomes_one_of_something_and_back() {
    nothing_and_something::<Unpoisoned>();
    nothing_and_something::<Light>();
    nothing_and_something::<Comprehensive>();
}

thread_local! {
    static REPORTED: RefCell<Vec<(usize, FailureKind)>> = const { RefCell::new(Vec::new()) };
}

fn note(failure: &Failure) {
    REPORTED.with_borrow_mut(|reported| reported.push((failure.size, failure.cause)));
}

fn refusals<P: Poison + 'static>() {
    REPORTED.take();
    let heap: &CapsHeap<SpinLock, P> = esp32(());
    let large = layout(usize::MAX / 2 - 64, 4);
    // SAFETY: the test's own block; what is refused leaves it as it was.
    unsafe {
        let block = heap.alloc(layout(32, 4));
        assert!(GlobalAlloc::realloc(heap, block, layout(32, 4), 0x40_0000).is_null());
        assert!(GlobalAlloc::realloc(heap, block, layout(32, 4), large.size()).is_null());
        assert_eq!(heap.inspect().failures(), 2, "recorded without a handler");
        assert_eq!(heap.inspect().last_failure().unwrap().size, large.size());
        assert!(heap.pressure().set_failure_handler(Some(note)).is_none());
        assert!(GlobalAlloc::realloc(heap, block, layout(32, 4), 0x40_0000).is_null());
        assert!(GlobalAlloc::realloc(heap, block, layout(32, 4), large.size()).is_null());
        assert!(heap.alloc_zeroed(layout(0x40_0000, 4)).is_null());
        heap.dealloc(block, layout(32, 4));
    }
    let expected = [
        (0x40_0000, FailureKind::NoMemory),
        (large.size(), FailureKind::TooLarge),
        (0x40_0000, FailureKind::NoMemory),
    ];
    assert_eq!(REPORTED.take(), expected);
    assert_eq!(heap.faults().reports(), 0);
    assert!(heap.pressure().set_failure_handler(None).is_some());
}

#[test]
fn refusals_are_recorded_and_passed_to_the_handler() {
    refusals::<Unpoisoned>();
    refusals::<Light>();
    refusals::<Comprehensive>();
}

#[test]
fn zeros_are_written_where_the_first_heap_has_none() {
    let heap: &CapsHeap<SpinLock, Unpoisoned> = esp32(());
    // Every block of the first heap is allocated, so that the search serves the next request.
    let largest = heap
        .inspect()
        .largest_free_block(Caps::INTERNAL | Caps::BIT8) as usize;
    // SAFETY: the test's own blocks, by their layouts.
    unsafe {
        let first = heap.alloc(layout(largest, 4));
        assert!(!first.is_null());
        for align in [1, 8, 64] {
            let zeroed = NonNull::new(heap.alloc_zeroed(layout(5000, align))).unwrap();
            let bytes = std::slice::from_raw_parts(zeroed.as_ptr(), 5000);
            assert!(bytes.iter().all(|&byte| byte == 0), "aligned to {align}");
            heap.dealloc(zeroed.as_ptr(), layout(5000, align));
        }
        heap.dealloc(first, layout(largest, 4));
    }
}
