//! Checks of interrupt handlers that use the heap which the program is using.

use core::future::Future;
use core::pin::pin;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};
use core::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use alloc::boxed::Box;
use heap_caps::{AllocRequest, CurrentOwner, FailureKind, Owner};
use heap_caps_alloc::{OwnerAccounts, OwnerLimits, PressureGauge};
use on_target::{HEAP, interrupts};
use soc_regions::Caps;

use crate::Check;

pub(crate) const CHECKS: &[Check] = &[
    (
        "an_interrupt_handler_allocates_while_the_program_does",
        an_interrupt_handler_allocates_while_the_program_does,
    ),
    (
        "a_waiter_is_served_or_gives_up_while_an_interrupt_handler_frees",
        a_waiter_is_served_or_gives_up_while_an_interrupt_handler_frees,
    ),
    (
        "limits_hold_while_an_interrupt_handler_allocates_and_frees",
        limits_hold_while_an_interrupt_handler_allocates_and_frees,
    ),
];

/// Instructions between interrupts: comes at another instruction of an allocation each time,
/// hundreds of times.
const PERIOD: u32 = 3907;
const ENOUGH: u32 = 500;

static INTERRUPTS: AtomicU32 = AtomicU32::new(0);
static KEPT: [AtomicPtr<u32>; 8] = [const { AtomicPtr::new(core::ptr::null_mut()) }; 8];

/// Frees the block of eight interrupts ago, after a look at it, and takes another.
fn handler() {
    let number = INTERRUPTS.load(Ordering::Relaxed);
    INTERRUPTS.store(number + 1, Ordering::Relaxed);
    let place = &KEPT[number as usize % KEPT.len()];
    if let Some(old) = NonNull::new(place.load(Ordering::Relaxed)) {
        // SAFETY: the block is the handler's own.
        assert_eq!(unsafe { old.as_ptr().read() }, number.wrapping_sub(8));
        // SAFETY: and nobody will use it again.
        unsafe { HEAP.free(old.cast()) }.unwrap();
    }
    let size = 4 + (number as usize * 37) % 300;
    let block = HEAP
        .malloc(size, Caps::INTERNAL | Caps::BIT8)
        .unwrap()
        .cast();
    // SAFETY: the block has at least one word.
    unsafe { block.write(number) };
    place.store(block.as_ptr(), Ordering::Relaxed);
}

fn an_interrupt_handler_allocates_while_the_program_does() {
    // SAFETY: this check is the whole program.
    unsafe { on_target::boot_heap() }.unwrap();
    interrupts::start_timer(PERIOD, handler);
    let mut rounds = 0_usize;
    while INTERRUPTS.load(Ordering::Relaxed) < ENOUGH {
        let size = 1 + (rounds * 61) % 900;
        let block = alloc::vec![rounds.to_le_bytes()[0]; size];
        let grown = [block.as_slice(), &[7; 40]].concat();
        assert!(grown.iter().take(size).all(|&byte| byte == block[0]));
        rounds += 1;
    }
    interrupts::stop_timer();
    assert!(rounds > 100, "the program went on: {rounds} rounds");
    HEAP.inspect()
        .locked(|heaps| assert_eq!(heaps.check_integrity(Caps::empty()), Ok(())));
}

/// Memory of the check below, which the interrupt handler holds every other time.
const SCARCE: Caps = Caps::INTERNAL.union(Caps::DMA).union(Caps::BIT8);
const HELD_BYTES: usize = 16 * 1024;
/// Fits where the handler's block was, and nowhere else.
const WANTED_BYTES: usize = 12 * 1024;
const HOG_BYTES: usize = 8 * 1024;

static HELD: AtomicPtr<u8> = AtomicPtr::new(core::ptr::null_mut());
static IS_IN_HANDLER: AtomicBool = AtomicBool::new(false);
static IS_WOKEN: AtomicBool = AtomicBool::new(false);

