//! `heap_caps_pressure.h` as C calls it: shrinkers, reserves, levels, waiting.
#![allow(
    clippy::unwrap_used,
    clippy::multiple_unsafe_ops_per_block,
    reason = "the tests do what C programs do"
)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use heap_caps_c::caps::*;
use heap_caps_c::heap;
use soc_regions::Caps;

const BYTES: u32 = Caps::BIT8.bits();

/// One test at a time on the one heap of the C names: 16 KiB.
fn alone() -> MutexGuard<'static, ()> {
    static HEAPS: OnceLock<Mutex<()>> = OnceLock::new();
    let heaps = HEAPS.get_or_init(|| {
        let columns = [Caps::BIT8, Caps::empty(), Caps::empty()];
        let memory = vec![MaybeUninit::new(0xA5_u8); 16 * 1024].leak();
        heap().add_buffer(columns, memory).unwrap();
        Mutex::new(())
    });
    heaps.lock().unwrap_or_else(|broken| broken.into_inner())
}

fn free(block: *mut c_void) {
    // SAFETY: the tests free blocks of their own.
    unsafe { heap_caps_free(block) };
}

/// Frees the block that it is handed, once.
unsafe extern "C" fn drop_cache(_: usize, cache: *mut c_void) -> usize {
    // SAFETY: the argument that was registered: a place for a pointer.
    let cache = unsafe { &*cache.cast::<Mutex<usize>>() };
    let block = std::mem::take(&mut *cache.lock().unwrap());
    free(std::ptr::with_exposed_provenance_mut(block));
    if block == 0 { 0 } else { 6000 }
}

#[test]
fn a_shrinker_of_c_makes_room() {
    let _alone = alone();
    let cached = heap_caps_malloc(6000, BYTES);
    let cache = Mutex::new(cached.expose_provenance());
    let argument = (&raw const cache).cast_mut().cast::<c_void>();
    // SAFETY: the names last, and the argument until the shrinker is removed.
    let number = unsafe {
        assert_eq!(
            heap_caps_register_shrinker(null(), 0, 0, Some(drop_cache), argument),
            -1
        );
        assert_eq!(
            heap_caps_register_shrinker(c"x".as_ptr(), 0, 0, None, argument),
            -1
        );
        heap_caps_register_shrinker(c"cache".as_ptr(), BYTES, 1, Some(drop_cache), argument)
    };
    assert!(number >= 0);
    let block = heap_caps_malloc(12_000, BYTES);
    assert!(!block.is_null() && *cache.lock().unwrap() == 0);
    assert!(heap_caps_malloc(12_000, BYTES).is_null());
    let failure = heap().inspect().last_failure().unwrap().to_string();
    assert!(failure.contains("; cache gave nothing"), "{failure}");
    free(block);
    assert!(heap_caps_unregister_shrinker(number));
    assert!(!heap_caps_unregister_shrinker(number) && !heap_caps_unregister_shrinker(-1));
}

static REPORTED: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn text(name: *const c_char) -> String {
    // SAFETY: the name that was registered.
    unsafe { CStr::from_ptr(name) }.to_str().unwrap().to_owned()
}

unsafe extern "C" fn on_emergency(name: *const c_char, size: usize) {
    REPORTED
        .lock()
        .unwrap()
        .push(format!("{} {size}", text(name)));
}

unsafe extern "C" fn on_level(name: *const c_char, from: c_int, to: c_int, free: usize) {
    assert!(free < 16 * 1024);
    REPORTED
        .lock()
        .unwrap()
        .push(format!("{} {from} {to}", text(name)));
}

#[test]
fn reserves_and_levels_are_reported() {
    let _alone = alone();
    heap_caps_register_emergency_callback(Some(on_emergency));
    heap_caps_register_level_callback(Some(on_level));
    // SAFETY: the names last.
    let (reserve, gauge) = unsafe {
        assert_eq!(
            heap_caps_add_gauge(c"memory".as_ptr(), BYTES, 10, 11, 0),
            -1
        );
        assert_eq!(
            heap_caps_arm_emergency(c"last".as_ptr(), BYTES, 100_000),
            -1
        );
        (
            heap_caps_arm_emergency(c"last words".as_ptr(), BYTES, 4000),
            heap_caps_add_gauge(c"memory".as_ptr(), BYTES, 8000, 2000, 100),
        )
    };
    assert!(reserve >= 0 && gauge >= 0 && heap_caps_get_level(gauge) == 0);
    let block = heap_caps_malloc(10_900, BYTES);
    assert_eq!(heap_caps_get_level(gauge), 2);
    let saved = heap_caps_malloc(2900, BYTES);
    assert!(!saved.is_null());
    assert!(!heap_caps_release_emergency(reserve), "it is spent");
    free(block);
    free(saved);
    assert_eq!(heap_caps_get_level(gauge), 0);
    assert!(heap_caps_release_emergency(reserve), "it was armed again");
    let reported = std::mem::take(&mut *REPORTED.lock().unwrap());
    let levels = ["memory 0 2", "memory 2 1", "memory 1 0"];
    let expected = [
        levels[0],
        levels[1],
        "last words 4000",
        levels[2],
        "last words 4000",
    ];
    assert_eq!(reported, expected);
    assert!(heap_caps_disarm_emergency(reserve) && heap_caps_remove_gauge(gauge));
    heap_caps_register_emergency_callback(None);
    heap_caps_register_level_callback(None);
    assert_eq!(heap_caps_get_level(99), 0);
}

