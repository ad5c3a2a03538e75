//! Rust's collections in memory chosen by capability.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::multiple_unsafe_ops_per_block,
    clippy::result_large_err,
    clippy::cast_possible_truncation,
    reason = "tests: helpers too, and programs of unsafe calls with one contract"
)]

mod support;

use std::alloc::Layout;

use allocator_api2_04::alloc::Allocator;
use allocator_api2_04::boxed::Box;
use allocator_api2_04::vec::Vec;
use heap_caps_alloc::{
    CapsAllocator, CapsHeap, Default8Bit, Dma, Internal, InternalOrSpiram, Prefer, Rtc, SpinLock,
    Spiram, SpiramOrInternal, heap_ref,
};
use soc_regions::{Caps, ESP32};
use support::{PSRAM_BYTES, assert_pristine, esp32, layout};

type Heap = &'static CapsHeap<SpinLock>;

fn address<T: ?Sized>(heap: Heap, value: &T) -> u32 {
    heap.inspect()
        .address_of(std::ptr::NonNull::from(value).cast())
        .unwrap()
}

#[test]
fn boxes_and_vectors_lie_in_the_memory_that_their_type_names() {
    let heap: Heap = esp32(());
    let free = heap.inspect().free_size(Caps::empty());
    {
        let internal = Box::new_in([1_u64; 100], Internal::of(heap));
        assert!(ESP32.is_internal(address(heap, &*internal)));
        let mut dma = Vec::new_in(Dma::of(heap));
        dma.extend_from_slice(b"frame");
        assert!(ESP32.is_dma_capable(address(heap, dma.as_slice())));
        let mut picture = Vec::with_capacity_in(1 << 20, Spiram::of(heap));
        picture.resize(1 << 20, 0xFF_u8);
        assert!(ESP32.is_external(address(heap, picture.as_slice())));
        let plain = Box::new_in(7_u8, Default8Bit::of(heap));
        assert_eq!(
            (internal[99], dma.as_slice(), picture[1000], *plain),
            (1, b"frame".as_slice(), 255, 7)
        );
    }
    assert_pristine(heap, free);
}

#[test]
fn memory_that_a_chip_does_not_have_is_an_error_not_a_panic() {
    let heap: Heap = esp32(());
    assert!(
        Box::try_new_in(1_u8, Rtc::of(heap)).is_err(),
        "no RTC heap by default"
    );
    assert!(Box::try_new_in([0_u8; 300_000], Internal::of(heap)).is_err());
    assert_eq!(heap.inspect().failures(), 2);
}

#[test]
fn a_preference_spills_over_and_says_nothing_until_its_last_choice_fails() {
    let heap: Heap = esp32(());
    let mut boxes = std::vec::Vec::new();
    let place = SpiramOrInternal::<Heap>::new(CapsAllocator::of(heap));
    while let Ok(kilobytes) = Box::<[u8; 50_000], _>::try_new_uninit_in(place) {
        boxes.push(kilobytes);
    }
    let places: std::vec::Vec<bool> = boxes
        .iter()
        .map(|kilobytes| ESP32.is_external(address(heap, &**kilobytes)))
        .collect();
    assert_eq!(
        places.iter().filter(|&&external| external).count() as u32,
        PSRAM_BYTES / 50_000
    );
    assert!(
        places.is_sorted_by(|before, after| before >= after),
        "first the PSRAM, then the rest"
    );
    assert!(places.contains(&false));
    assert_eq!(heap.inspect().failures(), 1, "the one that ended it");
}

#[test]
fn preferences_nest() {
    let heap: Heap = esp32(());
    let place = Prefer::<Rtc<Heap>, InternalOrSpiram<Heap>>::new(CapsAllocator::of(heap));
    let value = Box::new_in(1_u32, place);
    assert!(ESP32.is_internal(address(heap, &*value)));
    assert_eq!(
        format!("{place:?}"),
        "Prefer(CapsAllocator(8BIT|RTCRAM), …)"
    );
}

#[test]
fn vectors_grow_and_shrink_where_they_lie() {
    let heap: Heap = esp32(());
    let mut numbers = Vec::new_in(Dma::of(heap));
    numbers.push(0_u32);
    let first = numbers.as_ptr();
    numbers.extend(1..1000);
    numbers.truncate(10);
    numbers.shrink_to_fit();
    assert_eq!(numbers.as_ptr(), first);
    assert_eq!((numbers.capacity(), numbers.iter().sum::<u32>()), (10, 45));
    assert!(
        heap.inspect()
            .usable_size(std::ptr::NonNull::from(numbers.as_slice()).cast())
            .unwrap()
            < 60
    );
}

