//! Waiting for memory: order of service, against a model; cancelling, time-outs, levels.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::multiple_unsafe_ops_per_block,
    clippy::result_large_err,
    clippy::cast_possible_truncation,
    reason = "tests: helpers too, and programs of unsafe calls with one contract"
)]

use std::future::Future;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use heap_caps::{AllocRequest, Failure, Observer, PressureEvent, PressureKind};
use heap_caps_alloc::{
    CapsHeap, EmergencyRelease, EmergencyReserve, Level, PATIENCE, Park, PressureGauge, Shortage,
    Shrinker, SpinLock, WaitError,
};
use multi_heap::{Comprehensive, Poison, Unpoisoned};
use proptest::prelude::*;
use soc_regions::Caps;

type Heap<P = Unpoisoned> = CapsHeap<SpinLock, P>;
type Served = Result<NonNull<u8>, Failure>;
type Waiting<'h> = Pin<Box<dyn Future<Output = Served> + 'h>>;

const DRAM: Caps = Caps::BIT8.union(Caps::INTERNAL);
const PSRAM: Caps = Caps::BIT8.union(Caps::SPIRAM);

fn heap_of<P: Poison>(bytes: usize) -> &'static Heap<P> {
    let heap: &Heap<P> = Box::leak(Box::new(CapsHeap::new(())));
    for caps in [DRAM, PSRAM] {
        let memory = Box::leak(vec![MaybeUninit::uninit(); bytes].into_boxed_slice());
        heap.add_buffer([caps, Caps::empty(), Caps::empty()], memory)
            .unwrap();
    }
    heap
}

fn free<P: Poison>(heap: &Heap<P>, block: NonNull<u8>) {
    // SAFETY: the tests free blocks of their own.
    unsafe { heap.free(block) }.unwrap();
}

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(AtomicU32);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll(waiting: &mut Waiting<'_>, bell: &Arc<Bell>) -> Poll<Served> {
    let waker: Waker = bell.clone().into();
    waiting.as_mut().poll(&mut Context::from_waker(&waker))
}

fn waiting<P: Poison>(heap: &Heap<P>, size: usize, caps: Caps, priority: u8) -> Waiting<'_> {
    let request = AllocRequest::new(size, caps);
    Box::pin(heap.allocate_async(request).with_priority(priority))
}

/// A waiter that was polled once, and its bell.
fn begun<P: Poison>(
    heap: &Heap<P>,
    size: usize,
    caps: Caps,
    priority: u8,
) -> (Waiting<'_>, Arc<Bell>) {
    let (mut waiting, bell) = (waiting(heap, size, caps, priority), Arc::default());
    assert!(poll(&mut waiting, &bell).is_pending());
    (waiting, bell)
}

fn a_free_hands_the_block_over<P: Poison>() {
    let heap = heap_of::<P>(0x1000);
    let at_first = heap.inspect().free_size(DRAM);
    let first = heap.malloc(3000, DRAM).unwrap();
    let (mut waiter, bell) = begun(heap, 2500, DRAM, 0);
    let failures = heap.inspect().failures();
    assert_eq!(failures, 0, "to wait is no failure");
    free(heap, first);
    assert_eq!(bell.0.load(Ordering::SeqCst), 1);
    assert!(heap.malloc(2500, DRAM).is_err(), "nobody else gets it");
    let Poll::Ready(Ok(block)) = poll(&mut waiter, &bell) else {
        panic!("the block was not handed over")
    };
    drop(waiter);
    // SAFETY: the block has that many bytes.
    unsafe { block.write_bytes(0x77, 2500) };
    free(heap, block);
    assert_eq!(heap.inspect().free_size(DRAM), at_first);
    assert_eq!(heap.faults().last_report(), None);
}

#[test]
fn a_free_serves_a_waiter() {
    a_free_hands_the_block_over::<Unpoisoned>();
}

#[test]
fn a_free_serves_a_waiter_where_memory_is_filled() {
    a_free_hands_the_block_over::<Comprehensive>();
}

