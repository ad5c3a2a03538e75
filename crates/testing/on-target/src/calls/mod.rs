//! What users call, as subjects of the workloads: heap-caps, the global allocator, the C names, esp-alloc.
//!
//! ```text
//!   boot.rs   the chip's memory becomes heaps        lock.rs   esp-sync's lock, and the critical section of C programs
//!   heap_caps.rs  global.rs  c.rs  esp_alloc.rs      one API each
//! ```
//!
//! Each subject is a program of its own: what a compiler inlines depends on what else is there.

mod boot;
#[cfg(feature = "c-names")]
mod c;
#[cfg(feature = "esp-alloc")]
mod esp_alloc;
mod global;
mod heap_caps;
mod lock;

use core::ptr::{NonNull, slice_from_raw_parts_mut};

use heap_bench::{Figure, Subject};

use crate::{Instructions, exit_code, println};

#[cfg(feature = "c-names")]
pub use c::{CHeapCaps, CMalloc, CMultiHeap};
#[cfg(feature = "esp-alloc")]
pub use esp_alloc::EspAlloc;
pub use global::Global;
pub use heap_caps::Routed;
pub use lock::EspLock;

/// Prints what a subject costs, one figure a line: on every workload, or over the recorded program in memory if the program was
/// called with `trace`. Subjects of one program are measured one after the other.
pub fn measure<S: Subject>() -> u8 {
    let region = region();
    if crate::argument(1, |word| word == Some("trace")) {
        // SAFETY: called for one subject at a time, and nothing else in this program uses that memory.
        let Ok((tape, slots)) = (unsafe { crate::tape() }) else {
            println!("trace: there is no tape, or more than this chip can hold");
            return exit_code::USAGE;
        };
        // SAFETY: nothing else uses the region and the memory of the chip's heaps.
        unsafe { heap_bench::run_guest_trace::<S>(&Instructions, region, tape, slots, &mut print) };
    } else {
        // SAFETY: the same.
        unsafe { heap_bench::run_guest::<S>(&Instructions, region, &mut print) };
    }
    exit_code::SUCCESS
}

/// DRAM below the ESP32's own: the emulated window begins at 0x3FC0_0000.
fn region() -> NonNull<[u8]> {
    let start = core::ptr::without_provenance_mut(0x3FC0_0000);
    let region = slice_from_raw_parts_mut(start, heap_bench::REGION_BYTES);
    // SAFETY: the address is not null.
    unsafe { NonNull::new_unchecked(region) }
}

fn print(figure: Figure) {
    println!(
        "figure\t{}\t{}\t{}\t{}",
        figure.subject,
        figure.workload,
        figure.quantity.in_instructions(),
        figure.value
    );
}
