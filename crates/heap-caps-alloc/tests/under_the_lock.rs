//! Work under the lock, and work that must not be there.
//!
//! Two locks that are made to notice: one panics when its holder comes in again, so a handler that
//! was called could use the heap only because the lock was open; the other takes the *contents* of
//! big blocks away from the process for as long as it is held, so a fill, a copy or a zeroing under
//! the lock ends the test program.
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
use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU32, Ordering};

use heap_caps::Observer;
use heap_caps::{MisuseKind, ReallocateError, SimulatedMemory};
use heap_caps_alloc::{Action, CapsHeap, CriticalSectionLock, Fault, RawLock, Unlocked};
use multi_heap::Comprehensive;
use soc_regions::{Caps, ESP32};
use support::{esp32, layout};

#[test]
fn both_handlers_may_use_the_heap() {
    static REPORTED: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());
    fn on_failure(failure: &heap_caps::Failure) {
        let note = HEAP
            .with_borrow(|heap| heap.unwrap().malloc(64, Caps::INTERNAL))
            .unwrap();
        REPORTED.lock().unwrap().push(failure.to_string());
        // SAFETY: allocated above, not used any more.
        HEAP.with_borrow(|heap| unsafe { heap.unwrap().free(note) })
            .unwrap();
    }
    fn on_report(report: &heap_caps_alloc::Report) {
        let free = HEAP.with_borrow(|heap| heap.unwrap().inspect().free_size(Caps::DMA));
        REPORTED
            .lock()
            .unwrap()
            .push(format!("{report}; {free} bytes free"));
    }
    thread_local! {
        static HEAP: RefCell<Option<&'static CapsHeap<CriticalSectionLock>>> =
        const { RefCell::new(None) };
    }

    let heap = esp32(());
    HEAP.set(Some(heap));
    heap.pressure().set_failure_handler(Some(on_failure));
    heap.faults().set_report_handler(Some(on_report));
    assert!(heap.malloc(400_000, Caps::DMA).is_err());
    assert!(heap.malloc(0, Caps::DMA).is_err(), "refused, but not told");
    // SAFETY: a block that is freed twice, which is an error, not a danger.
    unsafe {
        let block = heap.alloc(layout(10, 1));
        heap.dealloc(block, layout(10, 1));
        heap.dealloc(block, layout(10, 1));
    }
    let reported = REPORTED.lock().unwrap().clone();
    let [failure, report] = reported.as_slice() else {
        panic!("{reported:?}")
    };
    assert!(
        failure.starts_with("390.6 KiB with DMA: no heap is that big"),
        "{failure}"
    );
    assert!(
        report.starts_with("free of 0x3FF") && report.contains("already free (double free)"),
        "{report}"
    );
    let last = heap.faults().last_report().unwrap();
    assert_eq!((heap.faults().reports(), last.action), (1, Action::Free));
    assert!(matches!(last.fault, Fault::Misuse(misuse) if misuse.kind == MisuseKind::AlreadyFree));
}

/// An observer that breaks its contract: it uses the heap that it observes.
struct Meddler(&'static std::sync::OnceLock<usize>);

type Meddled = CapsHeap<Unlocked, multi_heap::Unpoisoned, Meddler>;

impl Observer for Meddler {
    fn on_allocate(&mut self, _: &heap_caps::Allocated) {
        let address = *self.0.get().unwrap();
        // SAFETY: the test keeps its heap until it is done.
        let heap = unsafe { &*std::ptr::with_exposed_provenance::<Meddled>(address) };
        let _ = heap.inspect().free_size(Caps::empty());
    }
}

#[test]
#[should_panic(
    expected = "the heap was used while its lock was held by the same context: by an observer"
)]
fn an_observer_that_uses_the_heap_is_stopped_with_a_message() {
    static PLACE: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    let memory = Box::leak(Box::new(SimulatedMemory::new()));
    let heap: &CapsHeap<Unlocked, multi_heap::Unpoisoned, Meddler> =
        Box::leak(Box::new(CapsHeap::new(Meddler(&PLACE))));
    PLACE
        .set(std::ptr::from_ref(heap).expose_provenance())
        .unwrap();
    let options = ESP32.default_options();
    // SAFETY: nothing else uses the simulated memory, and it is never dropped.
    unsafe { heap.boot(&ESP32, &options, &ESP32.sample_symbols(&options), memory) }.unwrap();
    let _ = heap.malloc(100, Caps::DMA);
}

/// A global allocator must not unwind, so this one ends the program.
#[test]
fn a_panic_of_a_handler_does_not_leave_the_global_allocator() {
    let program = std::env::current_exe().unwrap();
    let run = std::process::Command::new(program)
        .args([
            "--exact",
            "panicking_handler",
            "--ignored",
            "--test-threads=1",
            "--nocapture",
        ])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&run.stderr);
    assert!(
        !run.status.success() && !stderr.contains("it came out"),
        "{stderr}"
    );
    assert!(
        stderr.contains("an observer or a handler of the global allocator panicked"),
        "{stderr}"
    );
}