#[test]
fn a_dropped_waiter_gives_up_its_place_or_its_block() {
    let heap = heap_of::<Unpoisoned>(0x1000);
    let at_first = heap.inspect().free_size(DRAM);
    let block = heap.malloc(3000, DRAM).unwrap();
    let (first, _) = begun(heap, 2000, DRAM, 0);
    let (second, bell) = begun(heap, 3000, DRAM, 0);
    drop(first);
    free(heap, block);
    assert_eq!(bell.0.load(Ordering::SeqCst), 1);
    assert!(heap.inspect().free_size(DRAM) < at_first - 2900);
    drop(second); // served, and never asked for it
    assert_eq!(heap.inspect().free_size(DRAM), at_first);
    drop(waiting(heap, 10, DRAM, 0)); // never polled
    assert_eq!(heap.faults().last_report(), None);
}

#[test]
fn priority_comes_first_then_arrival() {
    let heap = heap_of::<Unpoisoned>(0x1000);
    let block = heap.malloc(3000, DRAM).unwrap();
    let _full = heap.malloc(700, DRAM).unwrap();
    let order = [(0, 2), (5, 0), (5, 1), (0, 3)]; // priority, and who is served when
    let mut waiters: Vec<_> = order
        .iter()
        .map(|&(priority, turn)| (turn, begun(heap, 2600, DRAM, priority)))
        .collect();
    let mut block = block;
    for turn in 0..4 {
        free(heap, block);
        let rung =
            |(_, (_, bell)): &(i32, (Waiting<'_>, Arc<Bell>))| bell.0.load(Ordering::SeqCst) == 1;
        let served = waiters.iter().position(rung).unwrap();
        let (whose, (mut waiter, bell)) = waiters.remove(served);
        assert_eq!(whose, turn);
        let Poll::Ready(Ok(next)) = poll(&mut waiter, &bell) else {
            panic!("woken for nothing")
        };
        block = next;
    }
    free(heap, block);
}

#[test]
fn small_ones_pass_a_large_one_by_so_often_and_no_more() {
    let heap = heap_of::<Unpoisoned>(0x1000);
    let small = AllocRequest::new(400, DRAM);
    let mut blocks: Vec<_> = std::iter::from_fn(|| heap.try_allocate(small.fail_fast())).collect();
    let (mut large, large_bell) = begun(heap, 2000, DRAM, 0);
    let mut passed = 0;
    loop {
        let (mut waiter, bell) = (waiting(heap, 400, DRAM, 0), Arc::default());
        let before = poll(&mut waiter, &bell);
        assert!(before.is_pending());
        free(heap, blocks.remove(0));
        match poll(&mut waiter, &bell) {
            Poll::Ready(block) => blocks.push(block.unwrap()),
            Poll::Pending => break,
        }
        passed += 1;
    }
    assert_eq!(passed, u32::from(PATIENCE));
    let mut other = waiting(heap, 400, PSRAM, 0);
    assert!(
        poll(&mut other, &Arc::default()).is_ready(),
        "other memory is open"
    );
    while poll(&mut large, &large_bell).is_pending() {
        free(heap, blocks.remove(0));
    }
    assert!(blocks.len() > 1, "served as soon as there was a hole");
}

#[test]
fn behind_an_impatient_one_other_memory_serves() {
    let heap = heap_of::<Unpoisoned>(0x1000);
    let small = AllocRequest::new(400, DRAM);
    let mut blocks: Vec<_> = std::iter::from_fn(|| heap.try_allocate(small.fail_fast())).collect();
    let (_large, _) = begun(heap, 2000, DRAM, 0);
    for _ in 0..PATIENCE {
        let (mut waiter, bell) = begun(heap, 400, DRAM, 0);
        free(heap, blocks.remove(0));
        let Poll::Ready(block) = poll(&mut waiter, &bell) else {
            panic!("it is patient still")
        };
        blocks.push(block.unwrap());
    }
    free(heap, blocks.remove(0));
    let in_dram = heap.inspect().free_size(DRAM);
    let mut either = waiting(heap, 400, Caps::BIT8, 0);
    let served = poll(&mut either, &Arc::default());
    assert!(served.is_ready(), "PSRAM is open to it");
    assert_eq!(heap.inspect().free_size(DRAM), in_dram, "and DRAM is not");
}

#[test]
fn who_waits_for_a_gauge_hears_of_its_end() {
    let heap = heap_of::<Unpoisoned>(0x1000);
    let gauge = PressureGauge::new("removed", DRAM).free_below(100, 50);
    let gauge = heap.pressure().add_gauge(gauge).unwrap();
    let bell = Arc::new(Bell::default());
    let waker: Waker = bell.clone().into();
    let mut context = Context::from_waker(&waker);
    let mut changed = Box::pin(heap.pressure().level_other_than(gauge, Level::Normal));
    assert!(changed.as_mut().poll(&mut context).is_pending());
    assert!(heap.pressure().remove_gauge(gauge));
    assert_eq!(bell.0.load(Ordering::SeqCst), 1);
    assert_eq!(changed.as_mut().poll(&mut context), Poll::Ready(None));
}

#[test]
fn what_can_never_be_served_fails_at_once() {
    let heap = heap_of::<Unpoisoned>(0x1000);
    for (size, caps) in [
        (5000, DRAM),
        (100, Caps::DMA),
        (0, DRAM),
        (usize::MAX, DRAM),
    ] {
        let mut waiter = waiting(heap, size, caps, 0);
        let Poll::Ready(Err(failure)) = poll(&mut waiter, &Arc::default()) else {
            panic!("{size} bytes with {caps} are waited for")
        };
        assert_eq!(failure.size, size);
    }
}

#[test]
fn shrinkers_are_run_before_it_waits_and_serve_the_one_in_front() {
    use std::sync::Mutex;
    static CACHE: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    static HEAP: Mutex<Option<&'static Heap>> = Mutex::new(None);
    fn shrink(_: &Shortage) -> u32 {
        let heap = HEAP.lock().unwrap().unwrap();
        let Some(block) = CACHE.lock().unwrap().pop() else {
            return 0;
        };
        free(
            heap,
            NonNull::new(std::ptr::with_exposed_provenance_mut(block)).unwrap(),
        );
        1000
    }
    let heap = heap_of::<Unpoisoned>(0x1000);
    let (first, first_bell) = {
        let _other = heap.malloc(2700, DRAM).unwrap();
        begun(heap, 2000, DRAM, 0)
    };
    let cached = heap.malloc(1000, DRAM).unwrap();
    CACHE
        .lock()
        .unwrap()
        .push(cached.as_ptr().expose_provenance());
    *HEAP.lock().unwrap() = Some(heap);
    heap.pressure()
        .register_shrinker(Shrinker::new("cache", DRAM, &shrink))
        .unwrap();
    let mut second = waiting(heap, 900, DRAM, 0);
    assert!(
        poll(&mut second, &Arc::default()).is_ready(),
        "the cache made room"
    );
    assert_eq!(first_bell.0.load(Ordering::SeqCst), 0);
    drop(first);
}

/// A heap of 32 KiB, full but for an emergency reserve of 8000 bytes, for which somebody waits with
/// a request of 7000.
fn with_a_waiter_and_a_reserve<P: Poison>(
    reserve: EmergencyReserve,
) -> (&'static Heap<P>, (Waiting<'static>, Arc<Bell>)) {
    let heap = heap_of::<P>(0x8000);
    heap.pressure().arm_emergency(reserve).unwrap();
    let small = AllocRequest::new(1000, DRAM).fail_fast();
    while heap.try_allocate(small).is_some() {}
    (heap, begun(heap, 7000, DRAM, 0))
}

const LAST_WORDS: EmergencyReserve = EmergencyReserve::new("last words", DRAM, 8000);

fn the_request_that_fails_gets_the_reserve_and_not_who_waits<P: Poison>() {
    let (heap, (mut waiter, bell)) = with_a_waiter_and_a_reserve::<P>(LAST_WORDS);
    let block = heap.malloc(2000, DRAM).unwrap();
    assert!(poll(&mut waiter, &bell).is_pending());
    free(heap, block);
    assert!(
        poll(&mut waiter, &bell).is_ready(),
        "it is ordinary memory now, and nobody was forgotten"
    );
}

#[test]
fn a_waiter_does_not_get_the_reserve_that_is_released_for_another() {
    the_request_that_fails_gets_the_reserve_and_not_who_waits::<Unpoisoned>();
    the_request_that_fails_gets_the_reserve_and_not_who_waits::<Comprehensive>();
}

#[test]
fn a_waiter_does_not_get_the_reserve_that_a_reallocation_releases() {
    let heap = heap_of::<Unpoisoned>(0x8000);
    let grows = heap.malloc(1000, DRAM).unwrap();
    heap.pressure().arm_emergency(LAST_WORDS).unwrap();
    let small = AllocRequest::new(1000, DRAM).fail_fast();
    while heap.try_allocate(small).is_some() {}
    let (mut waiter, bell) = begun(heap, 7000, DRAM, 0);
    // SAFETY: the block is this test's own.
    unsafe { heap.realloc(grows, 3000, DRAM) }.unwrap();
    assert!(poll(&mut waiter, &bell).is_pending());
}

/// Last words: two blocks one after the other, of the only free memory; returns whether there were
/// such.
fn say_last_words(heap: &Heap, bytes: usize) -> bool {
    [1000, bytes].into_iter().all(|size| {
        let block = heap.malloc(size, DRAM);
        block.is_ok_and(|block| {
            free(heap, block);
            true
        })
    })
}

#[test]
fn the_handler_has_the_reserve_before_any_waiter() {
    use std::sync::Mutex;
    static HEAP: Mutex<Option<&'static Heap>> = Mutex::new(None);
    static WORDS: Mutex<Vec<bool>> = Mutex::new(Vec::new());
    fn handler(_: &EmergencyRelease) {
        let heap = HEAP.lock().unwrap().unwrap();
        let words = say_last_words(heap, 7500);
        WORDS.lock().unwrap().push(words);
    }
    let reserve = LAST_WORDS.with_handler(handler);
    let (heap, (mut waiter, bell)) = with_a_waiter_and_a_reserve::<Unpoisoned>(reserve);
    *HEAP.lock().unwrap() = Some(heap);
    let block = heap.malloc(300, DRAM).unwrap();
    assert_eq!(*WORDS.lock().unwrap(), [true]);
    assert_eq!(bell.0.load(Ordering::SeqCst), 1, "served, of what is left");
    assert!(poll(&mut waiter, &bell).is_ready());
    free(heap, block);
}

#[test]
fn a_reserve_released_by_hand_is_its_handlers_before_any_waiters() {
    use std::sync::Mutex;
    static HEAP: Mutex<Option<&'static Heap>> = Mutex::new(None);
    static WORDS: Mutex<Vec<bool>> = Mutex::new(Vec::new());
    fn handler(_: &EmergencyRelease) {
        let heap = HEAP.lock().unwrap().unwrap();
        let words = say_last_words(heap, 7500);
        WORDS.lock().unwrap().push(words);
    }
    // Armed again as soon as the bytes are there: not before the handler has had them.
    let reserve = LAST_WORDS.with_handler(handler).rearmed_at(8000);
    let heap = heap_of::<Unpoisoned>(0x8000);
    *HEAP.lock().unwrap() = Some(heap);
    let reserve = heap.pressure().arm_emergency(reserve).unwrap();
    let small = AllocRequest::new(1000, DRAM).fail_fast();
    while heap.try_allocate(small).is_some() {}
    let (mut waiter, bell) = begun(heap, 7000, DRAM, 0);
    assert!(heap.pressure().release_emergency(reserve));
    assert_eq!(*WORDS.lock().unwrap(), [true]);
    assert!(poll(&mut waiter, &bell).is_ready());
}

#[test]
fn the_failure_handler_has_the_reserve_before_any_waiter() {
    use std::sync::Mutex;
    static HEAP: Mutex<Option<&'static Heap>> = Mutex::new(None);
    static WORDS: Mutex<Vec<bool>> = Mutex::new(Vec::new());
    for resizes in [false, true] {
        let heap = heap_of::<Unpoisoned>(0x8000);
        *HEAP.lock().unwrap() = Some(heap);
        let grows = heap.malloc(1000, DRAM).unwrap();
        let reserve = LAST_WORDS.for_handlers();
        let reserve = heap.pressure().arm_emergency(reserve).unwrap();
        let small = AllocRequest::new(1000, DRAM).fail_fast();
        while heap.try_allocate(small).is_some() {}
        let (mut waiter, bell) = begun(heap, 7000, DRAM, 0);
        heap.pressure().set_failure_handler(Some(|failure| {
            if failure.size == 2500 {
                let heap = HEAP.lock().unwrap().unwrap();
                let words = say_last_words(heap, 7500);
                WORDS.lock().unwrap().push(words);
            }
        }));
        if resizes {
            // SAFETY: the block is this test's own.
            assert!(unsafe { heap.realloc(grows, 2500, DRAM) }.is_err());
        } else {
            assert!(heap.malloc(2500, DRAM).is_err());
        }
        assert!(!heap.pressure().is_emergency_armed(reserve));
        assert_eq!(bell.0.load(Ordering::SeqCst), 1, "nobody was forgotten");
        assert!(poll(&mut waiter, &bell).is_ready());
    }
    assert_eq!(*WORDS.lock().unwrap(), [true, true]);
}

#[test]
fn a_reserve_that_is_disarmed_with_its_handler_uncalled_keeps_no_waiter() {
    use std::sync::atomic::AtomicBool;
    static IN_INTERRUPT: AtomicBool = AtomicBool::new(false);
    let reserve = LAST_WORDS.with_handler(|_| {});
    let heap = heap_of::<Unpoisoned>(0x8000);
    let control = heap.pressure();
    control.set_interrupt_probe(Some(|| IN_INTERRUPT.load(Ordering::SeqCst)));
    let reserve = control.arm_emergency(reserve).unwrap();
    let small = AllocRequest::new(1000, DRAM).fail_fast();
    while heap.try_allocate(small).is_some() {}
    let (mut waiter, bell) = begun(heap, 7000, DRAM, 0);
    IN_INTERRUPT.store(true, Ordering::SeqCst);
    assert!(control.release_emergency(reserve));
    assert!(
        poll(&mut waiter, &bell).is_ready(),
        "no handler can be called here, and interrupts alone may free"
    );
    assert!(control.disarm_emergency(reserve));
}

/// A thread that waits until a point in time.
struct Until(Instant);

struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Park for Until {
    fn waker(&self) -> Waker {
        Arc::new(Unpark(std::thread::current())).into()
    }

    fn park(&self) -> bool {
        let left = self.0.saturating_duration_since(Instant::now());
        std::thread::park_timeout(left);
        !left.is_zero()
    }
}

#[test]
fn threads_wait_and_give_up_in_time() {
    let heap = heap_of::<Unpoisoned>(0x1000);
    let at_first = heap.inspect().free_size(DRAM);
    let block = heap.malloc(3000, DRAM).unwrap();
    let soon = Until(Instant::now() + Duration::from_millis(20));
    let request = AllocRequest::new(2000, DRAM);
    assert_eq!(
        heap.allocate_blocking(request, 0, &soon),
        Err(WaitError::TimedOut)
    );
    let served = std::thread::scope(|scope| {
        let late = Until(Instant::now() + Duration::from_secs(60));
        let waiter = scope.spawn(move || {
            let served = heap.allocate_blocking(request, 0, &late).unwrap();
            served.as_ptr().expose_provenance()
        });
        std::thread::sleep(Duration::from_millis(10));
        free(heap, block);
        waiter.join().unwrap()
    });
    let served = std::ptr::with_exposed_provenance_mut(served);
    free(heap, NonNull::new(served).unwrap());
    assert_eq!(heap.inspect().free_size(DRAM), at_first);
    let never = heap.allocate_blocking(AllocRequest::new(9000, DRAM), 0, &soon);
    assert!(matches!(never, Err(WaitError::Refused(_))));
}

#[test]
fn a_level_is_reported_once_a_change_and_wakes_its_waiters() {
    use std::sync::Mutex;
    static REPORTED: Mutex<Vec<(Level, Level)>> = Mutex::new(Vec::new());
    let heap = heap_of::<Unpoisoned>(0x1000);
    let gauge = PressureGauge::new("test", DRAM)
        .free_below(2000, 1000)
        .with_hysteresis(500)
        .with_handler(|change| REPORTED.lock().unwrap().push((change.from, change.to)));
    let gauge = heap.pressure().add_gauge(gauge).unwrap();
    let bell = Arc::new(Bell::default());
    let waker: Waker = bell.clone().into();
    let mut context = Context::from_waker(&waker);
    let mut changed = Box::pin(heap.pressure().level_other_than(gauge, Level::Normal));
    assert!(changed.as_mut().poll(&mut context).is_pending());
    let first = heap.malloc(2200, DRAM).unwrap();
    assert_eq!(bell.0.load(Ordering::SeqCst), 1);
    assert_eq!(
        changed.as_mut().poll(&mut context),
        Poll::Ready(Some(Level::Low))
    );
    for _ in 0..3 {
        let block = heap.malloc(100, DRAM).unwrap();
        free(heap, block);
    }
    // SAFETY: the block is this test's own.
    let first = unsafe { heap.realloc(first, 3200, DRAM) }.unwrap();
    assert_eq!(heap.pressure().level(gauge), Some(Level::Critical));
    free(heap, first);
    assert_eq!(
        *REPORTED.lock().unwrap(),
        [
            (Level::Normal, Level::Low),
            (Level::Low, Level::Critical),
            (Level::Critical, Level::Normal)
        ]
    );
    assert!(heap.pressure().remove_gauge(gauge) && !heap.pressure().remove_gauge(gauge));
    assert_eq!(heap.pressure().level(gauge), None);
}

#[derive(Clone, Debug)]
enum Call {
    Wait {
        size: usize,
        caps: Caps,
        priority: u8,
    },
    Take {
        size: usize,
        caps: Caps,
    },
    Free(usize),
    Cancel(usize),
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let size = prop_oneof![3 => 10_usize..200, 1 => 200_usize..900];
    let caps = || prop_oneof![5 => Just(DRAM), 2 => Just(PSRAM), 2 => Just(EITHER)];
    let wait = (size.clone(), caps(), 0_u8..3);
    let call = prop_oneof![
        5 => wait.prop_map(|(size, caps, priority)| Call::Wait { size, caps, priority }),
        2 => (size, caps()).prop_map(|(size, caps)| Call::Take { size, caps }),
        5 => (0_usize..30).prop_map(Call::Free),
        1 => (0_usize..10).prop_map(Call::Cancel),
    ];
    prop::collection::vec(call, 1..150)
}

/// A waiter as the model knows it.
struct Modelled<'h> {
    future: Waiting<'h>,
    bell: Arc<Bell>,
    size: u32,
    caps: Caps,
    priority: u8,
    passed_by: u32,
}

