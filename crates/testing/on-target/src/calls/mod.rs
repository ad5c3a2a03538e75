//! Allocators that users call, for the workloads: heap-caps, the global allocator, the C names,
//! esp-alloc.
//!
//! ```text
//!   boot.rs   the chip's memory becomes heaps        lock.rs   esp-sync's lock, and the critical section of C programs
//!   heap_caps.rs  global.rs  c.rs  esp_alloc.rs      one API each
//! ```
//!
//! Each allocator is a program of its own: what a compiler inlines depends on what else is there.

mod allocator;
mod boot;
#[cfg(feature = "c-names")]
mod c;
#[cfg(feature = "esp-alloc")]
mod esp_alloc;
mod global;
mod heap_caps;
mod lock;
mod pressure;

#[cfg(target_arch = "xtensa")]
use heap_bench::Quantity;
use heap_bench::{Allocator, Counter, Figure};

#[cfg(target_arch = "xtensa")]
use crate::MaskedStretch;
use crate::{Instructions, below_dram, exit_code, println};

#[cfg(feature = "c-names")]
pub use c::{CHeapCaps, CMalloc, CMultiHeap};
#[cfg(feature = "esp-alloc")]
pub use esp_alloc::EspAlloc;
pub use global::Global;
pub use heap_caps::Routed;
pub use pressure::costs_under_pressure;

/// What a program was called for.
#[derive(Clone, Copy, Debug)]
pub enum Order<'line> {
    /// Every workload.
    Workloads,
    /// The longest masked stretches of every workload.
    Masked,
    /// The recorded program in memory.
    Trace,
    /// One call of a workload.
    Single(&'line str),
}

/// An allocator that a program measures as it was called.
pub type Measured = fn(Order<'_>) -> u8;

/// Prints what some allocators cost, one figure a line: on every workload, one allocator after the
/// other. Called with `trace N`, it measures the one with this number over the recorded program in
/// memory; with `single N WORKLOAD` it prints nothing, while the emulator writes down what is
/// executed.
#[must_use]
pub fn measure_as_asked(allocators: &[Measured]) -> u8 {
    crate::arguments_from(1, |line| {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (number, workload) = rest.split_once(' ').unwrap_or((rest, ""));
        let one = number
            .parse()
            .ok()
            .and_then(|number: usize| allocators.get(number));
        match (word, one) {
            ("", _) => all(allocators, Order::Workloads),
            ("trace", Some(allocator)) => allocator(Order::Trace),
            ("single", Some(allocator)) => allocator(Order::Single(workload)),
            _ => {
                println!("[trace ALLOCATOR | single ALLOCATOR WORKLOAD]");
                exit_code::USAGE
            }
        }
    })
}

/// The same of longest masked stretches, in a program that is linked for it.
#[must_use]
pub fn masked(allocators: &[Measured]) -> u8 {
    all(allocators, Order::Masked)
}

fn all(allocators: &[Measured], order: Order<'_>) -> u8 {
    let codes = allocators.iter().map(|allocator| allocator(order));
    codes.max().unwrap_or(exit_code::SUCCESS)
}

/// Measures one allocator.
#[must_use]
pub fn measure<S: Allocator>(order: Order<'_>) -> u8 {
    match order {
        Order::Workloads => workloads::<S>(&Instructions, &mut print),
        #[cfg(target_arch = "xtensa")]
        Order::Masked => masked_workloads::<S>(),
        #[cfg(not(target_arch = "xtensa"))]
        Order::Masked => return exit_code::USAGE,
        Order::Trace => {
            // SAFETY: called once, and nothing else in this program uses that memory.
            let Ok((trace, slots)) = (unsafe { crate::trace_below_dram() }) else {
                println!("there is no recorded program, or more than this chip can hold");
                return exit_code::USAGE;
            };
            // SAFETY: nothing else uses the memory of the chip's heaps and that below.
            unsafe {
                heap_bench::run_guest_trace::<S>(
                    &Instructions,
                    below_dram(),
                    trace,
                    slots,
                    &mut print,
                );
            }
        }
        Order::Single(workload) => {
            // SAFETY: the same.
            if !unsafe { heap_bench::run_single::<S>(&Instructions, below_dram(), workload) } {
                println!("{} has no workload called {workload}", S::NAME);
                return exit_code::USAGE;
            }
        }
    }
    exit_code::SUCCESS
}

fn workloads<S: Allocator>(counter: &impl Counter, print: &mut dyn FnMut(Figure)) {
    // SAFETY: nothing else uses the memory of the chip's heaps and that below.
    unsafe { heap_bench::run_guest::<S>(counter, below_dram(), print) };
}

fn print(figure: Figure) {
    println!("{figure}");
}

/// Longest stretches are the only figures of such a run; the last one is that of all calls, first
/// ones included.
#[cfg(target_arch = "xtensa")]
fn masked_workloads<S: Allocator>() {
    let counter = MaskedStretch::default();
    workloads::<S>(&counter, &mut print_masked);
    print_masked(Figure {
        allocator: S::NAME,
        workload: "any call",
        quantity: Quantity::Worst,
        value: counter.longest().into(),
    });
}

#[cfg(target_arch = "xtensa")]
fn print_masked(figure: Figure) {
    if figure.quantity == Quantity::Worst {
        let (allocator, workload, value) = (figure.allocator, figure.workload, figure.value);
        println!("figure\t{allocator}\t{workload}\tmasked_max\t{value}");
    }
}
