//! A program with two planted bugs: a name that is copied without a look at its length, and a
//! connection that is used after it was closed. Neither does harm, so the program goes on.
//!
//! Guards on data breakpoints catch both while they write, and the lines that they print lead to
//! the lines of this file.

use core::fmt::{self, Display};
use core::ptr::NonNull;

use heap_guard::{GuardableHeap, Guarded, Sampling, Watchpoints};
use heap_trace::{Owner, TraceContext};
use soc_regions::Caps;

use crate::events::as_owner;

const WEB: Owner = Owner(3);
const SENSOR: Owner = Owner(4);

/// Results of [`planted_bugs`].
#[derive(Debug)]
pub struct Planted {
    allocations: u32,
    guarded: u32,
    closed: u32,
    caught: u32,
}

impl Display for Planted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            allocations,
            guarded,
            closed,
            caught,
        } = self;
        write!(
            out,
            "{guarded} of {allocations} allocations guarded, {closed} connections closed, \
             {caught} hits while it ran"
        )
    }
}

/// Runs the program for some rounds, a fortieth of which has one bug and a fortieth the other, with
/// guards as sampled. Each hit is reported to the handler of `heap`.
pub fn planted_bugs<H: GuardableHeap, W: Watchpoints, C: TraceContext, const KEPT: usize>(
    heap: &Guarded<H, W, C, KEPT>,
    sampling: Sampling,
    rounds: u32,
) -> Planted {
    let before = heap.figures().sampled;
    heap.set_sampling(sampling);
    let (mut caught, mut closed) = (0, 0);
    for round in 0..rounds {
        as_owner(WEB, || greet(heap, round));
        closed += as_owner(SENSOR, || measure(heap, round));
        caught += heap.poll();
    }
    heap.set_sampling(Sampling::OFF);
    heap.release();
    Planted {
        allocations: 2 * rounds,
        guarded: heap.figures().sampled.saturating_sub(before),
        closed,
        caught,
    }
}

/// Every fortieth name is taken for one byte longer than it is.
#[inline(never)]
fn greet<H: GuardableHeap, W: Watchpoints, C: TraceContext, const KEPT: usize>(
    heap: &Guarded<H, W, C, KEPT>,
    round: u32,
) {
    let Ok(name) = heap.malloc(16, Caps::DMA) else {
        return;
    };
    let length = if round % 40 == 7 { 17 } else { 16 };
    shout(name, length);
    // SAFETY: the block is the program's.
    let _ = unsafe { heap.free(name) };
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
fn measure<H: GuardableHeap, W: Watchpoints, C: TraceContext, const KEPT: usize>(
    heap: &Guarded<H, W, C, KEPT>,
    round: u32,
) -> u32 {
    let Ok(connection) = heap.malloc(40, Caps::DMA).map(NonNull::cast::<u32>) else {
        return 0;
    };
    // SAFETY: the block's own word.
    unsafe { connection.write_volatile(OPEN) };
    let mut closed = u32::from(close(connection));
    // SAFETY: the block is the program's.
    let _ = unsafe { heap.free(connection.cast()) };
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