/// The model: the waiters in order, and how often each was passed by.
#[derive(Default)]
struct Model<'h> {
    waiters: Vec<Modelled<'h>>,
    blocks: Vec<NonNull<u8>>,
}

/// Either memory.
const EITHER: Caps = Caps::BIT8;

/// The memories that could serve a request.
fn memories(caps: Caps) -> impl Iterator<Item = Caps> {
    let both = [DRAM, PSRAM].into_iter();
    both.filter(move |memory| memory.contains(caps))
}

/// The memory in which a block lies.
fn memory_of(heap: &Heap, block: NonNull<u8>) -> Caps {
    let address = heap.inspect().address_of(block).unwrap();
    let mut heaps = heap.inspect().heaps();
    let caps = heaps.find(|heap| heap.span.contains(address)).unwrap().caps;
    memories(EITHER)
        .find(|&memory| caps.contains(memory))
        .unwrap()
}

impl<'h> Model<'h> {
    /// Collects who was served, and checks the rule.
    fn serve_waiters(&mut self, heap: &Heap) -> Result<(), TestCaseError> {
        loop {
            let rung = |waiter: &Modelled<'_>| waiter.bell.0.load(Ordering::SeqCst) > 0;
            let Some(served) = self.waiters.iter().position(rung) else {
                break;
            };
            let mut waiter = self.waiters.remove(served);
            let Poll::Ready(block) = poll(&mut waiter.future, &waiter.bell) else {
                return Err(TestCaseError::fail("woken for nothing"));
            };
            let block = block.unwrap();
            self.blocks.push(block);
            self.pass_by(served, memory_of(heap, block))?;
        }
        // Nobody waits for what is there, but behind one that was passed by too often, and then of
        // the memory that this one could use.
        let mut closed = Vec::new();
        for waiter in &self.waiters {
            for memory in memories(waiter.caps).filter(|memory| !closed.contains(memory)) {
                prop_assert!(heap.inspect().largest_free_block(memory) < waiter.size);
            }
            if waiter.passed_by >= u32::from(PATIENCE) {
                closed.extend(memories(waiter.caps));
            }
        }
        Ok(())
    }

