//! Buffers of a program as memory with tags, as ESP-IDF v2.1 (2016) took them: by pointers, on any
//! host.
#![allow(
    clippy::unwrap_used,
    clippy::result_large_err,
    reason = "tests: a helper that fails fails its test"
)]

use std::mem::MaybeUninit;
use std::ptr::NonNull;

use heap_caps::{
    AddRegionError, AllocRequest, BootError, FailureKind, Identity, Placement, Policy,
};
use heap_caps_alloc::{CapsHeap, TaggedBuffer, Unlocked};
use soc_regions::{Caps, ESP32_V2_1, TypeIndex};

const TAG_DRAM: TypeIndex = TypeIndex(0);
const TAG_DIRAM: TypeIndex = TypeIndex(1);
const TAG_IRAM: TypeIndex = TypeIndex(2);
const KIB: usize = 1024;

fn heap_of_2016() -> CapsHeap<Unlocked> {
    CapsHeap::with_policy((), Policy::Tagged2016)
}

fn leaked(bytes: usize) -> &'static mut [MaybeUninit<u8>] {
    // whole words, or the sides of code memory would not match
    let words = Vec::leak(vec![MaybeUninit::new(0_u64); bytes / 8]);
    // SAFETY: the same memory, exclusively, as bytes that may be anything.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), bytes) }
}

/// Three neighbouring pieces of one buffer: ascending, as a table must be.
fn pieces() -> [&'static mut [MaybeUninit<u8>]; 3] {
    let (first, rest) = leaked(12 * KIB).split_at_mut(4 * KIB);
    let (second, third) = rest.split_at_mut(4 * KIB);
    [first, second, third]
}

fn inside(block: NonNull<u8>, piece: std::ops::Range<*const MaybeUninit<u8>>) -> bool {
    (piece.start.addr()..piece.end.addr()).contains(&block.addr().get())
}

#[test]
fn a_tag_is_served_from_the_buffers_that_have_it() {
    let heap = heap_of_2016();
    let pieces = pieces();
    let [dram, iram, _] = pieces.each_ref().map(|piece| piece.as_ptr_range());
    let table = pieces.into_iter().zip([TAG_DRAM, TAG_IRAM, TAG_IRAM]);
    let booted = heap.define_tagged_buffers(
        &ESP32_V2_1,
        table.map(|(piece, tag)| TaggedBuffer::new(tag, piece)),
    );
    assert_eq!(booted.unwrap().heaps, 3);

    let free = heap.inspect().tag_free_size(TAG_DRAM);
    let bytes = heap
        .allocate(&AllocRequest::new(100, Caps::empty()).placed(Placement::Tag(TAG_DRAM)))
        .unwrap();
    let words = heap
        .allocate(&AllocRequest::new(100, Caps::empty()).placed(Placement::Tag(TAG_IRAM)))
        .unwrap();
    assert!(inside(bytes, dram) && inside(words, iram));
    // SAFETY: the block has 100 bytes and is ours.
    unsafe { bytes.write_bytes(0xC3, 100) };
    assert_eq!(heap.inspect().tag_free_size(TAG_DRAM), free - 104);

    assert!(
        heap.malloc(8, Caps::EXEC)
            .is_ok_and(|code| inside(code, words_range(words)))
    );
    // SAFETY: nobody uses the blocks any more.
    unsafe { heap.free(bytes).unwrap() };
    // SAFETY: as above.
    unsafe { heap.free(words).unwrap() };
    assert_eq!(heap.inspect().tag_free_size(TAG_DRAM), free);
    assert_eq!(heap.inspect().tag_minimum_free_size(TAG_DRAM), free - 104);
    assert_eq!(
        heap.inspect().minimum_free_size_of_any(Caps::BIT8),
        free - 104
    );
    assert_eq!(heap.inspect().free_size_of_any(Caps::BIT8), free);
    let none_left = heap
        .allocate(&AllocRequest::new(8 * KIB, Caps::empty()).placed(Placement::Tag(TAG_IRAM)))
        .unwrap_err();
    assert_eq!(none_left.cause, FailureKind::TagExhausted(TAG_IRAM));
}

