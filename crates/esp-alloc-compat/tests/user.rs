//! A program as users of esp-alloc write it: nothing here knows which crate stands behind the name.
#![allow(
    clippy::unwrap_used,
    clippy::multiple_unsafe_ops_per_block,
    unreachable_pub,
    reason = "tests: a helper that fails fails its test, and a program as others write it"
)]

use std::alloc::{GlobalAlloc, Layout};
use std::mem::MaybeUninit;
use std::sync::Mutex;

use allocator_api2::alloc::Allocator;
use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;
use esp_alloc::export::enumset::EnumSet;
use esp_alloc::{EspHeap, ExternalMemory, HeapRegion, InternalMemory, MemoryCapability};

/// What `esp_hal::psram` is to the macro.
mod psram {
    use std::mem::MaybeUninit;

    pub const BYTES: usize = 256 * 1024;

    #[derive(Default)]
    pub struct PsramConfig;
    pub struct Peripheral;

    pub struct Psram;

    impl Psram {
        pub fn new(_: Peripheral, _: PsramConfig) -> Self {
            Self
        }

        pub fn raw_parts(&self) -> (*mut u8, usize) {
            static mut RAM: MaybeUninit<[u8; BYTES]> = MaybeUninit::uninit();
            ((&raw mut RAM).cast(), BYTES)
        }
    }
}

/// Calls of the hooks, of the one heap whose test reads them.
static REPORTED: Mutex<std::vec::Vec<(usize, usize, bool)>> = Mutex::new(std::vec::Vec::new());
static WATCHED: EspHeap = EspHeap::empty();

#[unsafe(no_mangle)]
fn _esp_alloc_alloc(heap: &EspHeap, _: EnumSet<MemoryCapability>, pointer: usize, size: usize) {
    if std::ptr::eq(heap, &WATCHED) {
        REPORTED.lock().unwrap().push((pointer, size, true));
    }
}

#[unsafe(no_mangle)]
fn _esp_alloc_dealloc(heap: &EspHeap, pointer: usize, size: usize) {
    if std::ptr::eq(heap, &WATCHED) {
        REPORTED.lock().unwrap().push((pointer, size, false));
    }
}

fn leaked(size: usize) -> *mut u8 {
    Box::leak(Box::<[u64]>::new_uninit_slice(size / 8))
        .as_mut_ptr()
        .cast()
}

/// A heap of its own with one region.
fn heap_of(size: usize) -> &'static EspHeap {
    let heap = std::boxed::Box::leak(std::boxed::Box::new(EspHeap::empty()));
    add(heap, size, MemoryCapability::Internal.into());
    heap
}

fn add(heap: &EspHeap, size: usize, capabilities: EnumSet<MemoryCapability>) {
    // SAFETY: the memory is leaked: nobody else has it, and it stays.
    unsafe { heap.add_region(HeapRegion::new(leaked(size), size, capabilities)) };
}

/// The one test of the program's heap: it is set up as firmware does, by the macros.
#[test]
fn the_macros_give_the_programs_heap_internal_memory_and_psram() {
    esp_alloc::heap_allocator!(size: 64 * 1024);
    let peripheral = psram::Peripheral;
    esp_alloc::psram_allocator!(peripheral, psram);

    let inside: Box<[u8; 1000], _> = Box::new_in([1; 1000], InternalMemory);
    let mut outside = Vec::<u32, _>::new_in(ExternalMemory);
    outside.extend(0..10_000);
    assert_eq!((inside[999], outside[9_999]), (1, 9_999));
    let (ram, size) = psram::Psram.raw_parts();
    let psram = ram.addr()..ram.addr() + size;
    assert!(psram.contains(&outside.as_ptr().addr()) && !psram.contains(&inside.as_ptr().addr()));

    let any: Vec<u8, _> = Vec::with_capacity_in(100 * 1024, esp_alloc::AnyMemory);
    assert!(psram.contains(&any.as_ptr().addr()), "more than is inside");
    let line = esp_alloc::DmaCompatibleExternalMemory.allocate(Layout::new::<[u8; 5]>());
    assert!(line.unwrap().cast::<u8>().addr().get().is_multiple_of(32));
    assert!(
        Vec::<u8, _>::new_in(InternalMemory)
            .try_reserve_exact(64 * 1024)
            .is_err()
    );

    let stats = esp_alloc::HEAP.stats();
    let [internal, external] = [0, 1].map(|region| stats.region_stats[region].as_ref().unwrap());
    let at_the_ends = |asked: usize, there: usize| asked - there;
    // Heaps have the whole words inside: of a buffer off the word grid one is lost.
    assert!(at_the_ends(64 * 1024, internal.size) <= 4);
    assert!(at_the_ends(psram::BYTES, external.size) <= 4);
    assert_eq!(stats.size, internal.size + external.size);
    assert_eq!(
        esp_alloc::HEAP.free_caps(MemoryCapability::External.into()),
        external.free
    );
    let text = stats.to_string();
    assert!(
        text.contains("Internal | ") && text.contains("External | "),
        "{text}"
    );
}

