//! A program with two planted bugs: a name that is copied without a look at its length, and a
//! connection that is used after it was closed. Guards on data breakpoints catch both while they
//! write, and the lines that they print lead to the lines of the source.

#![no_std]
#![no_main]

use core::alloc::{GlobalAlloc, Layout};
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use heap_bench::Counter;

use heap_guard::{Access, Caught, GuardedHeap, Sampling, Stop};
use heap_trace::{CurrentOwner, Owner, TraceContext};
use on_target::{
    Breakpoints, ChipContext, HEAP, HeapLock, Instructions, boot_heap, exit_code, println,
};
use soc_regions::Caps;

on_target::program!(main);

static OWNER: CurrentOwner = CurrentOwner::new();
const WEB: Owner = Owner(1);
const SENSOR: Owner = Owner(2);

/// Rounds until both bugs have happened a hundred times.
const ROUNDS: u32 = 4000;

static GUARDED: GuardedHeap<HeapLock, Breakpoints, Owned> =
    GuardedHeap::new(&HEAP, Breakpoints, Owned(ChipContext::new()));

/// The chip's clock and stack, and the owner that the program says.
struct Owned(ChipContext);

impl TraceContext for Owned {
    fn ticks(&self) -> u32 {
        self.0.ticks()
    }

    fn owner(&self) -> Owner {
        OWNER.get()
    }

    fn callers(&self, stack: &mut [u32]) -> usize {
        self.0.callers(stack)
    }
}

fn main() -> u8 {
    // SAFETY: the program has no other heap.
    if unsafe { boot_heap() }.is_err() {
        return exit_code::NO;
    }
    on_target::on_data_breakpoint(stopped, watched);
    costs();
    GUARDED.set_handler(Some(report));
    GUARDED.set_sampling(Sampling::one_of(20));
    let (mut lines, mut closed) = (0, 0);
    for round in 0..ROUNDS {
        OWNER.with(WEB, || greet(round));
        closed += OWNER.with(SENSOR, || measure(round));
        lines += GUARDED.poll();
    }
    GUARDED.release();
    let figures = GUARDED.figures();
    println!(
        "{} of {} allocations guarded, {closed} connections closed, {lines} hits while it ran",
        figures.sampled,
        2 * ROUNDS
    );
    let sound = HEAP
        .inspect()
        .locked(|heaps| heaps.check_integrity(Caps::empty()));
    if sound.is_err() {
        exit_code::NO
    } else {
        exit_code::SUCCESS
    }
}

/// Instructions of an allocation and a free of 64 bytes: of the heap itself, and with guards.
fn costs() {
    let cost = |what: &str, guarded: bool| {
        let [allocate, free] = if guarded {
            [allocate_guarded as heap_bench::Operation, free_guarded]
        } else {
            [allocate_plainly as heap_bench::Operation, free_plainly]
        };
        let (block, allocation) = Instructions.measure(allocate, [0; 4]);
        // SAFETY: the function returns an address.
        let block = unsafe { block.assume_init() };
        let (_, free) = Instructions.measure(free, [block, 0, 0, 0]);
        println!("cost\t{what}\t{allocation}\t{free}");
    };
    cost("the first", false);
    cost("the heap itself", false);
    cost("guards off", true);
    GUARDED.set_sampling(Sampling::one_of(1_000_000));
    cost("not sampled", true);
    GUARDED.set_sampling(Sampling::one_of(1));
    cost("sampled, a free slot", true);
    GUARDED.set_sampling(Sampling::one_of(1_000_000));
    cost("not sampled, others guarded", true);
    GUARDED.set_sampling(Sampling::one_of(1));
    cost("sampled, the last free slot", true);
    cost("sampled, in place of another", true);
    GUARDED.set_sampling(Sampling::OFF);
    GUARDED.release();
    GUARDED.set_quarantine(4096);
    cost("quarantine, empty", true);
    GUARDED.set_quarantine(64);
    cost("quarantine, full", true);
    GUARDED.set_quarantine(0);
}

const BLOCK: Layout = Layout::new::<[u32; 16]>();

extern "C" fn allocate_plainly(_: usize, _: usize, _: usize, _: usize) -> MaybeUninit<usize> {
    // SAFETY: the size is not 0.
    MaybeUninit::new(unsafe { HEAP.alloc(BLOCK) }.expose_provenance())
}

extern "C" fn allocate_guarded(_: usize, _: usize, _: usize, _: usize) -> MaybeUninit<usize> {
    // SAFETY: the size is not 0.
    MaybeUninit::new(unsafe { GUARDED.alloc(BLOCK) }.expose_provenance())
}

extern "C" fn free_plainly(block: usize, _: usize, _: usize, _: usize) -> MaybeUninit<usize> {
    // SAFETY: a block of the function above.
    unsafe { HEAP.dealloc(core::ptr::with_exposed_provenance_mut(block), BLOCK) };
    MaybeUninit::uninit()
}

extern "C" fn free_guarded(block: usize, _: usize, _: usize, _: usize) -> MaybeUninit<usize> {
    // SAFETY: a block of the function above.
    unsafe { GUARDED.dealloc(core::ptr::with_exposed_provenance_mut(block), BLOCK) };
    MaybeUninit::uninit()
}

fn stopped(stop: &Stop) -> bool {
    GUARDED.on_debug_exception(stop)
}

fn watched(access: Access) -> bool {
    GUARDED.watches(access)
}

fn report(caught: &Caught) {
    println!("{caught}");
}

/// Every fortieth name is taken for one byte longer than it is.
#[inline(never)]
fn greet(round: u32) {
    let name = GUARDED.malloc(16, Caps::DMA).unwrap();
    let length = if round % 40 == 7 { 17 } else { 16 };
    shout(name, length);
    // SAFETY: the block is the program's.
    unsafe { GUARDED.free(name) }.unwrap();
}

/// Changes letters to capitals. What is none is written as it is, so the bug does no harm.
#[inline(never)]
fn shout(name: NonNull<u8>, length: usize) {
    for at in 0..length {
        // SAFETY: not for every length: this is the bug.
        let letter = unsafe { name.add(at) };
        // SAFETY: the same.
        let capital = unsafe { letter.read_volatile() }.to_ascii_uppercase();
        // SAFETY: the same.
        unsafe { letter.write_volatile(capital) }; // planted: overrun
    }
}

/// What stands first in a connection: whether it is open.
const OPEN: u32 = 1 << 31;

/// Opens and closes a connection; returns how often. Every fortieth is closed once more when its
/// memory is no longer its own.
#[inline(never)]
fn measure(round: u32) -> u32 {
    let connection = GUARDED.malloc(40, Caps::DMA).unwrap().cast::<u32>();
    // SAFETY: the block's own word.
    unsafe { connection.write_volatile(OPEN) };
    let mut closed = u32::from(close(connection));
    // SAFETY: the block is the program's.
    unsafe { GUARDED.free(connection.cast()) }.unwrap();
    if round % 40 == 9 {
        closed += u32::from(close(connection));
    }
    closed
}

/// Returns whether it was open. In memory that is free the bit is 0, so the bug does no harm.
#[inline(never)]
fn close(connection: NonNull<u32>) -> bool {
    // SAFETY: not for a connection that is freed: this is the bug.
    let state = unsafe { connection.read_volatile() };
    // SAFETY: the same.
    unsafe { connection.write_volatile(state & !OPEN) }; // planted: use after free
    state & OPEN != 0
}
