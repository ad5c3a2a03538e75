//! Bad pointers, bad sizes and overwritten blocks: an error or a report, never silence, never
//! damage.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::multiple_unsafe_ops_per_block,
    clippy::result_large_err,
    clippy::cast_possible_truncation,
    reason = "tests: helpers too, and programs of unsafe calls with one contract"
)]

mod support;

use std::alloc::GlobalAlloc;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use heap_caps::{
    AddRegionError, AllocRequest, FailureKind, HeapIndex, MisuseKind, Placement, ReallocateError,
    SimulatedMemory,
};
use heap_caps_alloc::{Action, CapsHeap, Fault, SpinLock};
use multi_heap::{Comprehensive, CorruptionKind, Light};
use soc_regions::{Caps, Span};
use support::{assert_pristine, esp32, layout};

type Heap<P = multi_heap::Unpoisoned> = &'static CapsHeap<SpinLock, P>;

#[test]
fn every_wrong_pointer_is_distinguished_and_changes_nothing() {
    let heap: Heap = esp32(());
    let free = heap.inspect().free_size(Caps::empty());
    let block = heap.malloc(100, Caps::DMA).unwrap();
    let mut local = 0_u32;
    let foreign = NonNull::from(&mut local).cast::<u8>();
    let kind = |pointer| {
        // SAFETY: none of these is the pointer of a block, except the last, whose user is done with
        // it.
        unsafe { heap.free(pointer) }.map_err(|misuse| misuse.kind)
    };
    // SAFETY: inside the block.
    let inside = |bytes| unsafe { block.add(bytes) };
    assert_eq!(kind(foreign), Err(MisuseKind::OutsideEveryHeap));
    assert_eq!(kind(NonNull::dangling()), Err(MisuseKind::OutsideEveryHeap));
    assert_eq!(kind(inside(2)), Err(MisuseKind::Unaligned));
    assert_eq!(kind(inside(8)), Err(MisuseKind::NotABlock));
    assert_eq!(kind(block), Ok(()));
    assert_eq!(kind(block), Err(MisuseKind::AlreadyFree));
    assert_pristine(heap, free);
}

#[test]
fn a_wrong_pointer_can_be_neither_measured_nor_resized() {
    let heap: Heap = esp32(());
    let mut local = 0_u32;
    let foreign = NonNull::from(&mut local).cast::<u8>();
    assert!(heap.inspect().usable_size(foreign).is_err());
    assert!(heap.inspect().address_of(foreign).is_err());
    // SAFETY: not the pointer of a block.
    let resized = unsafe { heap.realloc(foreign, 100, Caps::DMA) };
    assert!(matches!(
        resized,
        Err(ReallocateError::Misuse(misuse)) if misuse.kind == MisuseKind::OutsideEveryHeap
    ));
    // SAFETY: as above.
    let resized = unsafe { GlobalAlloc::realloc(heap, foreign.as_ptr(), layout(4, 4), 8) };
    assert!(resized.is_null());
    assert_eq!(
        heap.faults().last_report().map(|report| report.action),
        Some(Action::Reallocate)
    );
}

#[test]
fn without_a_handler_a_report_is_counted_and_kept_and_reads_as_a_sentence() {
    let heap: Heap = esp32(());
    let block = heap.malloc(100, Caps::DMA).unwrap();
    let address = heap.inspect().address_of(block).unwrap();
    // SAFETY: the block's user is done with it; the second free is the error under test.
    unsafe {
        heap.dealloc(block.as_ptr(), layout(100, 1));
        heap.dealloc(block.as_ptr(), layout(100, 1));
    }
    assert_eq!(heap.faults().reports(), 1);
    let sentence = heap.faults().last_report().unwrap().to_string();
    let expected = format!("free of 0x{address:08X}: already free (double free) (heap at 0x");
    assert!(sentence.starts_with(&expected), "{sentence}");
}

#[test]
fn freeing_null_is_nothing() {
    let heap: Heap = esp32(());
    // SAFETY: null is no block.
    unsafe { heap.dealloc(std::ptr::null_mut(), layout(100, 1)) };
    assert_eq!(heap.faults().reports(), 0);
}