#[test]
fn regions_are_asked_in_the_order_in_which_they_were_added() {
    let heap = heap_of(8 * 1024);
    add(heap, 4 * 1024, MemoryCapability::Internal.into());
    add(heap, 16 * 1024, MemoryCapability::External.into());
    let layout = Layout::from_size_align(3 * 1024, 4).unwrap();
    let used = |heap: &EspHeap| {
        let stats = heap.stats().region_stats;
        [0, 1, 2].map(|region| stats[region].as_ref().unwrap().used > 3 * 1024)
    };
    let mut blocks = std::vec::Vec::new();
    for expected in [
        [true, false, false],
        [true, false, false],
        [true, true, false],
        [true; 3],
    ] {
        // SAFETY: the layout has a size.
        blocks.push(unsafe { heap.alloc(layout) });
        assert_eq!(
            used(heap),
            expected,
            "not the smallest that fits: the first"
        );
    }
    for block in blocks {
        // SAFETY: a block of this heap that nobody uses.
        unsafe { heap.dealloc(block, layout) };
    }
    assert_eq!(used(heap), [false; 3]);
}

/// Defects: esp_alloc_05.
#[test]
fn a_vector_grows_in_place_where_there_is_room() {
    let heap = heap_of(64 * 1024);
    let mut vector = Vec::<u8, _>::with_capacity_in(1024, heap);
    let first = vector.as_ptr();
    vector.resize(32 * 1024, 9);
    assert_eq!(
        vector.as_ptr(),
        first,
        "esp-alloc would have needed both at once"
    );
    vector.truncate(10);
    vector.shrink_to_fit();
    assert_eq!((vector.as_ptr(), &vector[..]), (first, &[9; 10][..]));
    drop(vector);
    assert_eq!(
        heap.heaps()
            .inspect()
            .info(soc_regions::Caps::empty())
            .allocated_blocks,
        0
    );
}

#[test]
fn all_of_a_region_can_be_had_and_comes_back() {
    let heap = heap_of(32 * 1024);
    let (free, used) = (heap.free(), heap.used());
    assert_eq!(free + used, 32 * 1024);
    assert!(used <= 512, "what a heap keeps for itself: {used}");
    drop(Vec::<u8, _>::with_capacity_in(free, heap));
    assert!(
        Vec::<u8, _>::new_in(heap)
            .try_reserve_exact(free + 1)
            .is_err()
    );
    assert_eq!((heap.free(), heap.used()), (free, used));
    #[cfg(feature = "internal-heap-stats")]
    {
        let stats = heap.stats();
        assert_eq!(stats.max_usage, 32 * 1024);
        assert_eq!(
            (stats.total_allocated, stats.total_freed),
            (free as u64 + 4, free as u64 + 4)
        );
    }
}