#[test]
fn gauges_and_reserves_that_ended_leave_room_for_others_and_their_names() {
    let _alone = alone();
    heap_caps_register_emergency_callback(Some(on_emergency));
    heap_caps_register_level_callback(Some(on_level));
    let at_first = heap_caps_get_free_size(BYTES);
    for round in 0..40 {
        // More names than are kept at one time.
        let name = CString::new(format!("round {round}")).unwrap().into_raw();
        // SAFETY: the name is never freed.
        let (reserve, gauge) = unsafe {
            (
                heap_caps_arm_emergency(name, BYTES, 4000),
                heap_caps_add_gauge(name, BYTES, 16 * 1024, 0, 0),
            )
        };
        assert!(reserve >= 0 && gauge >= 0 && heap_caps_get_level(gauge) == 1);
        assert!(heap_caps_get_free_size(BYTES) < at_first - 4000);
        assert!(round % 2 == 0 || heap_caps_release_emergency(reserve));
        assert!(heap_caps_disarm_emergency(reserve) && !heap_caps_disarm_emergency(reserve));
        assert!(heap_caps_remove_gauge(gauge) && !heap_caps_remove_gauge(gauge));
        assert_eq!(heap_caps_get_level(gauge), 0);
        assert_eq!(heap_caps_get_free_size(BYTES), at_first);
        let reported = std::mem::take(&mut *REPORTED.lock().unwrap());
        let expected = [format!("round {round} 0 1"), format!("round {round} 4000")];
        assert_eq!(reported, expected[..1 + round % 2]);
    }
    assert!(!heap_caps_disarm_emergency(-1) && !heap_caps_disarm_emergency(300));
    assert!(!heap_caps_remove_gauge(-1) && !heap_caps_remove_gauge(300));
    heap_caps_register_emergency_callback(None);
    heap_caps_register_level_callback(None);
}

static BELL: AtomicBool = AtomicBool::new(false);
static UNPARKED: AtomicU32 = AtomicU32::new(0);

unsafe extern "C" fn current() -> *mut c_void {
    std::ptr::without_provenance_mut(0x1234)
}

unsafe extern "C" fn park(ticks: u32) {
    let end = Instant::now() + Duration::from_millis(u64::from(ticks));
    while !BELL.swap(false, Ordering::SeqCst) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(1));
    }
}

unsafe extern "C" fn unpark(task: *mut c_void) {
    assert_eq!(task.addr(), 0x1234);
    UNPARKED.fetch_add(1, Ordering::SeqCst);
    BELL.store(true, Ordering::SeqCst);
}

unsafe extern "C" fn now() -> u32 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    u32::try_from(start.elapsed().as_millis()).unwrap()
}

#[test]
fn a_task_of_c_waits_for_memory_and_gives_up_in_time() {
    let _alone = alone();
    let full = heap_caps_malloc(9000, BYTES);
    assert!(
        heap_caps_malloc_wait(9000, BYTES, 10).is_null(),
        "nobody said how to wait"
    );
    let mut functions = CWaitFunctions {
        current: Some(current),
        park: Some(park),
        unpark: None,
        now: Some(now),
    };
    // SAFETY: null, or functions that can be read.
    unsafe {
        assert!(!heap_caps_set_wait_functions(null()));
        assert!(!heap_caps_set_wait_functions(&raw const functions));
        functions.unpark = Some(unpark);
        assert!(heap_caps_set_wait_functions(&raw const functions));
    }
    assert!(
        heap_caps_malloc_wait(9000, BYTES, 15).is_null(),
        "time was up"
    );
    assert!(
        heap_caps_malloc_wait(1 << 20, BYTES, u32::MAX).is_null(),
        "never"
    );
    assert!(heap_caps_malloc_wait(0, BYTES, u32::MAX).is_null());
    let full = full.expose_provenance();
    let served = std::thread::scope(|scope| {
        let waiter =
            scope.spawn(|| heap_caps_malloc_wait(9000, BYTES, u32::MAX).expose_provenance());
        std::thread::sleep(Duration::from_millis(10));
        free(std::ptr::with_exposed_provenance_mut(full));
        waiter.join().unwrap()
    });
    assert_ne!(served, 0);
    free(std::ptr::with_exposed_provenance_mut(served));
}

static IN_INTERRUPT: AtomicBool = AtomicBool::new(false);

unsafe extern "C" fn probe() -> bool {
    IN_INTERRUPT.load(Ordering::SeqCst)
}

unsafe extern "C" fn never(_: usize, _: *mut c_void) -> usize {
    assert!(!IN_INTERRUPT.load(Ordering::SeqCst));
    0
}

#[test]
fn nobody_is_called_in_an_interrupt_handler() {
    let _alone = alone();
    heap_caps_set_interrupt_probe(Some(probe));
    // SAFETY: the name lasts.
    let number =
        unsafe { heap_caps_register_shrinker(c"never".as_ptr(), 0, 1, Some(never), null_mut()) };
    IN_INTERRUPT.store(true, Ordering::SeqCst);
    assert!(heap_caps_malloc(16_380, BYTES).is_null());
    IN_INTERRUPT.store(false, Ordering::SeqCst);
    assert!(heap_caps_malloc(16_380, BYTES).is_null());
    assert!(heap_caps_unregister_shrinker(number));
    heap_caps_set_interrupt_probe(None);
}
