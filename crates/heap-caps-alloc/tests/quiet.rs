//! Calls that change no level and touch no limit are not looked at; levels are nevertheless what a
//! look after every call says.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests: helpers too"
)]

use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use heap_caps::{AllocRequest, Owner, Reserve};
use heap_caps_alloc::{
    CapsHeap, EmergencyReserve, Level, OwnerAccounts, OwnerLimits, PressureGauge, SpinLock,
};
use multi_heap::{Light, Poison, Unpoisoned};
use proptest::prelude::*;
use soc_regions::{Caps, Hardware};

type Heap<P = Unpoisoned> = CapsHeap<SpinLock, P>;

const DRAM: Caps = Caps::BIT8.union(Caps::INTERNAL);
const DMA: Caps = DRAM.union(Caps::DMA);

/// A cache line of any chip: what a heap serves depends on where in one its memory begins.
const LINE: usize = 128;

fn add<P: Poison>(heap: &Heap<P>, caps: Caps, bytes: usize, offset: usize) {
    let memory = vec![MaybeUninit::uninit(); bytes + 2 * LINE].leak();
    let (_, memory) = memory.split_at_mut(memory.as_ptr().align_offset(LINE) + offset);
    let (memory, _) = memory.split_at_mut(bytes);
    let caps = [caps | Caps::DEFAULT, Caps::empty(), Caps::empty()];
    heap.add_buffer(caps, memory).unwrap();
}

fn heap_at<P: Poison>(bytes: usize, offset: usize) -> &'static Heap<P> {
    let heap: &Heap<P> = Box::leak(Box::new(CapsHeap::new(())));
    add(heap, DMA, bytes, offset);
    add(heap, DRAM, bytes, offset);
    heap
}

fn heap<P: Poison>(bytes: usize) -> &'static Heap<P> {
    heap_at(bytes, 0)
}

fn free<P: Poison>(heap: &Heap<P>, block: NonNull<u8>) {
    // SAFETY: the tests free blocks of their own.
    unsafe { heap.free(block) }.unwrap();
}

/// How often the heap looked at everything that is registered, in 1000 calls: whoever does asks
/// first whether it may call handlers.
fn looks(heap: &Heap, looks: &AtomicU32) -> u32 {
    let before = looks.load(Ordering::Relaxed);
    for _ in 0..500 {
        let block = heap.malloc(16, DRAM).unwrap();
        free(heap, block);
    }
    looks.load(Ordering::Relaxed) - before
}

macro_rules! counted {
    ($heap:expr) => {{
        static LOOKS: AtomicU32 = AtomicU32::new(0);
        fn count() -> bool {
            LOOKS.fetch_add(1, Ordering::Relaxed);
            false
        }
        $heap.pressure().set_interrupt_probe(Some(count));
        looks($heap, &LOOKS)
    }};
}

#[test]
fn calls_far_from_a_threshold_do_not_read_the_gauge() {
    let heap = heap(0x8000);
    let gauge = PressureGauge::new("internal", DRAM)
        .free_below(0x4000, 0x2000)
        .largest_below(0x1000, 0x800);
    heap.pressure().add_gauge(gauge).unwrap();
    let looks = counted!(heap);
    assert!(looks <= 2, "{looks} looks in 1000 calls");
}

#[test]
fn calls_while_memory_is_low_do_not_read_the_gauge_either() {
    let heap = heap(0x8000);
    let gauge = PressureGauge::new("internal", DRAM).free_below(0xE000, 0x2000);
    let gauge = heap.pressure().add_gauge(gauge).unwrap();
    let _kept = heap.malloc(0x7000, DRAM).unwrap();
    assert_eq!(heap.pressure().level(gauge), Some(Level::Low));
    let looks = counted!(heap);
    assert!(looks <= 2, "{looks} looks in 1000 calls");
}

#[test]
fn calls_within_limits_look_at_nothing_but_the_account() {
    let heap = heap(0x8000);
    let accounts = Box::leak(Box::new(OwnerAccounts::<6, 400>::new()));
    heap.pressure()
        .open_accounts(accounts, || Owner(1))
        .unwrap();
    for limits in [
        OwnerLimits::new(Owner(1), "mqtt", DRAM).at_most(0x1000),
        OwnerLimits::new(Owner(2), "camera", DMA).guaranteed(0x2000),
    ] {
        heap.pressure().limit_owner(limits).unwrap();
    }
    let looks = counted!(heap);
    assert!(looks <= 2, "{looks} looks in 1000 calls");
    assert_eq!(heap.pressure().owner_usage(Owner(1), DRAM).unwrap().used, 0);
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Allocate(usize, u8, bool),
    Free(usize),
    Resize(usize, usize),
    AddMemory,
    Reserve(u32),
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        6 => (1_usize..700, 0_u8..9, any::<bool>())
            .prop_map(|(size, shift, dma)| Call::Allocate(size, shift, dma)),
        5 => any::<usize>().prop_map(Call::Free),
        2 => (any::<usize>(), 1_usize..900).prop_map(|(index, size)| Call::Resize(index, size)),
        1 => Just(Call::AddMemory),
        1 => (0_u32..1000).prop_map(Call::Reserve),
    ]
}

const GAUGES: [PressureGauge; 4] = [
    PressureGauge::new("free", DRAM)
        .free_below(5000, 2500)
        .with_hysteresis(600),
    PressureGauge::new("largest", DMA)
        .largest_below(1800, 700)
        .with_hysteresis(400),
    PressureGauge::new("both", DRAM)
        .free_below(6000, 1500)
        .largest_below(2500, 500)
        .with_hysteresis(300),
    PressureGauge::new("any", Caps::empty())
        .free_below(7000, 4000)
        .with_hysteresis(0),
];

