//! Threads that share a heap never see each other's bytes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::multiple_unsafe_ops_per_block,
    clippy::result_large_err,
    clippy::cast_possible_truncation,
    reason = "tests: helpers too, and programs of unsafe calls with one contract"
)]

mod support;

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::thread;

use heap_caps_alloc::{CapsHeap, CriticalSectionLock, InterruptMask, Masked, RawLock, SpinLock};
use multi_heap::{Comprehensive, Light, Poison, Unpoisoned};
use soc_regions::Caps;
use support::{Rng, assert_pristine, esp32, layout};

const THREADS: u32 = 4;
const STEPS: usize = 20_000;

/// A block that only its owner writes: each byte names the owner.
struct Held {
    block: *mut u8,
    layout: Layout,
    byte: u8,
}

impl Held {
    fn write(&self) {
        // SAFETY: the thread's own block.
        unsafe { self.block.write_bytes(self.byte, self.layout.size()) };
    }

    fn verify(&self, bytes: usize) {
        // SAFETY: the thread's own block, filled before.
        let found = unsafe { std::slice::from_raw_parts(self.block, bytes) };
        assert!(
            found.iter().all(|&byte| byte == self.byte),
            "somebody else wrote here"
        );
    }
}

fn any_layout(rng: &mut Rng) -> Layout {
    let size = match rng.below(8) {
        0 => rng.below(6000),
        _ => rng.below(200),
    };
    layout(size + 1, 1 << rng.below(7))
}

fn hammer<A: GlobalAlloc>(heap: &A, seed: u32) {
    let mut rng = Rng(seed);
    let mut held: Vec<Held> = Vec::new();
    for _ in 0..STEPS {
        match rng.below(10) {
            0..4 if held.len() < 100 => held.extend(allocated(heap, &mut rng)),
            4..6 if !held.is_empty() => {
                let index = rng.below(held.len() as u32);
                resize(heap, &mut held[index], any_layout(&mut rng).size());
            }
            _ if !held.is_empty() => {
                let gone = held.swap_remove(rng.below(held.len() as u32));
                gone.verify(gone.layout.size());
                // SAFETY: the thread's own block, of this layout.
                unsafe { heap.dealloc(gone.block, gone.layout) };
            }
            _ => {}
        }
    }
    for gone in held {
        gone.verify(gone.layout.size());
        // SAFETY: the thread's own block, of this layout.
        unsafe { heap.dealloc(gone.block, gone.layout) };
    }
}

fn allocated<A: GlobalAlloc>(heap: &A, rng: &mut Rng) -> Option<Held> {
    let (layout, zeroed, byte) = (any_layout(rng), rng.below(3) == 0, rng.roll() as u8);
    // SAFETY: sizes are not zero.
    let block = unsafe {
        if zeroed {
            heap.alloc_zeroed(layout)
        } else {
            heap.alloc(layout)
        }
    };
    if block.is_null() {
        return None;
    }
    let mut held = Held {
        block,
        layout,
        byte: 0,
    };
    if zeroed {
        held.verify(layout.size());
    }
    held.byte = byte;
    held.write();
    Some(held)
}

fn resize<A: GlobalAlloc>(heap: &A, held: &mut Held, size: usize) {
    // SAFETY: the thread's own block, used by the new pointer from now on.
    let block = unsafe { heap.realloc(held.block, held.layout, size) };
    let kept = held.layout.size().min(size);
    if !block.is_null() {
        held.block = block;
        held.layout = layout(size, held.layout.align());
    }
    assert!(held.block.addr().is_multiple_of(held.layout.align()));
    held.verify(kept);
    held.write();
}

fn threads_keep_apart<L: RawLock + Sync + 'static, P: Poison + Send + 'static>() {
    let heap: &'static CapsHeap<L, P> = esp32(());
    let free = heap.inspect().free_size(Caps::empty());
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || hammer(heap, 0x9E37_79B9 ^ (thread + 1)));
        }
    });
    assert_pristine(heap, free);
}

#[test]
fn behind_a_spin_lock() {
    threads_keep_apart::<SpinLock, Unpoisoned>();
    threads_keep_apart::<SpinLock, Light>();
    threads_keep_apart::<SpinLock, Comprehensive>();
}

#[test]
fn behind_a_critical_section() {
    threads_keep_apart::<CriticalSectionLock, Unpoisoned>();
    threads_keep_apart::<CriticalSectionLock, Comprehensive>();
}

thread_local! {
    static MASKED: Cell<u32> = const { Cell::new(0) };
}

/// A core's interrupts: here each thread is a core.
struct Counted;

// SAFETY: threads of a host are not interrupted by users of the heap; nesting is counted.
unsafe impl InterruptMask for Counted {
    type State = u32;

    fn mask() -> u32 {
        MASKED.with(|masked| masked.replace(masked.get() + 1))
    }

    unsafe fn restore(state: u32) {
        MASKED.with(|masked| masked.set(state));
    }
}

#[test]
fn behind_masked_interrupts_and_a_spin_lock() {
    threads_keep_apart::<Masked<Counted, SpinLock>, Light>();
    assert_eq!(MASKED.with(Cell::get), 0, "every mask was taken off");
}