#[test]
fn an_overrun_of_one_byte_is_reported_when_the_block_is_freed() {
    let heap: Heap<Light> = esp32(());
    let block = heap.malloc(10, Caps::DMA).unwrap();
    // SAFETY: the byte behind the block is the canary's: this is the error under test.
    unsafe { block.add(10).write(0) };
    // SAFETY: nobody uses the block.
    unsafe { heap.dealloc(block.as_ptr(), layout(10, 1)) };
    let Fault::Misuse(misuse) = heap.faults().last_report().unwrap().fault else {
        panic!()
    };
    let MisuseKind::Corrupt(corrupt) = misuse.kind else {
        panic!("{misuse}")
    };
    assert_eq!(corrupt.corruption.kind, CorruptionKind::TailCanary);
}

#[test]
fn a_write_after_free_reaches_both_handlers_when_the_memory_is_used_again() {
    let heap: Heap<Comprehensive> = esp32(());
    let block = heap.malloc(5000, Caps::DMA).unwrap();
    // SAFETY: the write after the free is the error under test; the memory is the heap's.
    unsafe {
        heap.free(block).unwrap();
        block.add(2500).write(1);
    }
    let refused = heap.malloc(5000, Caps::DMA).unwrap_err();
    assert!(matches!(
        refused.cause,
        FailureKind::Corrupt(corrupt) if corrupt.corruption.kind == CorruptionKind::FreedByte
    ));
    assert_eq!(heap.inspect().last_failure(), Some(refused));
    assert_eq!(
        heap.faults().last_report().map(|report| report.action),
        Some(Action::Allocate)
    );
    assert!(
        heap.malloc(5000, Caps::DMA).is_ok(),
        "the evidence is kept out of the way"
    );
}

#[test]
fn requests_for_nothing_and_for_the_impossible_are_typed() {
    let heap: Heap = esp32(());
    let cause = |result: Result<NonNull<u8>, heap_caps::Failure>| result.unwrap_err().cause;
    assert_eq!(cause(heap.malloc(0, Caps::DMA)), FailureKind::ZeroSize);
    assert_eq!(
        cause(heap.calloc(usize::MAX, 2, Caps::DMA)),
        FailureKind::TooLarge
    );
    assert_eq!(
        cause(heap.aligned_alloc(3, 10, Caps::DMA)),
        FailureKind::BadAlignment
    );
    assert_eq!(cause(heap.malloc(10, Caps::empty())), FailureKind::NoCaps);
    assert_eq!(
        cause(heap.allocate(&AllocRequest::new(10, Caps::empty()).placed(Placement::Prefer(&[])))),
        FailureKind::NoCaps
    );
    assert_eq!(
        cause(heap.allocate(&AllocRequest::in_default_memory(usize::MAX))),
        FailureKind::TooLarge
    );
    assert_eq!(heap.inspect().failures(), 5);
}

#[test]
fn a_failure_names_the_line_that_asked() {
    let heap: Heap = esp32(());
    let line = line!() + 1;
    let failure = heap.malloc(1 << 20, Caps::INTERNAL).unwrap_err();
    assert_eq!(
        failure.caller.map(|caller| (caller.file(), caller.line())),
        Some((file!(), line))
    );
}

#[test]
fn a_heap_without_memory_refuses_and_stays_sound() {
    static EMPTY: CapsHeap<SpinLock> = CapsHeap::new(());
    assert_eq!(
        EMPTY.malloc(1, Caps::BIT8).unwrap_err().cause,
        FailureKind::NoMemory
    );
    // SAFETY: the size is not zero.
    assert!(unsafe { EMPTY.alloc(layout(1, 1)) }.is_null());
    assert_eq!(EMPTY.inspect().heaps().count(), 0);
}

