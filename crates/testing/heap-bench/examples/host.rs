//! Prints what each heap costs on this machine, in nanoseconds: one figure a line, for `cargo xtask
//! bench --target host`.
//!
//! Each figure is the least of several rounds. It depends on the machine, and on what else the
//! machine does.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::time::Instant;

use heap_bench::{Counter, Operation, REGION_ALIGNMENT, REGION_BYTES};

const ROUNDS: u32 = 15;

/// Reads a clock around each call; its own time is deducted.
struct Nanoseconds {
    overhead: u32,
}

impl Counter for Nanoseconds {
    fn measure(&self, operation: Operation, [a, b, c, d]: [usize; 4]) -> (MaybeUninit<usize>, u32) {
        let start = Instant::now();
        let result = operation(a, b, c, d);
        let cost = u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX);
        (result, cost.saturating_sub(self.overhead))
    }
}

extern "C" fn nothing(_: usize, _: usize, _: usize, _: usize) -> MaybeUninit<usize> {
    MaybeUninit::uninit()
}

impl Nanoseconds {
    /// Deducts the least that measuring nothing takes.
    fn calibrated() -> Nanoseconds {
        let raw = Nanoseconds { overhead: 0 };
        let costs = (0..10_000).map(|_| raw.measure(nothing, [0; 4]).1);
        let overhead = costs.min().unwrap_or(0);
        Nanoseconds { overhead }
    }
}

fn main() {
    let mut memory = vec![0_u8; REGION_BYTES + REGION_ALIGNMENT];
    let lead = memory.as_ptr().align_offset(REGION_ALIGNMENT);
    let region = NonNull::from(&mut memory[lead..lead + REGION_BYTES]);
    let counter = Nanoseconds::calibrated();
    let mut least = BTreeMap::new();
    let mut order = Vec::new();
    for _ in 0..ROUNDS {
        let mut note = |figure: heap_bench::Figure| {
            let metric = figure.quantity.in_nanoseconds();
            let key = (figure.allocator, figure.workload, metric);
            let value = least.entry(key).or_insert_with(|| {
                order.push(key);
                figure.value
            });
            *value = figure.value.min(*value);
        };
        // SAFETY: the region is a part of `memory`, which nothing else uses.
        unsafe { heap_bench::run(&counter, region, &mut note) };
    }
    for key in order {
        let (allocator, workload, metric) = key;
        println!("figure\t{allocator}\t{workload}\t{metric}\t{}", least[&key]);
    }
}