#[test]
#[ignore = "run by a_panic_of_a_handler_does_not_leave_the_global_allocator"]
fn panicking_handler() {
    let heap: &CapsHeap<CriticalSectionLock> = esp32(());
    heap.pressure()
        .set_failure_handler(Some(|failure| panic!("{failure}")));
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        // SAFETY: the size is not zero.
        unsafe { heap.alloc(layout(1 << 24, 4)) }
    }));
    eprintln!("it came out: {outcome:?}");
}

#[cfg(target_os = "linux")]
mod contents {
    //! The proof by page protection.

    use std::alloc::GlobalAlloc;
    use std::ffi::{c_int, c_void};
    use std::mem::MaybeUninit;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use heap_caps_alloc::{CapsHeap, RawLock};
    use multi_heap::{Light, Poison, Unpoisoned};
    use soc_regions::Caps;

    use super::{Comprehensive, layout};

    const PAGE: usize = 4096;
    const MIB: usize = 1 << 20;

    unsafe extern "C" {
        fn mprotect(start: *mut c_void, length: usize, protection: c_int) -> c_int;
    }

    /// Takes the middle of each MiB of the buffer away while it is held. Blocks of 1 MiB begin and
    /// end outside of these middles: headers, links and canaries are reached, contents are not.
    struct ContentsAway;

    static BUFFER: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    static WATCHING: AtomicBool = AtomicBool::new(false);
    static HELD: AtomicU32 = AtomicU32::new(0);

    fn protect(protection: c_int) {
        if let (true, Some(&start)) = (WATCHING.load(Ordering::SeqCst), BUFFER.get()) {
            for middle in (start..start + 8 * MIB)
                .step_by(MIB)
                .map(|mib| mib + MIB / 4)
            {
                // SAFETY: whole pages of the test's own buffer, to which no Rust reference exists
                // any more.
                let done = unsafe {
                    mprotect(
                        std::ptr::with_exposed_provenance_mut(middle),
                        MIB / 2,
                        protection,
                    )
                };
                assert_eq!(done, 0);
            }
        }
    }

    // SAFETY: one thread uses it (the tests take turns), and re-entry would be noticed.
    unsafe impl RawLock for ContentsAway {
        const INIT: Self = Self;
        type Token = ();

        fn acquire(&self) {
            assert_eq!(HELD.fetch_add(1, Ordering::SeqCst), 0, "one holder");
            protect(0);
        }

        unsafe fn release(&self, (): ()) {
            protect(3); // read and write
            HELD.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// A heap in 8 MiB of whole pages.
    fn heap<P: Poison + 'static>() -> &'static CapsHeap<ContentsAway, P> {
        let pages = Box::leak(vec![MaybeUninit::<u8>::uninit(); 9 * MIB].into_boxed_slice());
        let lead = pages.as_ptr().addr().wrapping_neg() % PAGE;
        let buffer = &mut pages[lead..][..8 * MIB];
        BUFFER.set(buffer.as_mut_ptr().expose_provenance()).unwrap();
        let heap: &CapsHeap<ContentsAway, P> = Box::leak(Box::new(CapsHeap::new(())));
        heap.add_buffer(
            [
                Caps::DEFAULT | Caps::INTERNAL | Caps::BIT8,
                Caps::empty(),
                Caps::empty(),
            ],
            buffer,
        )
        .unwrap();
        WATCHING.store(true, Ordering::SeqCst);
        heap
    }

    fn holds(block: *const u8, byte: u8) -> bool {
        // SAFETY: the test's own block of 1 MiB.
        unsafe { std::slice::from_raw_parts(block, MIB - 64) }
            .iter()
            .all(|&found| found == byte)
    }

    /// calloc, realloc by moving, realloc in place, realloc downwards, free: blocks of about 1 MiB.
    fn big_blocks_live<P: Poison + 'static>() {
        let heap = heap::<P>();
        let big = layout(MIB - 64, 4);
        // SAFETY: blocks are used and freed by their last pointers and layouts.
        unsafe {
            let first = heap.alloc_zeroed(big);
            assert!(holds(first, 0));
            first.write_bytes(1, MIB - 64);
            let barrier = heap.alloc(big);
            let moved = GlobalAlloc::realloc(heap, first, big, 2 * MIB - 64);
            assert_ne!(moved, first, "it had no room to grow");
            assert!(holds(moved, 1));
            let shrunk = GlobalAlloc::realloc(heap, moved, layout(2 * MIB - 64, 4), MIB - 64);
            assert_eq!(shrunk, moved, "in place");
            let grown = GlobalAlloc::realloc(heap, shrunk, big, 3 * MIB - 64);
            assert_eq!(grown, moved, "in place");
            assert!(holds(grown, 1));
            if P::FILLS {
                assert!(holds(grown.add(MIB), 0xCE) && holds(grown.add(2 * MIB), 0xCE));
            }
            let shrunk = GlobalAlloc::realloc(heap, grown, layout(3 * MIB - 64, 4), MIB - 64);
            assert_eq!(shrunk, moved, "in place");
            heap.dealloc(barrier, big);
            let downwards = GlobalAlloc::realloc(heap, shrunk, big, 6 * MIB);
            assert!(!downwards.is_null() && holds(downwards, 1));
            assert!(!P::FILLS || holds(downwards.add(MIB), 0xCE));
            heap.dealloc(downwards, layout(6 * MIB, 4));
        }
        finish(heap);
    }

