//! Waiting, cancelling and freeing on several cores at once, in thousands of orders.
//!
//! The lock is one whose every step the scheduler of `shuttle` may interrupt, so each test is run
//! with the threads interleaved in other ways.
#![allow(
    clippy::unwrap_used,
    clippy::multiple_unsafe_ops_per_block,
    reason = "tests: helpers too, and programs of unsafe calls with one contract"
)]

use std::future::Future;
use std::mem::MaybeUninit;
use std::pin::pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use heap_caps::{AllocRequest, FailureKind, Owner, ReallocateError};
use heap_caps_alloc::{
    CapsHeap, EmergencyReserve, Level, OwnerAccounts, OwnerLimits, PressureGauge, RawLock,
};
use shuttle::sync::Arc;
use shuttle::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use shuttle::{future, thread};
use soc_regions::Caps;

/// A spin lock in steps that can be interleaved.
struct Steps(AtomicBool);

// SAFETY: one swap at a time finds `false`, and `release` follows it.
unsafe impl RawLock for Steps {
    const INIT: Self = Self(AtomicBool::new(false));

    type Token = ();

    fn acquire(&self) {
        while self.0.swap(true, Ordering::SeqCst) {
            thread::yield_now();
        }
    }

    unsafe fn release(&self, (): ()) {
        self.0.store(false, Ordering::SeqCst);
    }
}

type Heap = CapsHeap<Steps, multi_heap::Unpoisoned, (), 2>;

fn heap() -> &'static Heap {
    let heap: &Heap = Box::leak(Box::new(CapsHeap::new(())));
    let memory = Box::leak(vec![MaybeUninit::uninit(); 0x400].into_boxed_slice());
    heap.add_buffer([Caps::BIT8, Caps::empty(), Caps::empty()], memory)
        .unwrap();
    heap
}

/// A block that may be handed to another thread.
struct Block(NonNull<u8>);

// SAFETY: memory is not bound to a thread.
unsafe impl Send for Block {}

fn take(heap: &Heap, size: usize) -> Block {
    Block(heap.malloc(size, Caps::BIT8).unwrap())
}

fn free(heap: &Heap, block: Block) {
    // SAFETY: the tests free blocks of their own.
    unsafe { heap.free(block.0) }.unwrap();
}

fn wait(heap: &Heap, size: usize, priority: u8) -> Block {
    let request = AllocRequest::new(size, Caps::BIT8);
    Block(future::block_on(heap.allocate_async(request).with_priority(priority)).unwrap())
}

const RUNS: usize = 2000;

fn in_many_orders(test: impl Fn() + Send + Sync + 'static) {
    shuttle::check_random(test, RUNS);
}

#[test]
fn no_wake_is_lost() {
    in_many_orders(|| {
        let heap = heap();
        let at_first = heap.inspect().free_size(Caps::BIT8);
        let block = take(heap, 600);
        let waiters: Vec<_> = [(500, 0), (300, 1), (550, 0)]
            .into_iter()
            .map(|(size, priority)| thread::spawn(move || free(heap, wait(heap, size, priority))))
            .collect();
        free(heap, block);
        for waiter in waiters {
            waiter.join().unwrap();
        }
        assert_eq!(heap.inspect().free_size(Caps::BIT8), at_first);
        assert_eq!(heap.faults().last_report(), None);
    });
}

#[test]
fn a_waiter_that_gives_up_leaves_nothing_behind() {
    in_many_orders(|| {
        let heap = heap();
        let at_first = heap.inspect().free_size(Caps::BIT8);
        let block = take(heap, 600);
        let impatient = thread::spawn(move || {
            let request = AllocRequest::new(500, Caps::BIT8);
            let mut waiting = pin!(heap.allocate_async(request).with_priority(9));
            let mut context = Context::from_waker(std::task::Waker::noop());
            for _ in 0..2 {
                if let Poll::Ready(block) = waiting.as_mut().poll(&mut context) {
                    free(heap, Block(block.unwrap()));
                    return;
                }
            }
        });
        let patient = thread::spawn(move || free(heap, wait(heap, 500, 0)));
        free(heap, block);
        impatient.join().unwrap();
        patient.join().unwrap();
        assert_eq!(heap.inspect().free_size(Caps::BIT8), at_first);
        assert_eq!(heap.faults().last_report(), None);
    });
}