/// Frees the block that it holds, which serves and wakes a waiter; or takes it again, if it can.
fn free_or_take() {
    INTERRUPTS.store(INTERRUPTS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    IS_IN_HANDLER.store(true, Ordering::Relaxed);
    let held = HELD.load(Ordering::Relaxed);
    let held = match NonNull::new(held) {
        // SAFETY: the block is the handler's own.
        Some(block) => unsafe { HEAP.free(block) }.map(|()| None).unwrap(),
        None => HEAP.try_allocate(AllocRequest::new(HELD_BYTES, SCARCE)),
    };
    HELD.store(
        held.map_or(core::ptr::null_mut(), NonNull::as_ptr),
        Ordering::Relaxed,
    );
    IS_IN_HANDLER.store(false, Ordering::Relaxed);
}

/// Returns a waker that leaves a sign.
fn waker() -> Waker {
    const TABLE: RawWakerVTable = RawWakerVTable::new(|_| RAW, |_| wake(), |_| wake(), |_| {});
    const RAW: RawWaker = RawWaker::new(core::ptr::null(), &TABLE);
    fn wake() {
        IS_WOKEN.store(true, Ordering::Relaxed);
    }
    // SAFETY: the functions use no data, and any thread may call them.
    unsafe { Waker::from_raw(RAW) }
}

/// Takes all blocks of [`HOG_BYTES`]; each has the address of the one before.
fn take_all() -> Option<NonNull<usize>> {
    let mut last: Option<NonNull<usize>> = None;
    while let Some(block) = HEAP.try_allocate(AllocRequest::new(HOG_BYTES, SCARCE)) {
        let block = block.cast();
        // SAFETY: a new block.
        unsafe { block.write(last.map_or(0, |last| last.as_ptr().expose_provenance())) };
        last = Some(block);
    }
    last
}

fn free_all(mut last: Option<NonNull<usize>>) {
    while let Some(block) = last {
        // SAFETY: `take_all` wrote it.
        let before = unsafe { block.read() };
        // SAFETY: the block is this check's own.
        unsafe { HEAP.free(block.cast()) }.unwrap();
        last = NonNull::new(core::ptr::with_exposed_provenance_mut(before));
    }
}

/// Some instructions for each count, which no compiler removes: without them, interrupts would
/// always come at the same places of a round.
fn pause(counts: u32) {
    for count in 0..counts {
        core::hint::black_box(count);
    }
}

fn a_waiter_is_served_or_gives_up_while_an_interrupt_handler_frees() {
    // SAFETY: this check is the whole program.
    unsafe { on_target::boot_heap() }.unwrap();
    HEAP.pressure()
        .set_interrupt_probe(Some(|| IS_IN_HANDLER.load(Ordering::Relaxed)));
    let at_first = HEAP.inspect().free_size(SCARCE);
    let held = HEAP.malloc(HELD_BYTES, SCARCE).unwrap();
    HELD.store(held.as_ptr(), Ordering::Relaxed);
    let hogs = take_all();
    let waker = waker();
    let mut context = Context::from_waker(&waker);
    let (mut served, mut gave_up, mut round) = (0_u32, 0_u32, 0_u32);
    interrupts::start_timer(PERIOD, free_or_take);
    while served < 150 || gave_up < 150 {
        let interrupts = INTERRUPTS.load(Ordering::Relaxed);
        assert!(
            round < 5000,
            "{served} were served and {gave_up} gave up in {interrupts} interrupts"
        );
        round += 1;
        IS_WOKEN.store(false, Ordering::Relaxed);
        let mut waiting = pin!(HEAP.allocate_async(AllocRequest::new(WANTED_BYTES, SCARCE)));
        let block = match waiting.as_mut().poll(&mut context) {
            Poll::Ready(block) => block.unwrap(),
            Poll::Pending if round % 2 == 0 => {
                // Gives up at another instruction of the handler's period each time.
                pause(round * 61 % PERIOD);
                gave_up += 1;
                continue;
            }
            Poll::Pending => {
                while !IS_WOKEN.load(Ordering::Relaxed) {
                    core::hint::spin_loop();
                }
                served += 1;
                let Poll::Ready(block) = waiting.as_mut().poll(&mut context) else {
                    panic!("woken without a block");
                };
                block.unwrap()
            }
        };
        // SAFETY: the block is this check's own, and larger.
        unsafe { block.write_bytes(0x5A, 64) };
        // SAFETY: nobody will use it again.
        unsafe { HEAP.free(block) }.unwrap();
        // Lets the handler have its turn.
        pause(round * 97 % PERIOD);
    }
    interrupts::stop_timer();
    if let Some(held) = NonNull::new(HELD.load(Ordering::Relaxed)) {
        // SAFETY: the handler's block, which comes no more.
        unsafe { HEAP.free(held) }.unwrap();
    }
    free_all(hogs);
    assert_eq!(HEAP.inspect().free_size(SCARCE), at_first);
    HEAP.inspect()
        .locked(|heaps| assert_eq!(heaps.check_integrity(Caps::empty()), Ok(())));
}

static CURRENT: CurrentOwner = CurrentOwner::new();
const PROGRAM: OwnerLimits = OwnerLimits::new(Owner(1), "program", SCARCE).at_most(6000);
const HANDLER: OwnerLimits = OwnerLimits::new(Owner(2), "handler", SCARCE)
    .at_most(2500)
    .guaranteed(1000);
/// Blocks of the program that the handler frees, and the other way round.
static FOR_HANDLER: AtomicPtr<u8> = AtomicPtr::new(core::ptr::null_mut());
static FOR_PROGRAM: AtomicPtr<u8> = AtomicPtr::new(core::ptr::null_mut());
static HANDLER_REFUSED: AtomicU32 = AtomicU32::new(0);

/// Frees the block at a place, if there is one.
fn free_at(place: &AtomicPtr<u8>) {
    let block = NonNull::new(place.load(Ordering::Relaxed));
    place.store(core::ptr::null_mut(), Ordering::Relaxed);
    if let Some(block) = block {
        // SAFETY: the block was handed over at that place, to one context.
        unsafe { HEAP.free(block) }.unwrap();
    }
}

/// Asserts that an owner has no more than its limit; returns what it has.
fn used_within(owner: Owner, most: u32) -> u32 {
    let usage = HEAP.pressure().owner_usage(owner, SCARCE).unwrap();
    assert!(usage.used <= most && usage.peak <= most, "{usage}");
    usage.used
}

/// Frees the program's block and an old one of its own, and allocates one for itself and one that
/// the program frees.
fn allocate_within_limits() {
    let number = INTERRUPTS.load(Ordering::Relaxed);
    INTERRUPTS.store(number + 1, Ordering::Relaxed);
    IS_IN_HANDLER.store(true, Ordering::Relaxed);
    CURRENT.with(Owner(2), || {
        free_at(&FOR_HANDLER);
        let place = &KEPT[number as usize % KEPT.len()];
        let size = 40 + (number as usize * 37) % 600;
        if let Some(old) = NonNull::new(place.load(Ordering::Relaxed)) {
            // SAFETY: the block is the handler's own.
            unsafe { HEAP.free(old.cast()) }.unwrap();
        }
        let block = HEAP.try_allocate(AllocRequest::new(size, SCARCE));
        if block.is_none() {
            let before = HANDLER_REFUSED.load(Ordering::Relaxed);
            HANDLER_REFUSED.store(before + 1, Ordering::Relaxed);
        }
        let block = block.map_or(core::ptr::null_mut(), |block| block.as_ptr().cast());
        place.store(block, Ordering::Relaxed);
        if FOR_PROGRAM.load(Ordering::Relaxed).is_null()
            && let Some(block) = HEAP.try_allocate(AllocRequest::new(100, SCARCE))
        {
            FOR_PROGRAM.store(block.as_ptr(), Ordering::Relaxed);
        }
        used_within(Owner(2), 2500);
    });
    IS_IN_HANDLER.store(false, Ordering::Relaxed);
}

fn limits_hold_while_an_interrupt_handler_allocates_and_frees() {
    // SAFETY: this check is the whole program.
    unsafe { on_target::boot_heap() }.unwrap();
    let pressure = HEAP.pressure();
    pressure.set_interrupt_probe(Some(|| IS_IN_HANDLER.load(Ordering::Relaxed)));
    let accounts = Box::leak(Box::new(OwnerAccounts::<4, 64>::new()));
    pressure.open_accounts(accounts, || CURRENT.get()).unwrap();
    let gauge = PressureGauge::new("scarce", SCARCE).free_below(1 << 20, 1024);
    pressure.add_gauge(gauge).unwrap();
    for limits in [PROGRAM, HANDLER] {
        pressure.limit_owner(limits).unwrap();
    }
    let at_first = HEAP.inspect().free_size(SCARCE);
    interrupts::start_timer(PERIOD, allocate_within_limits);
    let (mut refused, mut round) = (0_u32, 0_usize);
    let mut kept: [Option<NonNull<u8>>; 16] = [None; 16];
    while INTERRUPTS.load(Ordering::Relaxed) < ENOUGH {
        CURRENT.with(Owner(1), || {
            let place = &mut kept[round % 16];
            if let Some(block) = place.take() {
                // SAFETY: the block is this check's own.
                unsafe { HEAP.free(block) }.unwrap();
            }
            let request = AllocRequest::new(1 + (round * 61) % 900, SCARCE);
            match HEAP.allocate(&request) {
                Ok(block) if FOR_HANDLER.load(Ordering::Relaxed).is_null() && round % 3 == 0 => {
                    FOR_HANDLER.store(block.as_ptr(), Ordering::Relaxed);
                }
                Ok(block) => *place = Some(block),
                Err(failure) => {
                    let is_replaced = failure.candidates().next().is_none(); // by the handler's
                    let is_at_limit = match failure.cause {
                        FailureKind::OverLimit { owner, .. } => owner == Owner(1),
                        cause => cause == FailureKind::NoMemory && is_replaced,
                    };
                    assert!(is_at_limit, "{failure}");
                    refused += 1;
                }
            }
            used_within(Owner(1), 6000);
        });
        if !FOR_PROGRAM.load(Ordering::Relaxed).is_null() {
            free_at(&FOR_PROGRAM);
        }
        round += 1;
    }
    interrupts::stop_timer();
    let handler_refused = HANDLER_REFUSED.load(Ordering::Relaxed);
    assert!(
        refused > 10 && handler_refused > 10,
        "{refused} and {handler_refused} refused in {round} rounds"
    );
    assert!(used_within(Owner(2), 2500) > 0);
    for block in kept.into_iter().flatten() {
        // SAFETY: as above.
        unsafe { HEAP.free(block) }.unwrap();
    }
    for place in &KEPT {
        let block = AtomicPtr::new(place.load(Ordering::Relaxed).cast());
        free_at(&block);
    }
    free_at(&FOR_HANDLER);
    free_at(&FOR_PROGRAM);
    for owner in [Owner(1), Owner(2)] {
        assert_eq!(used_within(owner, u32::MAX), 0);
    }
    assert_eq!(HEAP.inspect().free_size(SCARCE), at_first);
    HEAP.inspect()
        .locked(|heaps| assert_eq!(heaps.check_integrity(Caps::empty()), Ok(())));
}