#[test]
fn buffers_of_the_program_become_heaps_whatever_their_start_and_size() {
    const BYTES: [Caps; 3] = [
        Caps::BIT8.union(Caps::DEFAULT).union(Caps::INTERNAL),
        Caps::empty(),
        Caps::empty(),
    ];
    let heap: CapsHeap<SpinLock> = CapsHeap::new(());
    for (from, to) in [(0, 4096), (1, 4099), (3, 2002), (2, 1000)] {
        let buffer = Box::leak(vec![MaybeUninit::uninit(); to].into_boxed_slice());
        let bounds = buffer.as_ptr_range();
        let index = heap.add_buffer(BYTES, &mut buffer[from..]).unwrap();
        let view = heap.inspect().heaps().nth(index.get()).unwrap();
        assert!(view.span.size() as usize <= to - from);
        let block = heap
            .malloc(view.info.largest_free_block as usize, Caps::BIT8)
            .unwrap();
        assert!(bounds.contains(&block.as_ptr().cast_const().cast()));
    }
    for size in 0..24 {
        let buffer = Box::leak(vec![MaybeUninit::uninit(); size].into_boxed_slice());
        assert!(
            matches!(
                heap.add_buffer(BYTES, buffer),
                Err(AddRegionError::TooSmall { .. })
            ),
            "{size}"
        );
    }
    assert_eq!(
        heap.add_buffer(
            [Caps::empty(); 3],
            Box::leak(vec![MaybeUninit::uninit(); 4096].into_boxed_slice())
        ),
        Err(AddRegionError::NoCaps)
    );
}

#[test]
fn the_figures_of_a_shared_heap_are_those_of_the_heaps() {
    let heap: Heap = esp32(());
    let inspect = heap.inspect();
    for caps in [Caps::DMA, Caps::EXEC, Caps::BIT8, Caps::SPM] {
        let block = heap.malloc(5000, caps).ok();
        if let Some(block) = block {
            // SAFETY: the test's own block.
            unsafe { heap.free(block) }.unwrap();
        }
        let of_heaps = inspect.locked(|heaps| {
            let (total, minimum) = (heaps.total_size(caps), heaps.minimum_free_size(caps));
            (total, heaps.free_size(caps), minimum, heaps.info(caps))
        });
        let (total, minimum) = (inspect.total_size(caps), inspect.minimum_free_size(caps));
        let shared = (total, inspect.free_size(caps), minimum, inspect.info(caps));
        assert_eq!(shared, of_heaps, "{caps}");
        assert_eq!(total == 0, caps == Caps::SPM);
        assert!(minimum <= shared.1 && shared.1 < total.max(1));
    }
    let least = inspect.minimum_free_size(Caps::DMA);
    assert!(inspect.stop_monitoring().is_err());
    inspect.start_monitoring();
    assert_eq!(
        inspect.minimum_free_size(Caps::DMA),
        inspect.free_size(Caps::DMA)
    );
    assert!(inspect.stop_monitoring().is_ok() && inspect.stop_monitoring().is_err());
    assert_eq!(inspect.minimum_free_size(Caps::DMA), least);
}

#[test]
fn regions_are_added_to_a_shared_heap() {
    let heap: CapsHeap<SpinLock> = CapsHeap::new(());
    let memory = SimulatedMemory::new();
    let span = |start| Span::new(start, start + 0x800).unwrap();
    let columns = [Caps::SPM, Caps::empty(), Caps::BIT8];
    // SAFETY: nothing else uses the simulated memory, and it outlives the heap.
    let added = unsafe { heap.add_region_with_caps(columns, span(0x5000_0000), &memory) };
    assert_eq!(added.map(HeapIndex::get), Ok(0));
    // SAFETY: as above.
    let again = unsafe { heap.add_region_with_caps(columns, span(0x5000_0000), &memory) };
    assert_eq!(again, Err(AddRegionError::Duplicate));
    // SAFETY: as above: no chip was booted, whose types the memory could have.
    let untyped = unsafe { heap.add_region(span(0x5000_1000), &memory) };
    assert!(untyped.is_err());
    let block = heap.malloc(100, Caps::SPM).unwrap();
    assert_eq!(heap.inspect().heaps().count(), 1);
    // SAFETY: the test's own block.
    unsafe { heap.free(block) }.unwrap();
    drop(heap);
}