#[test]
fn a_reserve_is_released_once_and_armed_again() {
    in_many_orders(|| {
        let heap = heap();
        let at_first = heap.inspect().free_size(Caps::BIT8);
        let reserve = EmergencyReserve::new("last", Caps::BIT8, 300);
        let reserve = heap.pressure().arm_emergency(reserve).unwrap();
        let block = take(heap, 350);
        assert!(heap.pressure().is_emergency_armed(reserve));
        let takers: Vec<_> = (0..2)
            .map(|_| thread::spawn(move || heap.malloc(250, Caps::BIT8).ok().map(Block)))
            .collect();
        let taken: Vec<_> = takers
            .into_iter()
            .filter_map(|taker| taker.join().unwrap())
            .collect();
        assert_eq!(taken.len(), 1, "one of them was served by the reserve");
        free(heap, block);
        for block in taken {
            free(heap, block);
        }
        assert!(heap.pressure().is_emergency_armed(reserve));
        assert!(heap.pressure().disarm_emergency(reserve));
        assert_eq!(heap.inspect().free_size(Caps::BIT8), at_first);
        assert_eq!(heap.faults().last_report(), None);
    });
}

/// While somebody waits and somebody frees: the handler has what is left of the reserve, and the
/// waiter is served afterwards.
#[test]
fn a_reserve_is_its_handlers_first_and_no_wake_is_lost() {
    static HEAP: std::sync::Mutex<Option<&'static Heap>> = std::sync::Mutex::new(None);
    in_many_orders(|| {
        let heap = heap();
        *HEAP.lock().unwrap() = Some(heap);
        let at_first = heap.inspect().free_size(Caps::BIT8);
        let reserve = EmergencyReserve::new("last", Caps::BIT8, 300).with_handler(|_| {
            let heap = HEAP.lock().unwrap().unwrap();
            for _ in 0..2 {
                free(heap, take(heap, 200));
            }
        });
        let reserve = heap.pressure().arm_emergency(reserve).unwrap();
        let block = take(heap, 350);
        assert!(heap.pressure().is_emergency_armed(reserve));
        let small = AllocRequest::new(16, Caps::BIT8).fail_fast();
        let mut blocks: Vec<_> = std::iter::from_fn(|| heap.try_allocate(small))
            .map(Block)
            .collect();
        let waiter = thread::spawn(move || free(heap, wait(heap, 200, 0)));
        let freer = thread::spawn(move || free(heap, block));
        blocks.push(take(heap, 50));
        waiter.join().unwrap();
        freer.join().unwrap();
        for block in blocks {
            free(heap, block);
        }
        assert!(heap.pressure().is_emergency_armed(reserve));
        assert!(heap.pressure().disarm_emergency(reserve));
        assert_eq!(heap.inspect().free_size(Caps::BIT8), at_first);
        assert_eq!(heap.faults().last_report(), None);
    });
}

