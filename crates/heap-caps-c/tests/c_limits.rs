//! `heap_caps_pressure.h` as C calls it: limits of tasks.
#![allow(
    clippy::unwrap_used,
    clippy::multiple_unsafe_ops_per_block,
    reason = "the tests do what C programs do"
)]

use std::ffi::{CStr, c_char, c_void};
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut, without_provenance_mut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};

use heap_caps_c::caps::*;
use heap_caps_c::heap;
use soc_regions::Caps;

const BYTES: u32 = Caps::BIT8.bits();

static RUNNING: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn running() -> *mut c_void {
    task(RUNNING.load(Ordering::SeqCst))
}

fn task(number: usize) -> *mut c_void {
    without_provenance_mut(number * 0x1000)
}

fn by<R>(number: usize, work: impl FnOnce() -> R) -> R {
    let before = RUNNING.swap(number, Ordering::SeqCst);
    let done = work();
    RUNNING.store(before, Ordering::SeqCst);
    done
}

/// One test at a time on the one heap of the C names: 16 KiB.
fn alone() -> MutexGuard<'static, ()> {
    static HEAPS: OnceLock<Mutex<()>> = OnceLock::new();
    let heaps = HEAPS.get_or_init(|| {
        let columns = [Caps::BIT8 | Caps::DEFAULT, Caps::empty(), Caps::empty()];
        let memory = vec![MaybeUninit::new(0xA5_u8); 16 * 1024].leak();
        heap().add_buffer(columns, memory).unwrap();
        heap_caps_set_running_task(Some(running));
        Mutex::new(())
    });
    heaps.lock().unwrap_or_else(|broken| broken.into_inner())
}

fn free(block: *mut c_void) {
    // SAFETY: the tests free blocks of their own.
    unsafe { heap_caps_free(block) };
}

fn limits(name: &'static CStr, at_most: usize, guaranteed: usize) -> CTaskLimits {
    CTaskLimits {
        name: name.as_ptr(),
        caps: BYTES,
        at_most,
        warned_above: 0,
        guaranteed,
    }
}

fn limit(task: *mut c_void, limits: &CTaskLimits) -> bool {
    // SAFETY: the limits can be read, their name is a constant.
    unsafe { heap_caps_limit_task(task, limits) }
}

fn usage(number: usize) -> Option<CTaskUsage> {
    let mut usage = CTaskUsage::default();
    // SAFETY: it can be written.
    unsafe { heap_caps_get_task_usage(task(number), BYTES, &raw mut usage) }.then_some(usage)
}

#[test]
fn a_task_is_refused_above_its_limit_and_others_are_not() {
    let _alone = alone();
    assert!(limit(task(1), &limits(c"mqtt", 3000, 0)));
    let first = by(1, || heap_caps_malloc(2000, BYTES));
    assert!(by(1, || heap_caps_malloc(2000, BYTES)).is_null());
    let failure = heap().inspect().last_failure().unwrap().to_string();
    assert!(failure.contains("mqtt (owner "), "{failure}");
    let second = by(2, || heap_caps_malloc(2000, BYTES));
    assert!(!first.is_null() && !second.is_null());
    let theirs = heap_caps_malloc_for_task(task(1), 500, BYTES);
    assert!(heap_caps_malloc_for_task(task(1), 1000, BYTES).is_null());
    let seen = usage(1).unwrap();
    assert_eq!((seen.blocks, seen.refusals), (2, 2));
    assert!(seen.used >= 2500 && seen.peak >= seen.used);
    // SAFETY: the block is this test's own.
    let grown = by(2, || unsafe { heap_caps_realloc(first, 2200, BYTES) });
    assert!(!grown.is_null());
    assert_eq!(usage(1).unwrap().blocks, 2, "it stays the first task's");
    for block in [grown, second, theirs] {
        by(2, || free(block));
    }
    assert_eq!(usage(1).unwrap().used, 0);
    assert!(usage(2).is_none());
    assert!(heap_caps_unlimit_task(task(1)) && !heap_caps_unlimit_task(task(1)));
    assert!(usage(1).is_none());
}

#[test]
fn a_minimum_is_kept_for_its_task() {
    let _alone = alone();
    assert!(limit(task(3), &limits(c"tls", 0, 6000)));
    assert!(by(1, || heap_caps_malloc(12_000, BYTES)).is_null());
    let block = by(3, || heap_caps_malloc(12_000, BYTES));
    assert!(!block.is_null());
    free(block);
    assert!(
        !limit(task(1), &limits(c"too much", 0, 12_000)),
        "together more than there is"
    );
    assert!(!limit(task(1), &limits(c"upside down", 100, 200)));
    assert!(!limit(null_mut(), &limits(c"no task", 100, 0)));
    let nameless = CTaskLimits {
        name: null(),
        ..limits(c"", 100, 0)
    };
    assert!(!limit(task(1), &nameless));
    // SAFETY: null is no limits.
    assert!(!unsafe { heap_caps_limit_task(task(1), null()) });
    assert!(heap_caps_unlimit_task(task(3)));
}

#[test]
fn a_task_above_its_soft_limit_is_reported() {
    static REPORTED: Mutex<Vec<(usize, String, bool)>> = Mutex::new(Vec::new());
    unsafe extern "C" fn reported(
        task: *mut c_void,
        name: *const c_char,
        used: usize,
        above: bool,
    ) {
        assert!(used < 3000);
        // SAFETY: the name of the limits.
        let name = unsafe { CStr::from_ptr(name) }.to_str().unwrap().to_owned();
        REPORTED
            .lock()
            .unwrap()
            .push((task.addr() / 0x1000, name, above));
    }
    let _alone = alone();
    heap_caps_register_task_pressure_callback(Some(reported));
    let wanted = CTaskLimits {
        warned_above: 1500,
        ..limits(c"camera", 4000, 0)
    };
    assert!(limit(task(4), &wanted));
    let block = by(4, || heap_caps_malloc(2000, BYTES));
    free(block);
    let expected = [(4, "camera".into(), true), (4, "camera".into(), false)];
    assert_eq!(*REPORTED.lock().unwrap(), expected);
    heap_caps_register_task_pressure_callback(None);
    assert!(heap_caps_unlimit_task(task(4)));
}

#[test]
fn seventeen_tasks_find_sixteen_places_and_one_more_when_one_ends() {
    let _alone = alone();
    for number in 10..26 {
        assert!(limit(task(number), &limits(c"one of many", 1000, 0)));
    }
    assert!(!limit(task(26), &limits(c"one too many", 1000, 0)));
    assert!(heap_caps_unlimit_task(task(10)));
    assert!(limit(task(26), &limits(c"one more", 1000, 0)));
    for number in 11..27 {
        assert!(heap_caps_unlimit_task(task(number)));
    }
}