#[test]
fn a_vector_that_has_to_move_stays_in_its_kind_of_memory() {
    let heap: Heap = esp32(());
    let mut pixels = Vec::new_in(Spiram::of(heap));
    let mut fences = std::vec::Vec::new();
    for pixel in 0..5000_u32 {
        pixels.push(pixel);
        if pixel.is_power_of_two() {
            fences.push(Box::new_in(pixel, Spiram::of(heap)));
        }
    }
    assert!(ESP32.is_external(address(heap, pixels.as_slice())));
    assert!(pixels.iter().copied().eq(0..5000));
}

#[test]
fn nothing_costs_nothing() {
    let heap: Heap = esp32(());
    let free = heap.inspect().free_size(Caps::empty());
    let place = Dma::of(heap);
    let unit = Box::new_in((), place);
    let empty: Vec<u64, _> = Vec::new_in(place);
    let none = place.allocate(layout(0, 4096)).unwrap();
    assert!(none.cast::<u8>().addr().get().is_multiple_of(4096));
    assert_eq!(heap.inspect().free_size(Caps::empty()), free);
    drop((unit, empty));
    // SAFETY: allocated above with this layout.
    unsafe { place.deallocate(none.cast(), layout(0, 4096)) };
    assert_pristine(heap, free);
}

/// From and to every combination of a few sizes and alignments.
#[test]
fn blocks_change_layout_with_their_contents_kept_and_what_is_new_zeroed() {
    let heap: Heap = esp32(());
    let free = heap.inspect().free_size(Caps::empty());
    let place = Internal::of(heap);
    let layouts = || {
        [0, 1, 7, 64, 1000]
            .into_iter()
            .flat_map(|size| [1, 8, 64, 4096].map(|align| layout(size, align)))
    };
    for old in layouts() {
        for new in layouts() {
            changed(&place, old, new);
        }
    }
    assert_pristine(heap, free);
}

fn changed(place: &impl Allocator, old: Layout, new: Layout) {
    // SAFETY: blocks are used and freed by their last pointers and layouts; sizes grow and
    // shrink as asked.
    unsafe {
        let block = place.allocate(old).unwrap();
        block.cast::<u8>().write_bytes(0xC3, old.size());
        let block = if new.size() >= old.size() {
            place.grow_zeroed(block.cast(), old, new).unwrap()
        } else {
            place.shrink(block.cast(), old, new).unwrap()
        };
        assert!(block.cast::<u8>().addr().get().is_multiple_of(new.align()));
        let (kept, added) = block.as_ref().split_at(old.size().min(new.size()));
        assert!(kept.iter().all(|&byte| byte == 0xC3), "{old:?} to {new:?}");
        assert!(added.iter().all(|&byte| byte == 0), "{old:?} to {new:?}");
        place.deallocate(block.cast(), new);
    }
}

static HEAP: CapsHeap<SpinLock> = CapsHeap::new(());
heap_ref!(struct Chip = HEAP: CapsHeap<SpinLock>);

#[test]
fn allocators_of_a_static_heap_have_no_size() {
    assert_eq!(size_of::<Internal<Chip>>(), 0);
    assert_eq!(size_of::<SpiramOrInternal<Chip>>(), 0);
    assert_eq!(size_of::<Box<u8, Dma<Chip>>>(), size_of::<usize>());
    assert!(
        Box::try_new_in(1_u8, Internal::<Chip>::default()).is_err(),
        "no memory was registered"
    );
    let buffer =
        std::boxed::Box::leak(vec![std::mem::MaybeUninit::uninit(); 4096].into_boxed_slice());
    HEAP.add_buffer(
        [Caps::BIT8 | Caps::INTERNAL, Caps::DMA, Caps::empty()],
        buffer,
    )
    .unwrap();
    assert_eq!(*Box::new_in(1_u8, Internal::<Chip>::default()), 1);
    assert_eq!(*Box::new_in(2_u8, Dma::<Chip>::default()), 2);
}

#[test]
fn older_versions_of_the_trait_serve_too() {
    let heap: Heap = esp32(());
    let place = Dma::of(heap);
    let mut third = allocator_api2_03::vec::Vec::new_in(place);
    third.extend(0..100);
    let mut second = allocator_api2_02::vec::Vec::new_in(place);
    second.extend(0..100);
    assert_eq!(third.iter().sum::<i32>(), second.iter().sum::<i32>());
    assert!(ESP32.is_dma_capable(address(heap, third.as_slice())));
    assert!(ESP32.is_dma_capable(address(heap, second.as_slice())));
}