    fn pass_by(&mut self, front: usize, memory: Caps) -> Result<(), TestCaseError> {
        for other in self.waiters.iter_mut().take(front) {
            if memory.contains(other.caps) {
                other.passed_by += 1;
                prop_assert!(other.passed_by <= u32::from(PATIENCE));
            }
        }
        Ok(())
    }

    fn wait(
        &mut self,
        heap: &'h Heap,
        size: usize,
        caps: Caps,
        priority: u8,
    ) -> Result<(), TestCaseError> {
        let behind = |waiter: &Modelled<'_>| waiter.priority < priority;
        let place = self.waiters.iter().position(behind);
        let place = place.unwrap_or(self.waiters.len());
        let (mut future, bell) = (waiting(heap, size, caps, priority), Arc::default());
        match poll(&mut future, &bell) {
            Poll::Ready(block) => {
                let block = block.unwrap();
                self.blocks.push(block);
                self.pass_by(place, memory_of(heap, block))
            }
            Poll::Pending => {
                let waiter = Modelled {
                    future,
                    bell,
                    size: size as u32,
                    caps,
                    priority,
                    passed_by: 0,
                };
                self.waiters.insert(place, waiter);
                Ok(())
            }
        }
    }
}

proptest! {
    /// Whatever waits, cancels, frees and allocates: the rule holds after every step, and in the
    /// end everybody is served and all memory is back.
    #[test]
    fn waiters_are_served_by_the_rule(calls in calls()) {
        let heap = heap_of::<Unpoisoned>(0x800);
        let at_first = heap.inspect().free_size(Caps::empty());
        let mut model = Model::default();
        for call in calls {
            match call {
                Call::Wait { size, caps, priority } => model.wait(heap, size, caps, priority)?,
                Call::Take { size, caps } => model.blocks.extend(heap.malloc(size, caps)),
                Call::Free(index) if index < model.blocks.len() => {
                    free(heap, model.blocks.swap_remove(index));
                }
                Call::Cancel(index) if index < model.waiters.len() => {
                    drop(model.waiters.remove(index));
                }
                Call::Free(_) | Call::Cancel(_) => {}
            }
            model.serve_waiters(heap)?;
        }
        while !model.waiters.is_empty() || !model.blocks.is_empty() {
            let block = model.blocks.pop();
            let Some(block) = block else {
                return Err(TestCaseError::fail("waiters with nothing allocated"));
            };
            free(heap, block);
            model.serve_waiters(heap)?;
        }
        prop_assert_eq!(heap.inspect().free_size(Caps::empty()), at_first);
        prop_assert_eq!(heap.faults().last_report(), None);
    }
}