/// The 4 KiB in which a block lies that was the first of its heap.
fn words_range(first: NonNull<u8>) -> std::ops::Range<*const MaybeUninit<u8>> {
    let start = first.as_ptr().cast_const().cast::<MaybeUninit<u8>>();
    start..start.wrapping_add(4 * KIB)
}

#[test]
fn code_is_handed_out_by_the_address_that_the_table_gives() {
    let heap = heap_of_2016();
    let buffer = leaked(4 * KIB);
    let data = buffer.as_ptr_range();
    let buffer = TaggedBuffer::new(TAG_DIRAM, buffer);
    // SAFETY: nothing is read or written by the instruction bus's addresses.
    let table = [unsafe { buffer.with_code_at(0x400B_0000) }];
    heap.define_tagged_buffers(&ESP32_V2_1, table).unwrap();
    assert_eq!(
        heap.malloc(40, Caps::EXEC).unwrap_err().cause,
        FailureKind::NoMemory
    );
    // SAFETY: nobody stands on the buffer.
    assert_eq!(unsafe { heap.enable_startup_stack_heaps(&Identity) }, 1);

    let code = heap.malloc(40, Caps::EXEC).unwrap();
    assert!(
        (0x400B_0004..0x400B_1000).contains(&code.addr().get()),
        "{code:?}"
    );
    assert_eq!(heap.inspect().usable_size(code), Ok(40));
    let by_tag = heap
        .allocate(&AllocRequest::new(40, Caps::empty()).placed(Placement::Tag(TAG_DIRAM)))
        .unwrap();
    assert!(inside(by_tag, data));
    // SAFETY: nobody uses the code any more.
    assert_eq!(unsafe { heap.free(code) }, Ok(()));
    // SAFETY: a second free is refused, not a danger.
    assert!(unsafe { heap.free(code) }.is_err());
}

#[test]
fn buffers_must_ascend_and_there_must_be_places_for_them() {
    let heap = heap_of_2016();
    let [first, second, third] = pieces();
    let table = [
        TaggedBuffer::new(TAG_DRAM, second),
        TaggedBuffer::new(TAG_DRAM, first),
    ];
    let why = AddRegionError::NotAscending;
    assert_eq!(
        heap.define_tagged_buffers(&ESP32_V2_1, table),
        Err(BootError::Region { number: 1, why })
    );
    let unknown = [TaggedBuffer::new(TypeIndex(16), third)];
    let why = AddRegionError::UnknownTag(TypeIndex(16));
    assert_eq!(
        heap.define_tagged_buffers(&ESP32_V2_1, unknown),
        Err(BootError::Region { number: 0, why })
    );
    let small: CapsHeap<Unlocked, multi_heap::Unpoisoned, (), 2> = CapsHeap::new(());
    let table = pieces().map(|piece| TaggedBuffer::new(TAG_DRAM, piece));
    let why = AddRegionError::TableFull { places: 2 };
    assert_eq!(
        small.define_tagged_buffers(&ESP32_V2_1, table),
        Err(BootError::Region { number: 2, why })
    );
    assert_eq!(
        (
            heap.inspect().heaps().count(),
            small.inspect().heaps().count()
        ),
        (0, 0)
    );
}

#[test]
fn buffers_that_come_one_by_one_are_looked_at_in_the_order_of_their_tags() {
    let heap = heap_of_2016();
    let kind = soc_regions::MemoryType::new("any", [Caps::BIT8, Caps::empty(), Caps::empty()]);
    let [first, second, third] = pieces();
    let order = [
        third.as_ptr_range(),
        first.as_ptr_range(),
        second.as_ptr_range(),
    ];
    for (tag, piece) in [(1, first), (2, second), (0, third)] {
        heap.add_tagged_buffer(&kind, TaggedBuffer::new(TypeIndex(tag), piece))
            .unwrap();
    }
    for piece in order {
        let largest = heap
            .inspect()
            .heaps()
            .map(|view| view.info.largest_free_block)
            .max();
        let block = heap.malloc(largest.unwrap() as usize, Caps::BIT8).unwrap();
        assert!(inside(block, piece));
    }
}
