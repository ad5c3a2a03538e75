//! Shrinkers and emergency reserves: which ones run, in which order, and the record of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::multiple_unsafe_ops_per_block,
    clippy::result_large_err,
    clippy::cast_possible_truncation,
    reason = "tests: helpers too, and programs of unsafe calls with one contract"
)]

use std::alloc::{GlobalAlloc, Layout};
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use heap_caps::AllocRequest;
use heap_caps_alloc::{
    CapsHeap, EmergencyReserve, SHRINKERS, Shortage, Shrink, Shrinker, SpinLock,
};
use multi_heap::{Comprehensive, Poison, Unpoisoned};
use soc_regions::Caps;

type Heap<P = Unpoisoned> = CapsHeap<SpinLock, P>;

const DRAM: Caps = Caps::BIT8.union(Caps::INTERNAL);
const PSRAM: Caps = Caps::BIT8.union(Caps::SPIRAM);

/// 64 KiB of internal memory and 64 KiB of PSRAM, for as long as the test program runs.
fn heap<P: Poison>() -> &'static Heap<P> {
    let heap: &Heap<P> = Box::leak(Box::new(CapsHeap::new(())));
    for caps in [DRAM | Caps::DEFAULT, PSRAM] {
        let memory = Box::leak(vec![MaybeUninit::uninit(); 0x1_0000].into_boxed_slice());
        heap.add_buffer([caps, Caps::empty(), Caps::empty()], memory)
            .unwrap();
    }
    heap
}

fn free<P: Poison>(heap: &Heap<P>, block: NonNull<u8>) {
    // SAFETY: the tests free blocks of their own.
    unsafe { heap.free(block) }.unwrap();
}

/// Blocks that are freed one a call.
struct Cache<P: Poison + 'static> {
    heap: &'static Heap<P>,
    blocks: Mutex<Vec<usize>>,
    size: u32,
    calls: AtomicU32,
}