#[derive(Default)]
struct Told(Vec<(&'static str, PressureKind)>);

impl Observer for Told {
    fn on_pressure(&mut self, event: &PressureEvent) {
        self.0.push((event.name, event.kind));
    }
}

#[test]
fn observers_hear_how_a_wait_begins_and_how_it_ends() {
    let heap: &CapsHeap<SpinLock, Unpoisoned, Told> =
        Box::leak(Box::new(CapsHeap::new(Told::default())));
    let memory = Box::leak(vec![MaybeUninit::uninit(); 4000].into_boxed_slice());
    heap.add_buffer([DRAM, Caps::empty(), Caps::empty()], memory)
        .unwrap();
    let told = || heap.with_observer(|told| std::mem::take(&mut told.0));
    let bell: Arc<Bell> = Arc::default();
    let waiting =
        |size| -> Waiting<'_> { Box::pin(heap.allocate_async(AllocRequest::new(size, DRAM))) };
    let mut at_once = waiting(100);
    let Poll::Ready(Ok(small)) = poll(&mut at_once, &bell) else {
        panic!("there is memory")
    };
    drop(at_once);
    let all = heap.malloc(3000, DRAM).unwrap();
    assert_eq!(told(), []);
    let (mut served, mut dropped) = (waiting(2000), waiting(1500));
    assert!(poll(&mut served, &bell).is_pending() && poll(&mut dropped, &bell).is_pending());
    let began = |size| ("a request", PressureKind::WaitBegan(size));
    assert_eq!(told(), [began(2000), began(1500)]);
    drop(dropped);
    assert_eq!(told(), [("a request", PressureKind::WaitEnded(1500))]);
    // SAFETY: the test's own block.
    unsafe { heap.free(all) }.unwrap();
    assert_eq!(told(), [("a request", PressureKind::WaitServed(2000))]);
    let Poll::Ready(Ok(block)) = poll(&mut served, &bell) else {
        panic!("it was served")
    };
    // SAFETY: as above.
    unsafe { heap.free(block) }.unwrap();
    // SAFETY: as above.
    unsafe { heap.free(small) }.unwrap();
    assert_eq!(told(), []);
}