const CAPS: [Caps; GAUGES.len()] = [DRAM, DMA, DRAM, Caps::empty()];

fn levels_are_those_of_a_look_after_every_call<P: Poison>(
    hardware: Hardware,
    offset: usize,
    calls: &[Call],
) -> Result<(), TestCaseError> {
    let heap = heap_at::<P>(0x1000, offset);
    heap.set_hardware(hardware);
    let accounts = Box::leak(Box::new(OwnerAccounts::<2, 100>::new()));
    heap.pressure()
        .open_accounts(accounts, || Owner(1))
        .unwrap();
    let limits = OwnerLimits::new(Owner(2), "camera", DMA).guaranteed(600);
    heap.pressure().limit_owner(limits).unwrap();
    let gauges = GAUGES.map(|gauge| heap.pressure().add_gauge(gauge).unwrap());
    let mut levels = [Level::Normal; GAUGES.len()];
    let (mut blocks, mut added) = (vec![], 0);
    for call in calls {
        let is_change = match *call {
            Call::Allocate(size, shift, dma) => {
                let caps = if dma { DMA } else { DRAM };
                let request = AllocRequest::new(size, caps).aligned_to(1 << shift);
                blocks.extend(heap.allocate(&request));
                true
            }
            Call::Free(_) | Call::Resize(..) if blocks.is_empty() => false,
            Call::Free(index) => {
                free(heap, blocks.swap_remove(index % blocks.len()));
                true
            }
            Call::Resize(index, size) => {
                let index = index % blocks.len();
                let request = AllocRequest::new(size, DRAM);
                // SAFETY: the block is the test's own.
                if let Ok(moved) = unsafe { heap.reallocate(blocks[index], &request) } {
                    blocks[index] = moved;
                }
                true
            }
            Call::AddMemory if added < 3 => {
                added += 1;
                add(heap, if added == 2 { DRAM } else { DMA }, 0x400, offset);
                false
            }
            Call::AddMemory => false,
            Call::Reserve(bytes) => {
                heap.set_reserve(Reserve { caps: DMA, bytes }).unwrap();
                false
            }
        };
        if !is_change {
            continue; // seen by the next call that changes free memory
        }
        let watched = GAUGES.iter().zip(CAPS).zip(gauges).zip(&mut levels);
        for (((gauge, caps), index), level) in watched {
            let [free, largest] = heap
                .inspect()
                .locked(|heaps| [heaps.free_size(caps), heaps.largest_free_block(caps)]);
            *level = gauge.next(*level, free, largest);
            prop_assert_eq!(
                heap.pressure().level(index),
                Some(*level),
                "{:?} with {} B, largest {}, after {:?}",
                gauge,
                free,
                largest,
                call
            );
        }
    }
    Ok(())
}

const LINES: Hardware = Hardware {
    internal_line: 32,
    external_line: 64,
    ..Hardware::NONE
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn levels_are_what_a_look_after_every_call_says(
        calls in prop::collection::vec(call(), 1..150),
        lines in any::<bool>(),
        words in 0_usize..LINE / 4,
    ) {
        let hardware = if lines { LINES } else { Hardware::NONE };
        levels_are_those_of_a_look_after_every_call::<Unpoisoned>(hardware, 4 * words, &calls)?;
        levels_are_those_of_a_look_after_every_call::<Light>(hardware, 4 * words, &calls)?;
    }
}

#[test]
fn an_open_reserve_is_armed_by_the_free_that_leaves_enough() {
    let heap = heap::<Unpoisoned>(0x2000);
    let gauge = PressureGauge::new("internal", DRAM).free_below(0x800, 0x400);
    heap.pressure().add_gauge(gauge).unwrap();
    let reserve = EmergencyReserve::new("last words", DMA, 0x400).rearmed_at(0x1000);
    let reserve = heap.pressure().arm_emergency(reserve).unwrap();
    let blocks: Vec<_> = (0..).map_while(|_| heap.malloc(0x500, DMA).ok()).collect();
    assert!(heap.pressure().release_emergency(reserve));
    assert!(!heap.pressure().is_emergency_armed(reserve));
    let mut armed = vec![];
    for block in blocks {
        free(heap, block);
        armed.push(heap.pressure().is_emergency_armed(reserve));
    }
    assert_eq!(armed, [false, false, true, true, true]);
}

/// The longest free block is searched first: where it begins inside of a cache line, a request for
/// whole lines can be refused that another, shorter block served before.
#[test]
fn a_free_that_makes_the_largest_request_smaller_is_looked_at() {
    let heap: &Heap = Box::leak(Box::new(CapsHeap::new(())));
    add(heap, DMA, 0x1000, 40);
    heap.set_hardware(LINES);
    let blocks = [169, 593, 4, 766, 4].map(|size| heap.malloc(size, DRAM).unwrap());
    let largest = |caps| {
        heap.inspect()
            .locked(|heaps| heaps.largest_free_block(caps))
    };
    heap.malloc(largest(DRAM) as usize, DRAM).unwrap();
    free(heap, blocks[1]);
    free(heap, blocks[3]);
    assert_eq!(largest(DMA), 768);
    let gauge = PressureGauge::new("dma", DMA).largest_below(750, 0);
    let gauge = heap.pressure().add_gauge(gauge).unwrap();
    assert_eq!(heap.pressure().level(gauge), Some(Level::Normal));
    free(heap, blocks[0]);
    assert_eq!(largest(DMA), 736);
    assert_eq!(heap.pressure().level(gauge), Some(Level::Low));
}