impl<P: Poison> Cache<P> {
    fn filled(heap: &'static Heap<P>, caps: Caps, size: u32, count: usize) -> &'static Self {
        let take = |_| heap.malloc(size as usize, caps).unwrap();
        let blocks = (0..count)
            .map(take)
            .map(|block| block.as_ptr().expose_provenance());
        Box::leak(Box::new(Self {
            heap,
            blocks: Mutex::new(blocks.collect()),
            size,
            calls: AtomicU32::new(0),
        }))
    }

    fn len(&self) -> usize {
        self.blocks.lock().unwrap().len()
    }
}

impl<P: Poison> Shrink for Cache<P> {
    fn shrink(&self, _: &Shortage) -> u32 {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let Some(block) = self.blocks.lock().unwrap().pop() else {
            return 0;
        };
        free(
            self.heap,
            NonNull::new(std::ptr::with_exposed_provenance_mut(block)).unwrap(),
        );
        self.size
    }
}

fn fill<P: Poison>(heap: &Heap<P>, caps: Caps) -> Vec<NonNull<u8>> {
    let request = AllocRequest::new(64, caps).fail_fast();
    std::iter::from_fn(|| heap.try_allocate(request)).collect()
}

fn shrinkers_serve_in_their_order<P: Poison>() {
    let heap = heap::<P>();
    let history = Cache::filled(heap, DRAM, 4000, 4);
    let tiles = Cache::filled(heap, DRAM, 4000, 4);
    let pictures = Cache::filled(heap, PSRAM, 4000, 4);
    for (name, caps, cache, order) in [
        ("history", DRAM, history, 20),
        ("tiles", DRAM, tiles, 10),
        ("pictures", PSRAM, pictures, 1),
    ] {
        let shrinker = Shrinker::new(name, caps, cache).ordered(order);
        heap.pressure().register_shrinker(shrinker).unwrap();
    }
    let _full = fill(heap, DRAM);
    let failures = heap.inspect().failures(); // those of filling
    let block = heap.malloc(7000, DRAM).unwrap();
    assert_eq!(
        (tiles.len(), history.len()),
        (2, 4),
        "two tiles were enough"
    );
    let _other = heap.malloc(14_000, DRAM).unwrap();
    assert!(tiles.len() == 0 && history.len() < 4, "then the history");
    assert_eq!(
        heap.inspect().failures(),
        failures,
        "what was served is no failure"
    );
    assert_eq!(pictures.len(), 4, "other memory would not have helped");

    let failure = heap.malloc(60_000, DRAM).unwrap_err();
    let names: Vec<_> = failure.relief.steps().map(|step| step.name).collect();
    assert_eq!(names, ["tiles", "history"]);
    assert!(
        failure
            .to_string()
            .contains("; tiles gave nothing, history gave "),
        "{failure}"
    );
    assert_eq!(heap.inspect().last_failure(), Some(failure));
    assert_eq!(heap.inspect().failures(), failures + 1);
    free(heap, block);
    let _full = fill(heap, PSRAM);
    let failure = heap.malloc(60_000, PSRAM).unwrap_err();
    let steps: Vec<_> = failure.relief.steps().collect();
    assert_eq!(
        (steps[0].name, steps[0].calls, steps[0].bytes),
        ("pictures", 5, 16_000)
    );
    let failure = heap.malloc(usize::MAX, DRAM).unwrap_err();
    assert!(failure.relief.is_empty(), "nothing helps: {failure}");
}

#[test]
fn they_serve_in_their_order() {
    shrinkers_serve_in_their_order::<Unpoisoned>();
}

#[test]
fn they_serve_in_their_order_where_memory_is_filled() {
    shrinkers_serve_in_their_order::<Comprehensive>();
}

#[test]
fn reallocation_and_the_global_allocator_run_them_too() {
    let heap = heap::<Unpoisoned>();
    let cache = Cache::filled(heap, DRAM, 8000, 6);
    heap.pressure()
        .register_shrinker(Shrinker::new("cache", DRAM, cache))
        .unwrap();
    let _full = fill(heap, DRAM);
    let layout = Layout::from_size_align(7000, 8).unwrap();
    // SAFETY: the sizes are not zero, and the blocks this test's own.
    unsafe {
        let block = heap.alloc(layout);
        assert!(!block.is_null() && cache.len() == 5);
        block.write_bytes(0x5A, 7000);
        let grown = GlobalAlloc::realloc(heap, block, layout, 15_000);
        assert!(!grown.is_null() && cache.len() < 5);
        assert_eq!(*grown.add(6999), 0x5A);
        // No capabilities: those of the memory in which the block lies.
        let left = cache.len();
        let block = NonNull::new(grown).unwrap();
        let block = heap.realloc(block, 30_000, Caps::empty()).unwrap();
        assert!(cache.len() < left);
        assert_eq!(*block.as_ptr().add(6999), 0x5A);
        let error = heap.realloc(block, 60_000, DRAM).unwrap_err();
        assert!(error.to_string().contains("; cache gave "), "{error}");
        assert_eq!(cache.len(), 0);
        free(heap, block);
    }
    assert_eq!(heap.faults().last_report(), None);
}

#[test]
fn a_request_that_is_fail_fast_or_comes_from_an_interrupt_runs_nothing() {
    static IN_INTERRUPT: AtomicBool = AtomicBool::new(false);
    let heap = heap::<Unpoisoned>();
    let cache = Cache::filled(heap, DRAM, 8000, 3);
    heap.pressure()
        .register_shrinker(Shrinker::new("cache", DRAM, cache))
        .unwrap();
    heap.pressure()
        .set_interrupt_probe(Some(|| IN_INTERRUPT.load(Ordering::Relaxed)));
    let _full = fill(heap, DRAM);
    assert_eq!(cache.calls.load(Ordering::Relaxed), 0, "fail_fast");
    IN_INTERRUPT.store(true, Ordering::Relaxed);
    let failure = heap.malloc(64, DRAM).unwrap_err();
    assert!(failure.relief.is_empty() && cache.len() == 3);
    IN_INTERRUPT.store(false, Ordering::Relaxed);
    assert!(heap.malloc(64, DRAM).is_ok());
    assert_eq!(cache.len(), 2);
}

/// Allocates while it runs, as a cache does that writes itself to flash.
struct Allocating(&'static Heap, AtomicU32);

impl Shrink for Allocating {
    fn shrink(&self, shortage: &Shortage) -> u32 {
        self.1.fetch_add(1, Ordering::Relaxed);
        assert_eq!((shortage.size, shortage.call), (5000, 0));
        let own = self.0.malloc(5001, DRAM); // more than there is: another shrinker is run for it
        u32::from(own.is_ok())
    }
}

#[test]
fn a_shrinker_that_fails_to_allocate_is_not_run_again_for_itself() {
    let heap = heap::<Unpoisoned>();
    let cache = Cache::filled(heap, DRAM, 1000, 1);
    let allocating = Box::leak(Box::new(Allocating(heap, AtomicU32::new(0))));
    heap.pressure()
        .register_shrinker(Shrinker::new("allocating", DRAM, allocating))
        .unwrap();
    heap.pressure()
        .register_shrinker(Shrinker::new("cache", DRAM, cache))
        .unwrap();
    let _full = fill(heap, DRAM);
    let failure = heap.malloc(5000, DRAM).unwrap_err();
    assert_eq!(allocating.1.load(Ordering::Relaxed), 1);
    assert!(
        failure
            .to_string()
            .contains("; allocating gave nothing, cache gave nothing"),
        "{failure}"
    );
    let figures: Vec<_> = heap
        .pressure()
        .shrinkers()
        .map(|it| (it.name, it.calls, it.bytes))
        .collect();
    assert_eq!(figures, [("allocating", 1, 0), ("cache", 3, 1000)]);
}

/// Runs until it may go on, and counts how many run at one time.
#[derive(Default)]
struct Slow {
    running: AtomicU32,
    most: AtomicU32,
    go_on: AtomicBool,
}

impl Shrink for Slow {
    fn shrink(&self, _: &Shortage) -> u32 {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        while !self.go_on.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        self.running.fetch_sub(1, Ordering::SeqCst);
        0
    }
}

#[test]
fn requests_that_fail_at_one_time_run_each_shrinker_once() {
    let heap = heap::<Unpoisoned>();
    let slow: &Slow = Box::leak(Box::default());
    let cache = Cache::filled(heap, DRAM, 8000, 1);
    heap.pressure()
        .register_shrinker(Shrinker::new("slow", DRAM, slow))
        .unwrap();
    heap.pressure()
        .register_shrinker(Shrinker::new("cache", DRAM, cache))
        .unwrap();
    let _full = fill(heap, DRAM);
    std::thread::scope(|scope| {
        let first = scope.spawn(|| heap.malloc(7000, DRAM).is_ok());
        while slow.running.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        assert!(
            heap.malloc(6000, DRAM).is_ok(),
            "the other shrinker served it"
        );
        slow.go_on.store(true, Ordering::SeqCst);
        assert!(!first.join().unwrap());
    });
    assert_eq!(slow.most.load(Ordering::SeqCst), 1);
}

#[test]
fn the_table_has_an_end_and_places_are_used_again() {
    let heap = heap::<Unpoisoned>();
    let nothing: &'static fn(&Shortage) -> u32 = &((|_| 0) as fn(&Shortage) -> u32);
    let register = || {
        heap.pressure()
            .register_shrinker(Shrinker::new("nothing", DRAM, nothing))
    };
    let all: Vec<_> = (0..SHRINKERS).map(|_| register().unwrap()).collect();
    assert!(register().is_err());
    assert!(heap.pressure().unregister_shrinker(all[3]));
    assert!(!heap.pressure().unregister_shrinker(all[3]));
    assert_eq!(register().unwrap(), all[3]);
}

static RELEASES: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn an_emergency_reserve_comes_last<P: Poison>(name: &'static str) {
    let heap = heap::<P>();
    let cache = Cache::filled(heap, DRAM, 8000, 1);
    heap.pressure()
        .register_shrinker(Shrinker::new("cache", DRAM, cache))
        .unwrap();
    let free_at_first = heap.inspect().free_size(DRAM);
    let reserve = EmergencyReserve::new(name, DRAM, 6000).with_handler(|release| {
        RELEASES.lock().unwrap().push(format!(
            "{} {} {}",
            release.name, release.bytes, release.releases
        ));
    });
    let reported = || {
        RELEASES
            .lock()
            .unwrap()
            .iter()
            .filter(|reported| reported.starts_with(name))
            .count()
    };
    let reserve = heap.pressure().arm_emergency(reserve).unwrap();
    let mut blocks = fill(heap, DRAM);
    blocks.push(heap.malloc(5000, DRAM).unwrap());
    assert!(heap.pressure().is_emergency_armed(reserve) && cache.len() == 0);
    blocks.extend(fill(heap, DRAM)); // what the cache freed beyond that
    blocks.push(heap.malloc(5000, DRAM).unwrap());
    assert!(!heap.pressure().is_emergency_armed(reserve));
    assert_eq!(reported(), 1);
    let failure = heap.malloc(5000, DRAM).unwrap_err();
    assert_eq!(
        failure.relief.to_string(),
        "cache gave nothing",
        "the reserve is spent"
    );
    for block in blocks {
        free(heap, block);
    }
    assert!(
        heap.pressure().is_emergency_armed(reserve),
        "memory is back"
    );
    assert!(heap.pressure().release_emergency(reserve));
    assert_eq!(reported(), 2, "by hand, too");
    assert!(
        heap.pressure().is_emergency_armed(reserve),
        "and back at once: there is enough"
    );
    assert!(
        heap.pressure().disarm_emergency(reserve) && !heap.pressure().disarm_emergency(reserve)
    );
    assert_eq!(
        heap.inspect().free_size(DRAM),
        free_at_first + heap_overhead::<P>(8000)
    );
    assert_eq!(heap.faults().last_report(), None);
}

/// Bytes that a block takes of a heap.
fn heap_overhead<P: Poison>(size: u32) -> u32 {
    size + 4 + P::OVERHEAD
}

#[test]
fn an_emergency_reserve_is_released_last_and_comes_back() {
    an_emergency_reserve_comes_last::<Unpoisoned>("plain");
}

#[test]
fn an_emergency_reserve_is_released_last_where_memory_is_filled() {
    an_emergency_reserve_comes_last::<Comprehensive>("filled");
}

static RELEASED_IN_VAIN: AtomicU32 = AtomicU32::new(0);

fn a_reserve_stays_where_it_cannot_help<P: Poison>() {
    let heap = heap::<P>();
    let control = heap.pressure();
    let at_first = heap.inspect().free_size(DRAM);
    let reserve = EmergencyReserve::new("last words", DRAM, 2000).with_handler(|_| {
        RELEASED_IN_VAIN.fetch_add(1, Ordering::SeqCst);
    });
    let for_handlers = reserve.for_handlers();
    let both = [reserve, for_handlers].map(|reserve| control.arm_emergency(reserve).unwrap());
    let half = heap.malloc(30_000, DRAM).unwrap();
    let free_at_first = heap.inspect().free_size(DRAM);
    for size in [40_000, 45_000, 50_000] {
        let failure = heap.malloc(size, DRAM).unwrap_err();
        assert_eq!(failure.relief.to_string(), "", "nothing could help {size}");
        // SAFETY: the block is this test's own; it stays where it is.
        assert!(unsafe { heap.realloc(half, 24_000 + size, DRAM) }.is_err());
    }
    let are_armed = both.map(|reserve| control.is_emergency_armed(reserve));
    assert_eq!(are_armed, [true, true]);
    assert_eq!(RELEASED_IN_VAIN.load(Ordering::SeqCst), 0);
    assert_eq!(heap.inspect().free_size(DRAM), free_at_first);
    free(heap, half);
    assert!(both.map(|reserve| control.disarm_emergency(reserve)) == [true, true]);
    assert_eq!(heap.inspect().free_size(DRAM), at_first);
    assert_eq!(heap.faults().last_report(), None);
}

#[test]
fn a_reserve_stays_armed_where_it_cannot_help() {
    a_reserve_stays_where_it_cannot_help::<Unpoisoned>();
    a_reserve_stays_where_it_cannot_help::<Comprehensive>();
}

#[test]
fn a_reserve_helps_together_with_the_free_block_beside_it() {
    let heap = heap::<Unpoisoned>();
    let reserve = EmergencyReserve::new("last words", DRAM, 2000);
    let reserve = heap.pressure().arm_emergency(reserve).unwrap();
    let largest = heap.inspect().largest_free_block(DRAM);
    assert!(heap.malloc(largest as usize + 1900, DRAM).is_ok());
    assert!(!heap.pressure().is_emergency_armed(reserve));
}

#[test]
fn of_two_reserves_the_one_that_helps_is_released() {
    let heap = heap::<Unpoisoned>();
    let control = heap.pressure();
    let sizes = [1000, 6000].map(|size| EmergencyReserve::new("one of two", DRAM, size));
    let both = sizes.map(|reserve| control.arm_emergency(reserve).unwrap());
    let _full = fill(heap, DRAM);
    assert!(heap.malloc(5000, DRAM).is_ok());
    let are_armed = both.map(|reserve| control.is_emergency_armed(reserve));
    assert_eq!(are_armed, [true, false]);
}

#[test]
fn a_reserve_without_a_handler_does_not_silence_the_next_one() {
    static RELEASED: AtomicU32 = AtomicU32::new(0);
    static IN_INTERRUPT: AtomicBool = AtomicBool::new(true);
    let heap = heap::<Unpoisoned>();
    let silent = EmergencyReserve::new("silent", DRAM, 2000).rearmed_at(u32::MAX);
    let loud = EmergencyReserve::new("loud", DRAM, 2000).with_handler(|_| {
        RELEASED.fetch_add(1, Ordering::Relaxed);
    });
    let control = heap.pressure();
    let both = [silent, loud].map(|reserve| control.arm_emergency(reserve).unwrap());
    control.set_interrupt_probe(Some(|| IN_INTERRUPT.load(Ordering::Relaxed)));
    assert!(
        both.into_iter()
            .all(|reserve| control.release_emergency(reserve))
    );
    let block = heap.malloc(8, DRAM).unwrap();
    assert_eq!(RELEASED.load(Ordering::Relaxed), 0, "not in interrupts");
    IN_INTERRUPT.store(false, Ordering::Relaxed);
    free(heap, block);
    assert_eq!(RELEASED.load(Ordering::Relaxed), 1);
}

#[test]
fn a_reserve_that_meets_damaged_memory_waits_for_the_next_free() {
    let heap = heap::<Comprehensive>();
    let reserve = EmergencyReserve::new("waiting", DRAM, 2000).rearmed_at(2000);
    let reserve = heap.pressure().arm_emergency(reserve).unwrap();
    let [first, second, third, fourth] = [1500; 4].map(|size| heap.malloc(size, DRAM).unwrap());
    let full = fill(heap, DRAM);
    let small = heap.malloc(1900, DRAM).unwrap(); // of the reserve
    assert!(!heap.pressure().is_emergency_armed(reserve));
    let reports = || heap.faults().reports();
    for block in [first, third] {
        free(heap, block);
        // SAFETY: the write after the free is the error under test; the memory is the heap's.
        unsafe { block.add(900).write(1) };
    }
    assert_eq!(reports(), 0, "the blocks are too small for the reserve");
    free(heap, second);
    assert_eq!(reports(), 1, "joined they are large enough, and damaged");
    assert!(!heap.pressure().is_emergency_armed(reserve));
    for block in full.into_iter().chain([fourth, small]) {
        free(heap, block);
    }
    assert!(heap.pressure().is_emergency_armed(reserve));
}

#[test]
fn arming_a_reserve_does_not_spend_another_one() {
    let heap = heap::<Unpoisoned>();
    let first = EmergencyReserve::new("first", DRAM, 6000);
    let first = heap.pressure().arm_emergency(first).unwrap();
    let _full = fill(heap, DRAM);
    let second = EmergencyReserve::new("second", DRAM, 5000);
    let error = heap.pressure().arm_emergency(second).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("no memory for the emergency reserve: "),
        "{error}"
    );
    assert!(heap.pressure().is_emergency_armed(first));
}

#[test]
fn a_reserve_for_handlers_does_not_serve_the_request_that_fails() {
    static HEAP: Mutex<Option<&'static Heap>> = Mutex::new(None);
    static WRITTEN: AtomicBool = AtomicBool::new(false);
    let heap = heap::<Unpoisoned>();
    *HEAP.lock().unwrap() = Some(heap);
    let reserve = EmergencyReserve::new("last words", DRAM, 4000).for_handlers();
    let reserve = heap.pressure().arm_emergency(reserve).unwrap();
    heap.pressure().set_failure_handler(Some(|failure| {
        if failure.size == 3000 {
            let heap = HEAP.lock().unwrap().unwrap();
            WRITTEN.store(heap.malloc(3000, DRAM).is_ok(), Ordering::Relaxed);
        }
    }));
    let _full = fill(heap, DRAM);
    let failure = heap.malloc(3000, DRAM).unwrap_err();
    assert!(
        failure.to_string().contains("; last words gave 3.9 KiB"),
        "{failure}"
    );
    assert!(WRITTEN.load(Ordering::Relaxed) && !heap.pressure().is_emergency_armed(reserve));
}

#[test]
fn a_reserve_that_cannot_be_had_is_refused_and_leaves_its_place() {
    let heap = heap::<Unpoisoned>();
    for _ in 0..3 {
        let reserve = EmergencyReserve::new("too big", DRAM, 80_000);
        assert!(heap.pressure().arm_emergency(reserve).is_err());
    }
    for _ in 0..heap_caps_alloc::EMERGENCIES {
        heap.pressure()
            .arm_emergency(EmergencyReserve::new("small", DRAM, 100))
            .unwrap();
    }
    let error = heap
        .pressure()
        .arm_emergency(EmergencyReserve::new("one more", DRAM, 100));
    assert_eq!(
        error.unwrap_err().to_string(),
        "there are 2 emergency reserves already"
    );
}