#[test]
fn the_last_level_reported_is_the_last_level() {
    static LAST: std::sync::Mutex<Option<Level>> = std::sync::Mutex::new(None);
    static TELLING: std::sync::Mutex<u32> = std::sync::Mutex::new(0);
    in_many_orders(|| {
        *LAST.lock().unwrap() = None;
        let heap = heap();
        let gauge = PressureGauge::new("test", Caps::BIT8)
            .free_below(500, 300)
            .with_hysteresis(0)
            .with_handler(|change| {
                *TELLING.lock().unwrap() += 1;
                thread::yield_now();
                *LAST.lock().unwrap() = Some(change.to);
                assert_eq!(*TELLING.lock().unwrap(), 1, "one at a time");
                *TELLING.lock().unwrap() -= 1;
            });
        let gauge = heap.pressure().add_gauge(gauge).unwrap();
        let threads: Vec<_> = [250, 300]
            .into_iter()
            .map(|size| {
                thread::spawn(move || {
                    let block = take(heap, size);
                    free(heap, block);
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let reported = LAST.lock().unwrap().unwrap_or(Level::Normal);
        assert_eq!(Some(reported), heap.pressure().level(gauge));
    });
}

/// A shrinker runs in one thread at a time, and everybody is served or refused.
#[test]
fn shrinkers_run_one_at_a_time() {
    use heap_caps_alloc::{Shortage, Shrink, Shrinker};

    struct Cache(AtomicU32);

    impl Shrink for Cache {
        fn shrink(&self, _: &Shortage) -> u32 {
            assert_eq!(self.0.fetch_add(1, Ordering::SeqCst), 0);
            thread::yield_now();
            self.0.fetch_sub(1, Ordering::SeqCst);
            0
        }
    }

    in_many_orders(|| {
        let heap = heap();
        let cache: &'static Cache = Box::leak(Box::new(Cache(AtomicU32::new(0))));
        heap.pressure()
            .register_shrinker(Shrinker::new("cache", Caps::BIT8, cache))
            .unwrap();
        let served = Arc::new(AtomicU32::new(0));
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let served = served.clone();
                thread::spawn(move || {
                    let taken = heap.malloc(300, Caps::BIT8);
                    served.fetch_add(u32::from(taken.is_ok()), Ordering::SeqCst);
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(served.load(Ordering::SeqCst), 2);
        assert_eq!(heap.inspect().failures(), 1);
    });
}

/// Two threads and a waiter share the limit of one owner: it is never above it, the waiter is
/// served by their frees, and at the end nothing is on its account.
#[test]
fn an_owner_is_never_above_its_limit_and_its_waiter_is_served() {
    const MQTT: Owner = Owner(1);
    const LIMIT: u32 = 300;

    fn check_and_free(heap: &Heap, block: Block) {
        let usage = heap.pressure().owner_usage(MQTT, Caps::BIT8).unwrap();
        assert!(usage.used <= LIMIT, "{usage:?}");
        free(heap, block);
    }

    in_many_orders(|| {
        let heap = heap();
        let at_first = heap.inspect().free_size(Caps::BIT8);
        let accounts = Box::leak(Box::new(OwnerAccounts::<2, 16>::new()));
        heap.pressure()
            .open_accounts(accounts, || Owner::NOBODY)
            .unwrap();
        let limits = OwnerLimits::new(MQTT, "mqtt", Caps::BIT8).at_most(LIMIT);
        heap.pressure().limit_owner(limits).unwrap();
        let request = |size| AllocRequest::new(size, Caps::BIT8).on_behalf_of(MQTT);
        let mut threads: Vec<_> = [200, 150]
            .into_iter()
            .map(|size| {
                thread::spawn(move || {
                    if let Some(block) = heap.try_allocate(request(size)) {
                        check_and_free(heap, Block(block));
                    }
                })
            })
            .collect();
        threads.push(thread::spawn(move || {
            let served = future::block_on(heap.allocate_async(request(250)));
            check_and_free(heap, Block(served.unwrap()));
        }));
        for thread in threads {
            thread.join().unwrap();
        }
        let usage = heap.pressure().owner_usage(MQTT, Caps::BIT8).unwrap();
        assert_eq!((usage.used, usage.blocks), (0, 0));
        assert_eq!(heap.inspect().free_size(Caps::BIT8), at_first);
        assert_eq!(heap.faults().last_report(), None);
    });
}

/// Two tasks are refused at one place of the program and for one size, but not for one reason.
#[test]
fn each_refusal_names_its_own_cause() {
    in_many_orders(|| {
        let heap = heap();
        let accounts = Box::leak(Box::new(OwnerAccounts::<2, 8>::new()));
        let pressure = heap.pressure();
        pressure.open_accounts(accounts, || Owner::NOBODY).unwrap();
        let limits = OwnerLimits::new(Owner(1), "limited", Caps::BIT8).at_most(100);
        pressure.limit_owner(limits).unwrap();
        let block = take(heap, 600);
        let refused = |owner| {
            let request = AllocRequest::new(500, Caps::BIT8).on_behalf_of(owner);
            heap.allocate(&request).unwrap_err()
        };
        let free_one = thread::spawn(move || refused(Owner(2)));
        let limited = refused(Owner(1));
        let free_one = free_one.join().unwrap();
        assert!(
            limited.to_string().contains("limited (owner 1)"),
            "{limited}"
        );
        assert_eq!(free_one.cause, FailureKind::NoMemory);
        assert!(free_one.to_string().contains("largest"), "{free_one}");
        free(heap, block);
    });
}

/// The same without limits.
#[test]
fn each_refusal_names_its_own_size() {
    in_many_orders(|| {
        let heap = heap();
        let sizes = [5000, 6000].map(|size| {
            thread::spawn(move || heap.malloc(size, Caps::BIT8).unwrap_err().to_string())
        });
        for (thread, size) in sizes.into_iter().zip(["4.9 KiB", "5.9 KiB"]) {
            let refused = thread.join().unwrap();
            assert!(refused.starts_with(size), "{refused}");
            assert!(refused.contains("no heap is that big"), "{refused}");
        }
    });
}

#[test]
fn a_refused_reallocation_returns_its_own_cause() {
    in_many_orders(|| {
        let heap = heap();
        let block = take(heap, 300);
        let other = thread::spawn(move || {
            let refused = heap.aligned_alloc(3, 100, Caps::BIT8).unwrap_err();
            assert_ne!(refused.cause, FailureKind::NoMemory);
        });
        let request = AllocRequest::new(5000, Caps::BIT8);
        // SAFETY: the block is this test's own, and stays where it is.
        let resized = unsafe { heap.try_reallocate(block.0, request) };
        let no_memory = ReallocateError::Failure(FailureKind::NoMemory);
        assert_eq!(resized, Err(no_memory));
        other.join().unwrap();
        free(heap, block);
    });
}
