//! What users call, as subjects of the workloads: heap-caps, the global allocator, the C names,
//! esp-alloc.
//!
//! ```text
//!   boot.rs   the chip's memory becomes heaps        lock.rs   esp-sync's lock, and the critical section of C programs
//!   heap_caps.rs  global.rs  c.rs  esp_alloc.rs      one API each
//! ```
//!
//! Each subject is a program of its own: what a compiler inlines depends on what else is there.

mod allocator;
mod boot;
#[cfg(feature = "c-names")]
mod c;
#[cfg(feature = "esp-alloc")]
mod esp_alloc;
mod global;
mod heap_caps;
mod lock;

use heap_bench::{Figure, Meter, Quantity, Subject};

#[cfg(target_arch = "xtensa")]
use crate::MaskedStretch;
use crate::{Instructions, below_dram, exit_code, println};

#[cfg(feature = "c-names")]
pub use c::{CHeapCaps, CMalloc, CMultiHeap};
#[cfg(feature = "esp-alloc")]
pub use esp_alloc::EspAlloc;
pub use global::Global;
pub use heap_caps::Routed;

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

/// A subject that a program measures as it was called.
pub type Measured = fn(Order<'_>) -> u8;

/// The program of some subjects: prints what they cost, one figure a line. On every workload, one
/// subject after the other; or called with `trace N` for the one with this number over the recorded
/// program in memory; or with `single N WORKLOAD` nothing, while the emulator writes down what is
/// executed.
#[must_use]
pub fn measure_as_told(subjects: &[Measured]) -> u8 {
    crate::arguments_from(1, |line| {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (number, workload) = rest.split_once(' ').unwrap_or((rest, ""));
        let one = number
            .parse()
            .ok()
            .and_then(|number: usize| subjects.get(number));
        match (word, one) {
            ("", _) => all(subjects, Order::Workloads),
            ("trace", Some(subject)) => subject(Order::Trace),
            ("single", Some(subject)) => subject(Order::Single(workload)),
            _ => {
                println!("[trace SUBJECT | single SUBJECT WORKLOAD]");
                exit_code::USAGE
            }
        }
    })
}

/// The same of longest masked stretches, in a program that is linked for it.
#[must_use]
pub fn masked(subjects: &[Measured]) -> u8 {
    all(subjects, Order::Masked)
}

fn all(subjects: &[Measured], order: Order<'_>) -> u8 {
    let codes = subjects.iter().map(|subject| subject(order));
    codes.max().unwrap_or(exit_code::SUCCESS)
}

/// Measures one subject.
#[must_use]
pub fn measure<S: Subject>(order: Order<'_>) -> u8 {
    match order {
        Order::Workloads => workloads::<S>(&Instructions, &mut print),
        #[cfg(target_arch = "xtensa")]
        Order::Masked => masked_workloads::<S>(),
        #[cfg(not(target_arch = "xtensa"))]
        Order::Masked => return exit_code::USAGE,
        Order::Trace => {
            // SAFETY: called once, and nothing else in this program uses that memory.
            let Ok((tape, slots)) = (unsafe { crate::tape_below_dram() }) else {
                println!("there is no recorded program, or more than this chip can hold");
                return exit_code::USAGE;
            };
            // SAFETY: nothing else uses the memory of the chip's heaps and that below.
            unsafe {
                heap_bench::run_guest_trace::<S>(
                    &Instructions,
                    below_dram(),
                    tape,
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

fn workloads<S: Subject>(meter: &impl Meter, print: &mut dyn FnMut(Figure)) {
    // SAFETY: nothing else uses the memory of the chip's heaps and that below.
    unsafe { heap_bench::run_guest::<S>(meter, below_dram(), print) };
}

fn print(figure: Figure) {
    line(figure, figure.quantity.in_instructions());
}

/// Longest stretches are the only figures of such a run; the last one is that of all calls, first
/// ones included.
#[cfg(target_arch = "xtensa")]
fn masked_workloads<S: Subject>() {
    let meter = MaskedStretch::default();
    workloads::<S>(&meter, &mut print_masked);
    print_masked(Figure {
        subject: S::NAME,
        workload: "any call",
        quantity: Quantity::Worst,
        value: meter.longest().into(),
    });
}

#[cfg(target_arch = "xtensa")]
fn print_masked(figure: Figure) {
    if figure.quantity == Quantity::Worst {
        line(figure, "masked_max");
    }
}

fn line(figure: Figure, metric: &str) {
    let Figure {
        subject,
        workload,
        value,
        ..
    } = figure;
    println!("figure\t{subject}\t{workload}\t{metric}\t{value}");
}
