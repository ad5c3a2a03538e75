//! Limits of owners: refusals and guaranteed minimums, against a model.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::multiple_unsafe_ops_per_block,
    clippy::result_large_err,
    clippy::cast_possible_truncation,
    reason = "tests: helpers too, and programs of unsafe calls with one contract"
)]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::future::Future;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::ptr::NonNull;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use allocator_api2_04::vec::Vec as OwnedVec;
use heap_caps::{
    AllocRequest, Failure, FailureKind, Observer, Owner, PressureEvent, ReallocateError, SkipReason,
};
use heap_caps_alloc::{
    AccountsAreOpen, Arena, CapsAllocator, CapsHeap, DmaBuffer, EmergencyReserve, LimitError,
    OwnedBy, OwnerAccounts, OwnerLimits, PATIENCE, Shortage, Shrinker, SpinLock,
};
use heap_trace::Ledger;
use multi_heap::{Comprehensive, Light, Poison, Unpoisoned};
use proptest::prelude::*;
use soc_regions::Caps;

type Heap<P = Unpoisoned, O = ()> = CapsHeap<SpinLock, P, O>;

const DRAM: Caps = Caps::BIT8.union(Caps::INTERNAL);
const DMA: Caps = DRAM.union(Caps::DMA);
const PSRAM: Caps = Caps::BIT8.union(Caps::SPIRAM);
const A: Owner = Owner(1);
const B: Owner = Owner(2);

std::thread_local! {
    static CURRENT: Cell<Owner> = const { Cell::new(Owner::NOBODY) };
}

fn current() -> Owner {
    CURRENT.get()
}

fn by<R>(owner: Owner, work: impl FnOnce() -> R) -> R {
    let before = CURRENT.replace(owner);
    let done = work();
    CURRENT.set(before);
    done
}

/// Memory for DMA, other internal memory and PSRAM, of the given bytes each, with accounts.
fn heap_with<P: Poison, O: Observer>(observer: O, bytes: usize) -> &'static Heap<P, O> {
    let heap: &Heap<P, O> = Box::leak(Box::new(CapsHeap::new(observer)));
    for caps in [DMA | Caps::DEFAULT, DRAM | Caps::DEFAULT, PSRAM] {
        let memory = Box::leak(vec![MaybeUninit::uninit(); bytes].into_boxed_slice());
        heap.add_buffer([caps, Caps::empty(), Caps::empty()], memory)
            .unwrap();
    }
    let accounts = Box::leak(Box::new(OwnerAccounts::<6, 400>::new()));
    heap.pressure().open_accounts(accounts, current).unwrap();
    heap
}

fn heap(bytes: usize) -> &'static Heap {
    heap_with((), bytes)
}

fn free<P: Poison, O: Observer>(heap: &Heap<P, O>, block: NonNull<u8>) {
    // SAFETY: the tests free blocks of their own.
    unsafe { heap.free(block) }.unwrap();
}

fn used(heap: &Heap, owner: Owner, caps: Caps) -> u32 {
    heap.pressure().owner_usage(owner, caps).unwrap().used
}

#[test]
fn a_hard_limit_is_reached_to_the_byte_and_names_its_owner() {
    let heap = heap(0x4000);
    let limits = OwnerLimits::new(A, "mqtt", DRAM).at_most(1000);
    heap.pressure().limit_owner(limits).unwrap();
    let first = by(A, || heap.malloc(496, DRAM)).unwrap(); // 500 with its header
    let refused = by(A, || heap.malloc(500, DRAM)).unwrap_err();
    let expected = FailureKind::OverLimit {
        owner: A,
        name: "mqtt",
        limit: 1000,
        used: 500,
    };
    assert_eq!(refused.cause, expected);
    assert!(
        refused
            .to_string()
            .contains(": mqtt (owner 1) has 500 B and may have no more than 1000 B"),
        "{refused}"
    );
    let second = by(A, || heap.malloc(496, DRAM)).unwrap();
    let usage = heap.pressure().owner_usage(A, DRAM).unwrap();
    assert_eq!(
        (usage.used, usage.peak, usage.blocks, usage.refusals),
        (1000, 1000, 2, 1)
    );
    assert_eq!(
        usage.to_string(),
        "mqtt (owner 1): 1000 B in 2 blocks, at most 1000 B ever; may have 1000 B, 1 refused"
    );
    let others = heap.malloc(4000, DRAM).unwrap();
    by(B, || free(heap, first)); // whoever frees
    free(heap, second);
    free(heap, others);
    assert_eq!(used(heap, A, DRAM), 0);
    assert_eq!(heap.pressure().owners().count(), 1);
}