#[test]
fn zeroed_and_aligned_blocks_are_what_they_say() {
    let heap = heap_of(16 * 1024);
    let layout = Layout::from_size_align(100, 256).unwrap();
    // SAFETY: the layout has a size.
    let dirty = unsafe { heap.alloc(layout) };
    // SAFETY: the block has 100 bytes.
    unsafe { dirty.write_bytes(0xEE, 100) };
    // SAFETY: nobody uses the block any more.
    unsafe { heap.dealloc(dirty, layout) };
    let zeros = heap.allocate_zeroed(layout).unwrap();
    assert!(zeros.cast::<u8>().addr().get().is_multiple_of(256));
    // SAFETY: the block is ours and was zeroed.
    assert!(unsafe { zeros.as_ref() }.iter().all(|&byte| byte == 0));
    let nothing = heap.allocate(Layout::new::<()>()).unwrap();
    assert_eq!(nothing.len(), 0);
    // SAFETY: what was allocated without a size is freed without one.
    unsafe { heap.deallocate(nothing.cast(), Layout::new::<()>()) };
}

/// Defects: esp_alloc_06.
#[test]
fn a_double_free_changes_nothing_and_is_reported() {
    let heap = heap_of(8 * 1024);
    let layout = Layout::new::<[u32; 10]>();
    // SAFETY: the layout has a size.
    let block = unsafe { heap.alloc(layout) };
    for reports in [0, 1] {
        // SAFETY: nobody uses the block; the second time it is freed already.
        unsafe { heap.dealloc(block, layout) };
        assert_eq!(heap.heaps().faults().reports(), reports);
    }
}

#[test]
fn the_programs_hooks_see_each_block_once() {
    if !cfg!(feature = "alloc-hooks") {
        return;
    }
    add(&WATCHED, 8 * 1024, MemoryCapability::Internal.into());
    let layout = Layout::from_size_align(100, 4).unwrap();
    // SAFETY: the layout has a size.
    let block = unsafe { WATCHED.alloc(layout) };
    // SAFETY: the block is ours.
    let resized = unsafe { WATCHED.realloc(block, layout, 40) };
    let smaller = Layout::from_size_align(40, 4).unwrap();
    // SAFETY: nobody uses the block any more.
    unsafe { WATCHED.dealloc(resized, smaller) };
    // SAFETY: the layout has a size.
    let none = unsafe { WATCHED.alloc(Layout::from_size_align(9 * 1024, 4).unwrap()) };
    assert!(none.is_null());
    let [first, second] = [block.addr(), resized.addr()];
    let expected = [
        (first, 100, true),
        (first, 100, false),
        (second, 40, true),
        (second, 40, false),
        (0, 9 * 1024, true),
    ];
    assert_eq!(*REPORTED.lock().unwrap(), expected);
}

#[test]
#[should_panic(expected = "there are 8 heaps already")]
fn a_region_too_many_is_reported_by_a_panic_as_ever() {
    let heap = heap_of(1024);
    for _ in 1..=esp_alloc::REGIONS {
        add(heap, 1024, MemoryCapability::Internal.into());
    }
}

#[test]
fn a_region_without_room_for_a_heap_is_an_error() {
    let heap = EspHeap::empty();
    let mut tiny = [MaybeUninit::<u8>::uninit(); 8];
    // SAFETY: no heap is made of it: it is too small.
    let region = unsafe { HeapRegion::new(tiny.as_mut_ptr().cast(), 8, EnumSet::empty()) };
    // SAFETY: as above.
    let refused = unsafe { heap.try_add_region(region) };
    assert!(refused.unwrap_err().to_string().contains("too small"));
    assert_eq!((heap.free(), heap.used(), heap.stats().size), (0, 0, 0));
}

/// A global allocator must not unwind: a panic of the program's own handler ends the program.
#[test]
fn a_panic_does_not_leave_the_global_allocator() {
    const ALONE: &str = "ESP_ALLOC_TEST_HANDLER_PANICS";
    if std::env::var_os(ALONE).is_none() {
        let run = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg("a_panic_does_not_leave_the_global_allocator")
            .env(ALONE, "1")
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&run.stderr);
        assert!(
            !run.status.success() && !stderr.contains("it came out"),
            "{stderr}"
        );
        assert!(
            stderr.contains("of the global allocator panicked"),
            "{stderr}"
        );
        return;
    }
    let heap = EspHeap::empty();
    heap.heaps()
        .pressure()
        .set_failure_handler(Some(|failure| panic!("{failure}")));
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        // SAFETY: the size is not zero.
        unsafe { heap.alloc(Layout::new::<u32>()) }
    }));
    eprintln!("it came out: {outcome:?}");
}