    fn finish<P: Poison>(heap: &CapsHeap<ContentsAway, P>) {
        WATCHING.store(false, Ordering::SeqCst);
        assert_eq!(
            heap.inspect()
                .locked(|heaps| heaps.check_integrity(Caps::INVALID)),
            Ok(())
        );
        assert_eq!(heap.inspect().info(Caps::empty()).allocated_blocks, 0);
    }

    /// Each level in a process of its own: what fails, fails by a signal.
    fn in_a_process(level: &str) {
        let program = std::env::current_exe().unwrap();
        let run = std::process::Command::new(program)
            .args([
                "--exact",
                &format!("contents::{level}"),
                "--ignored",
                "--test-threads=1",
            ])
            .output()
            .unwrap();
        assert!(
            run.status.success() && String::from_utf8_lossy(&run.stdout).contains("1 passed"),
            "{level}: {}\n{}",
            run.status,
            String::from_utf8_lossy(&run.stdout)
        );
    }

    #[test]
    fn no_byte_of_a_big_block_is_touched_under_the_lock() {
        ["unpoisoned", "light", "comprehensive"]
            .into_iter()
            .for_each(in_a_process);
    }

    #[test]
    #[ignore = "run by no_byte_of_a_big_block_is_touched_under_the_lock"]
    fn unpoisoned() {
        big_blocks_live::<Unpoisoned>();
    }

    #[test]
    #[ignore = "run by no_byte_of_a_big_block_is_touched_under_the_lock"]
    fn light() {
        big_blocks_live::<Light>();
    }

    #[test]
    #[ignore = "run by no_byte_of_a_big_block_is_touched_under_the_lock"]
    fn comprehensive() {
        big_blocks_live::<Comprehensive>();
    }

    #[test]
    fn the_proof_notices_a_byte_that_is_touched_under_the_lock() {
        let program = std::env::current_exe().unwrap();
        let run = std::process::Command::new(program)
            .args([
                "--exact",
                "contents::touching",
                "--ignored",
                "--test-threads=1",
            ])
            .output()
            .unwrap();
        assert!(
            !run.status.success() && run.status.code().is_none(),
            "ended by a signal: {}",
            run.status
        );
    }

    #[test]
    #[ignore = "run by the_proof_notices_a_byte_that_is_touched_under_the_lock"]
    fn touching() {
        let heap = heap::<Unpoisoned>();
        // SAFETY: the test's own block.
        let block = unsafe { heap.alloc(layout(MIB, 4)) };
        // SAFETY: as above; at this place the lock takes the bytes away.
        heap.inspect()
            .locked(|_| unsafe { block.add(MIB / 2).write_volatile(1) });
    }
}

/// A lock that counts.
struct Counting(AtomicU32);

// SAFETY: the test that uses it has one thread.
unsafe impl RawLock for Counting {
    const INIT: Self = Self(AtomicU32::new(0));
    type Token = ();

    fn acquire(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        TURNS.with(|turns| turns.set(turns.get() + 1));
    }

    unsafe fn release(&self, (): ()) {}
}

thread_local! {
    static TURNS: Cell<u32> = const { Cell::new(0) };
}

#[test]
fn the_reason_of_a_refusal_is_looked_for_in_pieces() {
    let memory = Box::leak(Box::new(SimulatedMemory::new()));
    let heap: &CapsHeap<Counting> = Box::leak(Box::new(CapsHeap::new(())));
    let options = ESP32.default_options();
    // SAFETY: nothing else uses the simulated memory, and it is never dropped.
    unsafe { heap.boot(&ESP32, &options, &ESP32.sample_symbols(&options), memory) }.unwrap();
    let blocks: Vec<_> = (0..1600)
        .map(|_| heap.malloc(20, Caps::DMA).unwrap())
        .collect();
    let last = *blocks.last().unwrap();
    // SAFETY: a block that is freed twice, which is an error, not a danger.
    unsafe { heap.free(last) }.unwrap();
    let turns = |call: &dyn Fn() -> Option<MisuseKind>| {
        let before = TURNS.get();
        assert_eq!(call(), Some(MisuseKind::AlreadyFree));
        TURNS.get() - before
    };
    // SAFETY: as above.
    let freed = || unsafe { heap.free(last) }.err().map(|misuse| misuse.kind);
    let asked = || {
        heap.inspect()
            .usable_size(last)
            .err()
            .map(|misuse| misuse.kind)
    };
    // SAFETY: as above.
    let resized = || match unsafe { heap.realloc(last, 40, Caps::empty()) } {
        Err(ReallocateError::Misuse(misuse)) => Some(misuse.kind),
        _ => None,
    };
    for call in [&freed as &dyn Fn() -> _, &asked, &resized] {
        let turns = turns(call);
        assert!(turns >= 20, "{turns} turns at the lock");
    }
}