std::thread_local! {
    /// A failure handler's heap, and what its own request for 0x4000 bytes came to.
    static HANDLED: Cell<(Option<&'static Heap>, Option<FailureKind>)> =
        const { Cell::new((None, None)) };
}

/// Fails in its turn: what the heaps recorded last is the failure of this request.
fn allocate_too_much(_: &Failure) {
    if let (Some(heap), None) = HANDLED.take() {
        let refused = by(B, || heap.malloc(0x4000, DRAM)).unwrap_err();
        HANDLED.set((None, Some(refused.cause)));
    }
}

#[test]
fn a_refusal_names_its_own_cause_although_the_handler_failed_since() {
    let heap = heap(0x4000);
    heap.pressure().set_failure_handler(Some(allocate_too_much));
    let limits = OwnerLimits::new(A, "mqtt", DRAM).at_most(1000);
    heap.pressure().limit_owner(limits).unwrap();
    let is_over_limit = |refused: Failure| {
        let others = HANDLED.take();
        assert_eq!(others.1, Some(FailureKind::NoMemory), "it was refused too");
        assert_eq!(heap.inspect().last_failure().unwrap().size, 0x4000);
        let expected = "mqtt (owner 1) has 500 B and may have no more than 1000 B";
        assert!(refused.to_string().contains(expected), "{refused}");
    };

    let block = by(A, || heap.malloc(496, DRAM)).unwrap(); // 500 with its header
    HANDLED.set((Some(heap), None));
    is_over_limit(by(A, || heap.malloc(500, DRAM)).unwrap_err());

    HANDLED.set((Some(heap), None));
    // SAFETY: the block is this test's own.
    let resized = by(A, || unsafe { heap.realloc(block, 1100, DRAM) });
    let Err(ReallocateError::Failure(refused)) = resized else {
        panic!("{resized:?}")
    };
    is_over_limit(refused);

    HANDLED.set((Some(heap), None));
    let request = AllocRequest::new(2000, DRAM).on_behalf_of(A);
    let mut never = pin!(heap.allocate_async(request));
    let Poll::Ready(Err(refused)) = never.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    else {
        panic!("no free of its own can ever help")
    };
    is_over_limit(refused);
    free(heap, block);
}

#[test]
fn a_limit_of_some_memory_leaves_the_rest_open() {
    let heap = heap(0x4000);
    let limits = OwnerLimits::new(A, "camera", DMA).at_most(100);
    heap.pressure().limit_owner(limits).unwrap();
    let block = by(A, || heap.malloc(2000, DRAM)).unwrap(); // not of the first heap on its route
    assert_eq!(used(heap, A, DMA), 0);
    assert_eq!(
        heap.inspect().free_size(DMA),
        heap.inspect().largest_free_block(DMA)
    );
    free(heap, block);
    let _rest = by(A, || heap.malloc(0x3C00, DRAM)).unwrap();
    let refused = by(A, || heap.malloc(2000, DRAM)).unwrap_err();
    assert_eq!(refused.cause, FailureKind::NoMemory);
    let why: Vec<_> = refused.candidates().map(|heap| heap.why).collect();
    assert!(why.contains(&SkipReason::OverLimit), "{why:?}");
    assert!(
        refused
            .to_string()
            .contains("is closed by its owner's limit"),
        "{refused}"
    );
}

#[test]
fn a_minimum_is_kept_from_everybody_else_until_its_owner_has_it() {
    let heap = heap(0x1000);
    let whole = heap.inspect().free_size(DMA);
    let limits = OwnerLimits::new(A, "tls", DMA).guaranteed(2000);
    heap.pressure().limit_owner(limits).unwrap();
    let others = heap.malloc((whole - 2000 - 8) as usize, DMA).unwrap();
    let refused = by(B, || heap.malloc(100, DMA)).unwrap_err();
    assert_eq!(refused.cause, FailureKind::NoMemory);
    let sentence = refused.to_string();
    assert!(
        sentence.contains("keeps 2.0 KiB for other owners"),
        "{sentence}"
    );
    assert_eq!(
        refused.candidates().next().unwrap().why,
        SkipReason::Guaranteed { bytes: 2000 }
    );
    let own = by(A, || heap.malloc(1900, DMA)).unwrap();
    free(heap, others);
    let others = by(B, || heap.malloc(1500, DMA)).unwrap();
    free(heap, others);
    free(heap, own);
    let all = heap.malloc((whole - 100) as usize, DMA);
    assert!(all.is_err(), "it is kept again");
}

/// What an owner frees it may miss in two memories: bytes that others could have before are kept.
#[test]
fn what_is_freed_is_kept_again_for_each_minimum_of_its_owner() {
    let heap = heap(0x800);
    while heap.malloc(100, DRAM).is_ok() && heap.inspect().free_size(DMA) > 0x600 {}
    for caps in [DMA, DRAM] {
        let limits = OwnerLimits::new(A, "camera", caps).guaranteed(300);
        heap.pressure().limit_owner(limits).unwrap();
    }
    let frame = by(A, || heap.malloc(292, DMA)).unwrap();
    free(heap, heap.malloc(16, DRAM).unwrap()); // now it is known what others may have
    free(heap, frame);
    while heap.malloc(100, DRAM).is_ok() {}
    let left = heap.inspect().free_size(DRAM);
    assert!(
        left + 8 >= 600,
        "{left} B are left for two minimums of 300 B"
    );
}

#[test]
fn minimums_are_checked_against_the_heap_and_each_other() {
    let heap = heap(0x1000);
    let all = heap.inspect().free_size(DRAM);
    let control = heap.pressure();
    let minimum = |owner, caps, bytes| OwnerLimits::new(owner, "x", caps).guaranteed(bytes);
    control.limit_owner(minimum(A, DMA, 1000)).unwrap();
    let missing = control
        .limit_owner(minimum(B, DRAM, all - 990))
        .unwrap_err();
    assert_eq!(missing, LimitError::NotEnough { missing: 10 });
    assert_eq!(
        missing.to_string(),
        "the guaranteed minimums are 10 B more than there is"
    );
    control.limit_owner(minimum(B, DRAM, all - 1000)).unwrap();
    let nested = control.limit_owner(minimum(B, DMA, 4000)).unwrap_err();
    assert!(matches!(nested, LimitError::NotEnough { .. }));
    let above = minimum(A, DMA, 1000).at_most(999);
    assert_eq!(control.limit_owner(above), Err(LimitError::AboveHardLimit));
    assert_eq!(
        control.owner_usage(A, DMA).unwrap().at_most,
        u32::MAX,
        "as before"
    );
    assert!(control.unlimit_owner(A, DMA) && !control.unlimit_owner(A, DMA));
    let accounts = Box::leak(Box::new(OwnerAccounts::<1, 1>::new()));
    assert_eq!(
        control.open_accounts(accounts, current),
        Err(AccountsAreOpen)
    );
    let without: &Heap = Box::leak(Box::new(CapsHeap::new(())));
    let error = without.pressure().limit_owner(minimum(A, DMA, 1));
    assert_eq!(error, Err(LimitError::NoAccounts));
}

#[test]
fn memory_that_overlaps_in_part_cannot_promise_twice() {
    let heap = heap(0x1000);
    let control = heap.pressure();
    let minimum = |owner, name, caps| OwnerLimits::new(owner, name, caps).guaranteed(100);
    control.limit_owner(minimum(A, "a", Caps::DEFAULT)).unwrap(); // DMA and other internal memory
    control.limit_owner(minimum(B, "b", DMA)).unwrap();
    control.limit_owner(minimum(A, "c", PSRAM)).unwrap();
    let memory = Box::leak(vec![MaybeUninit::uninit(); 0x1000].into_boxed_slice());
    heap.add_buffer([DMA, Caps::empty(), Caps::empty()], memory)
        .unwrap();
    let both = control.limit_owner(minimum(Owner(3), "d", DMA));
    assert_eq!(both, Err(LimitError::Overlaps("a")));
}

fn a_block_stays_its_owners_when_it_is_resized<P: Poison>() {
    let heap = heap_with::<P, ()>((), 0x2000);
    let control = heap.pressure();
    for (owner, name) in [(A, "a"), (B, "b")] {
        let limits = OwnerLimits::new(owner, name, DRAM).at_most(3000);
        control.limit_owner(limits).unwrap();
    }
    let usage = |owner| control.owner_usage(owner, DRAM).unwrap();
    let block = by(A, || heap.malloc(1000, DRAM)).unwrap();
    let header = usage(A).used - 1000;
    let behind = heap.malloc(100, DRAM).unwrap();
    let resize = |block, size| {
        // SAFETY: the block is this test's own.
        by(B, || unsafe { heap.realloc(block, size, DRAM) })
    };
    let block = resize(block, 2400).unwrap(); // moves
    assert_eq!((usage(A).used, usage(A).blocks), (2400 + header, 1));
    let block = resize(block, 2000).unwrap();
    let block = resize(block, 2200).unwrap();
    assert_eq!((usage(A).used, usage(A).blocks), (2200 + header, 1));
    assert!(usage(A).peak <= 3000, "no block counts twice on its way");
    let refused = resize(block, 3100).unwrap_err().to_string();
    assert!(refused.contains("a (owner 1) has"), "{refused}");
    assert_eq!((usage(B).used, usage(B).peak), (0, 0));
    free(heap, block);
    free(heap, behind);
    assert_eq!((usage(A).used, usage(A).blocks), (0, 0));
    assert_eq!(heap.faults().last_report(), None);
}

#[test]
fn a_resized_block_stays_its_owners() {
    a_block_stays_its_owners_when_it_is_resized::<Unpoisoned>();
    a_block_stays_its_owners_when_it_is_resized::<Light>();
    a_block_stays_its_owners_when_it_is_resized::<Comprehensive>();
}

#[test]
fn rusts_own_allocator_and_typed_ones_are_charged() {
    let heap = heap(0x4000);
    for (owner, name) in [(A, "a"), (B, "b")] {
        let limits = OwnerLimits::new(owner, name, DRAM).at_most(5000);
        heap.pressure().limit_owner(limits).unwrap();
    }
    let layout = Layout::from_size_align(1000, 64).unwrap();
    // SAFETY: the size is not 0, and the block is freed with its layout.
    unsafe {
        let block = by(A, || heap.alloc_zeroed(layout));
        assert!(used(heap, A, DRAM) >= 1004);
        let block = GlobalAlloc::realloc(heap, block, layout, 2000);
        assert!(used(heap, A, DRAM) >= 2004);
        assert!(by(A, || heap.alloc(Layout::from_size_align_unchecked(4000, 4))).is_null());
        heap.dealloc(block, Layout::from_size_align_unchecked(2000, 64));
    }
    assert_eq!(used(heap, A, DRAM), 0);
    let kind: CapsAllocator<_, { DRAM.bits() }> = CapsAllocator::of(heap);
    let mut numbers = OwnedVec::new_in(OwnedBy::new(kind, B));
    by(A, || numbers.extend(0_u32..1000));
    assert_eq!(used(heap, A, DRAM), 0);
    assert!(used(heap, B, DRAM) >= 4000);
    assert!(
        numbers.try_reserve(1000).is_err(),
        "its owner is at its limit"
    );
    drop(numbers);
    assert_eq!(used(heap, B, DRAM), 0);
}

#[test]
fn a_soft_limit_is_reported_when_it_is_crossed_and_does_not_flicker() {
    static REPORTED: Mutex<Vec<(Owner, u32, bool)>> = Mutex::new(Vec::new());
    static EVENTS: Mutex<Vec<String>> = Mutex::new(Vec::new());
    struct Listens;
    impl Observer for Listens {
        fn on_pressure(&mut self, event: &PressureEvent) {
            EVENTS.lock().unwrap().push(event.to_string());
        }
    }
    let heap = heap_with::<Unpoisoned, _>(Listens, 0x4000);
    let limits = OwnerLimits::new(A, "mqtt", DRAM)
        .at_most(4096)
        .warned_above(800, |mqtt| {
            REPORTED
                .lock()
                .unwrap()
                .push((mqtt.owner, mqtt.used, mqtt.is_above));
        });
    heap.pressure().limit_owner(limits).unwrap();
    let take = |size| by(A, || heap.malloc(size, DRAM)).unwrap();
    let first = take(696);
    let second = take(96);
    assert_eq!(REPORTED.lock().unwrap().len(), 0, "800 is not above 800");
    for _ in 0..3 {
        let third = take(20);
        free(heap, third);
    }
    free(heap, second); // 700: an eighth below
    free(heap, first);
    assert!(by(A, || heap.malloc(5000, DRAM)).is_err());
    assert_eq!(*REPORTED.lock().unwrap(), [(A, 824, true), (A, 700, false)]);
    let events = [
        "mqtt above its soft limit with 824 B",
        "mqtt below its soft limit with 700 B",
        "mqtt refused at its limit of 4.0 KiB",
    ];
    assert_eq!(*EVENTS.lock().unwrap(), events);
}

#[test]
fn no_shrinker_runs_for_an_owner_at_its_limit_and_one_runs_for_a_minimum() {
    static CALLS: Mutex<u32> = Mutex::new(0);
    fn shrink(_: &Shortage) -> u32 {
        *CALLS.lock().unwrap() += 1;
        0
    }
    let heap = heap(0x1000);
    let control = heap.pressure();
    control
        .register_shrinker(Shrinker::new("cache", DRAM, &shrink))
        .unwrap();
    control
        .limit_owner(OwnerLimits::new(A, "a", DRAM).at_most(1000))
        .unwrap();
    assert!(by(A, || heap.malloc(2000, DRAM)).is_err());
    assert_eq!(*CALLS.lock().unwrap(), 0);
    let half = heap.inspect().free_size(DRAM) / 2;
    control
        .limit_owner(OwnerLimits::new(B, "b", DRAM).guaranteed(half + 1000))
        .unwrap();
    assert!(heap.malloc(half as usize - 2000, DRAM).is_ok());
    assert!(heap.malloc(half as usize - 2000, DRAM).is_err());
    assert_eq!(*CALLS.lock().unwrap(), 1);
}

#[test]
fn an_emergency_reserve_is_nobodys() {
    let heap = heap(0x1000);
    heap.pressure()
        .limit_owner(OwnerLimits::new(A, "a", DRAM).at_most(100))
        .unwrap();
    let reserve = EmergencyReserve::new("last words", DRAM, 1000);
    let reserve = by(A, || heap.pressure().arm_emergency(reserve)).unwrap();
    assert_eq!(used(heap, A, DRAM), 0);
    assert!(heap.pressure().release_emergency(reserve));
}

#[test]
fn a_full_table_of_blocks_refuses_and_says_so() {
    let heap: &Heap = Box::leak(Box::new(CapsHeap::new(())));
    let memory = Box::leak(vec![MaybeUninit::uninit(); 0x1000].into_boxed_slice());
    heap.add_buffer([DRAM, Caps::empty(), Caps::empty()], memory)
        .unwrap();
    let accounts = Box::leak(Box::new(OwnerAccounts::<1, 3>::new()));
    heap.pressure().open_accounts(accounts, current).unwrap();
    heap.pressure()
        .limit_owner(OwnerLimits::new(A, "a", DRAM).at_most(1000))
        .unwrap();
    let other = heap.pressure().limit_owner(OwnerLimits::new(B, "b", DRAM));
    assert_eq!(other, Err(LimitError::TableFull));
    let take = || by(A, || heap.malloc(20, DRAM));
    let blocks: Vec<_> = (0..3).map(|_| take().unwrap()).collect();
    assert_eq!(take().unwrap_err().cause, FailureKind::NoAccountFor(A));
    assert!(heap.malloc(20, DRAM).is_ok(), "others are served");
    // SAFETY: the block is this test's own.
    let grown = unsafe { heap.realloc(blocks[2], 24, DRAM) };
    assert!(grown.is_ok() || grown.is_err(), "in place if it can");
    free(heap, blocks[0]);
    assert!(take().is_ok());
}

type Served = Result<NonNull<u8>, Failure>;
type Waiting = Pin<Box<dyn Future<Output = Served>>>;

fn poll(waiting: &mut Waiting) -> Poll<Served> {
    waiting
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

fn begun(heap: &'static Heap, owner: Owner, size: usize) -> Waiting {
    let mut waiting: Waiting = Box::pin(heap.allocate_async(AllocRequest::new(size, DRAM)));
    assert!(by(owner, || poll(&mut waiting)).is_pending());
    waiting
}

#[test]
fn an_owner_at_its_limit_waits_for_itself_and_stands_in_nobodys_way() {
    let heap = heap(0x1000);
    heap.pressure()
        .limit_owner(OwnerLimits::new(A, "a", DRAM).at_most(1000))
        .unwrap();
    let own = by(A, || heap.malloc(800, DRAM)).unwrap();
    let mut stopped = begun(heap, A, 500);
    for _ in 0..3 * PATIENCE {
        let request = AllocRequest::new(500, DRAM);
        let mut other: Waiting = Box::pin(heap.allocate_async(request));
        let Poll::Ready(Ok(block)) = poll(&mut other) else {
            panic!("there is memory")
        };
        free(heap, block);
        assert!(poll(&mut stopped).is_pending());
    }
    free(heap, own); // by nobody, on behalf of nobody
    let Poll::Ready(Ok(block)) = poll(&mut stopped) else {
        panic!("the owner has room again")
    };
    assert_eq!(
        used(heap, A, DRAM),
        504,
        "charged to who asked, whoever frees and polls"
    );
    let mut stopped = begun(heap, A, 600);
    heap.pressure()
        .limit_owner(OwnerLimits::new(A, "a", DRAM).at_most(2000))
        .unwrap();
    let Poll::Ready(Ok(second)) = poll(&mut stopped) else {
        panic!("the limit was raised")
    };
    free(heap, block);
    free(heap, second);
    let mut never = pin!(heap.allocate_async(AllocRequest::new(2000, DRAM).on_behalf_of(A)));
    let Poll::Ready(Err(refused)) = never.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    else {
        panic!("no free of its own can ever help")
    };
    assert!(matches!(refused.cause, FailureKind::OverLimit { .. }));
}

#[test]
fn accounts_of_a_ledger_know_the_owner_of_a_request_too() {
    let heap: &'static CapsHeap<SpinLock, Unpoisoned, Ledger> =
        heap_with(Ledger::new((), ()), 0x1000);
    let request = AllocRequest::new(100, DRAM).on_behalf_of(B);
    let block = heap.allocate(&request).unwrap();
    let bytes = |owner| {
        heap.inspect()
            .locked(|heaps| heaps.observer().owner(owner).unwrap().bytes)
    };
    assert_eq!((bytes(Owner::NOBODY), bytes(B)), (0, 100));
    free(heap, block);
    assert_eq!(bytes(B), 0);
}

#[derive(Clone, Debug)]
enum Call {
    Take {
        owner: u8,
        size: usize,
        memory: usize,
    },
    Resize {
        block: usize,
        size: usize,
    },
    Free(usize),
    Limit {
        owner: u8,
        memory: usize,
        at_most: u32,
        guaranteed: u32,
    },
    Unlimit {
        owner: u8,
        memory: usize,
    },
}

const MEMORIES: [Caps; 3] = [DMA, DRAM, PSRAM];

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let size = prop_oneof![3 => 1_usize..200, 1 => 200_usize..1200];
    let call = prop_oneof![
        8 => (0_u8..4, size.clone(), 0_usize..3)
            .prop_map(|(owner, size, memory)| Call::Take { owner, size, memory }),
        3 => (0_usize..40, size).prop_map(|(block, size)| Call::Resize { block, size }),
        5 => (0_usize..40).prop_map(Call::Free),
        2 => (1_u8..4, 0_usize..3, 0_u32..3000, 0_u32..1500)
            .prop_map(|(owner, memory, at_most, guaranteed)| {
                Call::Limit { owner, memory, at_most, guaranteed }
            }),
        1 => (1_u8..4, 0_usize..3).prop_map(|(owner, memory)| Call::Unlimit { owner, memory }),
    ];
    prop::collection::vec(call, 1..120)
}

/// A block as the model knows it.
#[derive(Clone, Copy)]
struct Modelled {
    block: NonNull<u8>,
    /// Nobody where its owner had no limits when it was allocated.
    owner: Owner,
    size: usize,
}

/// The model: a list of blocks and one of limits; what each owner has is the sum over the blocks.
#[derive(Default)]
struct Model {
    blocks: Vec<Modelled>,
    limits: Vec<(Owner, Caps, u32, u32)>,
}

impl Model {
    fn bytes_of(heap: &Heap, block: NonNull<u8>, caps: Caps) -> u32 {
        let address = heap.inspect().address_of(block).unwrap();
        let memory = heap
            .inspect()
            .locked(|heaps| heaps.heap_at(address))
            .unwrap();
        let bytes = heap.inspect().usable_size(block).unwrap() + 4;
        if memory.caps.contains(caps) { bytes } else { 0 }
    }

    fn used(&self, heap: &Heap, owner: Owner, caps: Caps) -> u32 {
        let own = self
            .blocks
            .iter()
            .filter(|modelled| modelled.owner == owner);
        own.map(|modelled| Self::bytes_of(heap, modelled.block, caps))
            .sum()
    }

    fn is_limited(&self, owner: Owner) -> bool {
        self.limits.iter().any(|limit| limit.0 == owner)
    }

    /// Accounts are the sums over blocks, and what is guaranteed is there, but for the slack of the
    /// block that was allocated last.
    fn check(&self, heap: &Heap) -> Result<(), TestCaseError> {
        for &(owner, caps, _, _) in &self.limits {
            let usage = heap.pressure().owner_usage(owner, caps).unwrap();
            prop_assert_eq!(usage.used, self.used(heap, owner, caps));
        }
        Ok(())
    }

    fn guaranteed(&self, heap: &Heap, caps: Caps, except: Owner) -> u32 {
        let others = self.limits.iter().filter(|limit| limit.0 != except);
        let inside = others.filter(|limit| limit.1.contains(caps));
        inside
            .map(|limit| limit.3.saturating_sub(self.used(heap, limit.0, limit.1)))
            .sum()
    }

    /// A request that was served left limits and minimums as they must be; one that was refused
    /// could not have been served.
    fn judge(
        &self,
        heap: &Heap,
        owner: Owner,
        taken: Option<NonNull<u8>>,
        before: [u32; 3],
    ) -> Result<(), TestCaseError> {
        const SLACK: u32 = 8;
        let Some(taken) = taken else { return Ok(()) };
        for &(limited, caps, at_most, _) in &self.limits {
            let bytes = Self::bytes_of(heap, taken, caps);
            if limited == owner && bytes > 0 {
                prop_assert!(self.used(heap, owner, caps) <= at_most + SLACK);
            }
        }
        for (memory, free) in MEMORIES.into_iter().zip(before) {
            let kept = self.guaranteed(heap, memory, owner);
            let bytes = Self::bytes_of(heap, taken, memory);
            if bytes > 0 && kept > 0 {
                prop_assert!(
                    heap.inspect().free_size(memory) + SLACK >= kept,
                    "of {free} B"
                );
            }
        }
        Ok(())
    }
}

proptest! {
    /// Whatever owners allocate, resize and free under whatever limits: accounts are the sums over
    /// blocks, nobody has more than it may, what is guaranteed stays, and in the end all is back.
    #[test]
    fn limits_hold_after_every_step(calls in calls()) {
        let heap = heap(0x800);
        let at_first = heap.inspect().free_size(Caps::empty());
        let mut model = Model::default();
        for call in calls {
            let before = MEMORIES.map(|caps| heap.inspect().free_size(caps));
            match call {
                Call::Take { owner, size, memory } => {
                    let owner = Owner(owner);
                    let limited = if model.is_limited(owner) { owner } else { Owner::NOBODY };
                    let taken = by(owner, || heap.malloc(size, MEMORIES[memory]));
                    if let Ok(block) = taken {
                        model.blocks.push(Modelled { block, owner: limited, size });
                    } else if model.limits.is_empty() {
                        let largest = heap.inspect().largest_free_block(MEMORIES[memory]);
                        prop_assert!((largest as usize) < size);
                    }
                    model.judge(heap, limited, taken.ok(), before)?;
                }
                Call::Resize { block, size } if block < model.blocks.len() => {
                    let old = model.blocks[block];
                    // SAFETY: the block is the model's own.
                    let resized = unsafe { heap.realloc(old.block, size, Caps::empty()) };
                    if let Ok(new) = resized {
                        model.blocks[block] = Modelled { block: new, size, ..old };
                        if size > old.size {
                            model.judge(heap, old.owner, Some(new), before)?;
                        }
                    }
                }
                Call::Free(block) if block < model.blocks.len() => {
                    free(heap, model.blocks.swap_remove(block).block);
                }
                Call::Limit { owner, memory, at_most, guaranteed } => {
                    let (owner, caps) = (Owner(owner), MEMORIES[memory]);
                    let limits = OwnerLimits::new(owner, "model", caps)
                        .at_most(at_most)
                        .guaranteed(guaranteed);
                    let added = heap.pressure().limit_owner(limits);
                    if added.is_ok() {
                        model.limits.retain(|limit| (limit.0, limit.1) != (owner, caps));
                        model.limits.push((owner, caps, at_most, guaranteed));
                    }
                }
                Call::Unlimit { owner, memory } => {
                    let (owner, caps) = (Owner(owner), MEMORIES[memory]);
                    let known = model.limits.len();
                    model.limits.retain(|limit| (limit.0, limit.1) != (owner, caps));
                    if !model.is_limited(owner) {
                        let own = model.blocks.iter_mut().filter(|block| block.owner == owner);
                        own.for_each(|block| block.owner = Owner::NOBODY);
                    }
                    let ended = heap.pressure().unlimit_owner(owner, caps);
                    prop_assert_eq!(ended, model.limits.len() < known);
                }
                Call::Resize { .. } | Call::Free(_) => {}
            }
            model.check(heap)?;
        }
        for modelled in core::mem::take(&mut model.blocks) {
            free(heap, modelled.block);
        }
        model.check(heap)?;
        prop_assert_eq!(heap.inspect().free_size(Caps::empty()), at_first);
        prop_assert_eq!(heap.faults().last_report(), None);
    }
}

#[test]
fn the_requirement_of_limits_is_the_sum_of_what_they_guarantee_there() {
    let limits = [
        OwnerLimits::new(A, "a", DMA).guaranteed(1000),
        OwnerLimits::new(B, "b", DRAM).guaranteed(300),
        OwnerLimits::new(B, "c", DMA | Caps::DEFAULT).guaranteed(20),
        OwnerLimits::new(A, "d", PSRAM).guaranteed(7),
    ];
    for (caps, bytes) in [
        (DMA, 1020),
        (DRAM, 1320),
        (Caps::BIT8, 1327),
        (Caps::EXEC, 0),
    ] {
        let requirement = OwnerLimits::requirement(&limits, caps);
        assert_eq!(
            requirement,
            heap_caps_alloc::Requirement::of(bytes, caps),
            "{caps}"
        );
    }
    let most = [OwnerLimits::new(A, "a", DMA).guaranteed(u32::MAX); 2];
    let requirement = OwnerLimits::requirement(&most, DMA);
    assert_eq!(requirement, heap_caps_alloc::Requirement::of(u32::MAX, DMA));
}

#[test]
fn arenas_and_buffers_of_an_owner_count_as_its_own() {
    let heap = heap(0x4000);
    let limits = OwnerLimits::new(B, "tls", DRAM).at_most(2100);
    heap.pressure().limit_owner(limits).unwrap();
    let arena = Arena::owned_by(heap, B, DRAM, 1000).unwrap();
    assert_eq!((arena.capacity(), used(heap, B, DRAM)), (1000, 1004));
    let buffer = DmaBuffer::owned_by(heap, B, 1000).unwrap();
    assert_eq!((buffer.len(), used(heap, B, DRAM)), (1000, 2008));
    for refused in [
        Arena::owned_by(heap, B, DRAM, 1000).map(drop).unwrap_err(),
        DmaBuffer::owned_by(heap, B, 1000).map(drop).unwrap_err(),
    ] {
        assert!(matches!(
            refused.cause,
            FailureKind::OverLimit { owner: B, .. }
        ));
    }
    assert!(Arena::new(heap, DRAM, 1000).is_ok(), "nobody's");
    drop((arena, buffer));
    assert_eq!(used(heap, B, DRAM), 0);
}
