//! Class B with threads: whatever is read or written is behind the lock.

use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use heap_caps::AddRegionError;
use heap_caps_alloc::{CapsHeap, CriticalSectionLock, SpinLock};
use heap_trace::{Ledger, Mode, Owner, Slot, Trace, TraceContext};
use multi_heap::{Comprehensive, Light, Poison, Unpoisoned};
use soc_regions::Caps;

use crate::support::*;

const BYTES: [Caps; 3] = [Caps::BIT8, Caps::empty(), Caps::empty()];
const THREADS: u32 = 4;

/// A heap of `bytes` bytes, for as long as the test program runs.
fn heap_of<P: Poison + 'static>(bytes: usize) -> &'static CapsHeap<SpinLock, P> {
    let heap: &CapsHeap<SpinLock, P> = Box::leak(Box::new(CapsHeap::new(())));
    let buffer = vec![MaybeUninit::uninit(); bytes].leak();
    heap.add_buffer(BYTES, buffer).unwrap();
    heap
}

/// Each thread allocates a quarter of the memory and frees it. What three leave is always enough
/// for the fourth.
fn nobody_fails_while_memory_is_free<P: Poison + Send + 'static>() {
    let heap = heap_of::<P>(64 << 10);
    let done = AtomicBool::new(false);
    let checks = AtomicU32::new(0);
    let checks = &checks;
    thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|number| {
                scope.spawn(move || {
                    // Longer where the checker has had no turn: a busy machine is no defect
                    for round in 0..1_000_000 {
                        if round >= 1000 && checks.load(Ordering::Relaxed) > 10 {
                            break;
                        }
                        let block = heap.malloc(15 << 10, Caps::BIT8);
                        let block =
                            block.unwrap_or_else(|failure| panic!("round {round}: {failure}"));
                        // SAFETY: the thread's own block.
                        unsafe { block.write_bytes(number as u8, 64) };
                        // SAFETY: the thread's own block, not used again.
                        unsafe { heap.free(block) }.unwrap();
                        thread::yield_now();
                    }
                })
            })
            .collect();
        let checker = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                heap.inspect().locked(|heaps| {
                    assert_eq!(heaps.check_integrity(Caps::INVALID), Ok(()), "{}", P::NAME);
                });
                checks.fetch_add(1, Ordering::Relaxed);
                thread::yield_now();
            }
        });
        workers
            .into_iter()
            .for_each(|worker| worker.join().unwrap());
        done.store(true, Ordering::Relaxed);
        checker.join().unwrap();
        assert!(checks.load(Ordering::Relaxed) > 10);
    });
}

/// Defects: b0c5665, 04188d8.
#[test]
fn nobody_fails_while_memory_is_free_and_no_check_meets_half_a_block() {
    nobody_fails_while_memory_is_free::<Unpoisoned>();
    nobody_fails_while_memory_is_free::<Light>();
    nobody_fails_while_memory_is_free::<Comprehensive>();
}

/// Defects: bdfc348.
#[test]
fn a_trace_that_starts_and_stops_among_threads_knows_every_block_of_its_session() {
    type Traced = CapsHeap<SpinLock, Unpoisoned, Trace<'static>>;
    let heap: &Traced = esp32(Trace::new(()));
    let slots = vec![Slot::EMPTY; 5000].leak();
    heap.with_observer(|trace| trace.set_buffer(slots).map(|_| ()))
        .unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let block = heap.malloc(40, Caps::DMA).unwrap();
                    // SAFETY: the thread's own block.
                    unsafe { heap.free(block) }.unwrap();
                    thread::yield_now();
                }
            });
        }
        for _ in 0..40 {
            heap.with_observer(|trace| trace.start(Mode::Leaks))
                .unwrap();
            thread::yield_now();
            let summary = heap.with_observer(|trace| {
                trace.stop().unwrap();
                trace.summary()
            });
            let alive = summary.total_allocations as usize - summary.hits as usize;
            assert_eq!(summary.count, alive, "{summary:?}");
            assert!(alive <= THREADS as usize, "{summary:?}");
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// Defects: 5361c08.
#[test]
fn of_threads_that_register_one_memory_one_succeeds() {
    for _ in 0..50 {
        let heap: &CapsHeap<SpinLock> = Box::leak(Box::new(CapsHeap::new(())));
        let memory = vec![0_u64; 512].leak();
        let address = memory.as_mut_ptr().expose_provenance();
        let register = |lead: usize| {
            let start = std::ptr::with_exposed_provenance_mut::<u8>(address + lead);
            let bytes = NonNull::slice_from_raw_parts(NonNull::new(start).unwrap(), 2048);
            // SAFETY: leaked memory that only the heap will use, whichever thread succeeds.
            unsafe { heap.add_memory(BYTES, bytes) }
        };
        let results: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|thread| scope.spawn(move || register(thread * 64)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(
            results.iter().filter(|result| result.is_ok()).count(),
            1,
            "{results:?}"
        );
        let refused = results.iter().filter_map(|result| result.err());
        assert!(
            refused
                .into_iter()
                .all(|why| matches!(why, AddRegionError::Overlap(_)))
        );
        assert_eq!(heap.inspect().heaps().count(), 1);
    }
}

/// Each thread is an owner, as a task is.
#[derive(Debug)]
struct ByThread;

thread_local! {
    static OWNER: std::cell::Cell<u8> = const { std::cell::Cell::new(0) };
}

impl TraceContext for ByThread {
    fn owner(&self) -> Owner {
        Owner(OWNER.get())
    }
}

/// Defects: 17519, 18726, 17232.
#[test]
fn accounts_are_kept_where_interrupts_are_off_and_threads_free_each_others_blocks() {
    type Accounts = CapsHeap<CriticalSectionLock, Light, Ledger<ByThread>>;
    let heap: &Accounts = esp32(Ledger::new(ByThread, ()));
    let (give, take) = std::sync::mpsc::sync_channel::<usize>(64);
    thread::scope(|scope| {
        for owner in 1..=3 {
            let give = give.clone();
            scope.spawn(move || {
                OWNER.set(owner);
                for size in 1..2000 {
                    let block = heap.malloc(size % 90 + 1, Caps::DMA).unwrap();
                    give.send(block.as_ptr().expose_provenance()).unwrap();
                }
            });
        }
        drop(give);
        OWNER.set(4);
        for address in take {
            let block = NonNull::new(std::ptr::with_exposed_provenance_mut(address)).unwrap();
            // As the radio does: a free with interrupts off, where no mutex may be taken.
            // SAFETY: the block was sent here, and nobody uses it any more.
            critical_section::with(|_| unsafe { heap.free(block) }).unwrap();
        }
    });
    let usages = heap.with_observer(|ledger| *ledger.owners());
    let now: Vec<_> = usages
        .iter()
        .take(5)
        .map(|usage| (usage.bytes, usage.blocks))
        .collect();
    assert_eq!(now, [(0, 0); 5]);
    let made: Vec<_> = usages
        .iter()
        .take(5)
        .map(|usage| usage.allocations)
        .collect();
    assert_eq!(
        made,
        [0, 1999, 1999, 1999, 0],
        "each its own, the one who frees none"
    );
}
