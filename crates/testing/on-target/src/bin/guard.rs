//! What guards cost, and heap-demo's program with two planted bugs, which they catch.

#![no_std]
#![no_main]

use core::alloc::{GlobalAlloc, Layout};
use core::mem::MaybeUninit;

use heap_bench::Counter;
use heap_demo::{Owned, planted_bugs};
use heap_guard::{Access, Caught, GuardedHeap, Sampling, Stop};
use on_target::{
    Breakpoints, ChipContext, HEAP, HeapLock, Instructions, boot_heap, exit_code, println,
};
use soc_regions::Caps;

on_target::program!(main);

/// Rounds until both bugs have happened a hundred times.
const ROUNDS: u32 = 4000;

static GUARDED: GuardedHeap<HeapLock, Breakpoints, Owned<ChipContext>> =
    GuardedHeap::new(&HEAP, Breakpoints, Owned(ChipContext::new()));

fn main() -> u8 {
    // SAFETY: the program has no other heap.
    if unsafe { boot_heap() }.is_err() {
        return exit_code::NO;
    }
    on_target::on_data_breakpoint(stopped, watched);
    costs();
    GUARDED.set_handler(Some(report));
    println!("{}", planted_bugs(&GUARDED, Sampling::one_of(20), ROUNDS));
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
