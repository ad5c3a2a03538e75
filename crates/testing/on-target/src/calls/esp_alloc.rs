//! esp-alloc from crates.io, which the Rust firmware of these chips uses: up to three heaps,
//! searched in order.

use core::mem::MaybeUninit;
use core::ptr::{NonNull, without_provenance_mut};
use core::sync::atomic::{AtomicBool, Ordering};

use esp_alloc::{EspHeap, HeapRegion, MemoryCapability};
use heap_bench::Allocator;

use super::allocator::of_global_allocator;
use crate::chip::linker_symbols;

static HEAP: EspHeap = EspHeap::empty();

/// Returns the DRAM behind the program; D/IRAM behind what the ROM keeps; PSRAM.
fn regions() -> [(usize, usize, MemoryCapability); 3] {
    let symbols = linker_symbols();
    let behind_program = symbols.iter().find(|(name, _)| *name == "_heap_start");
    let behind_program = behind_program.map_or(0, |(_, address)| *address as usize);
    [
        (behind_program, 0x3FFE_0000, MemoryCapability::Internal),
        (0x3FFE_7E30, 0x4000_0000, MemoryCapability::Internal),
        (0x3F80_0000, 0x3FC0_0000, MemoryCapability::External),
    ]
}

/// `Box::new`, `Vec::push`. Its back end is chosen where the program is built.
pub struct EspAlloc;

impl Allocator for EspAlloc {
    const NAME: &'static str = if cfg!(esp_alloc_llff) {
        "esp-alloc llff"
    } else {
        "esp-alloc tlsf"
    };

    unsafe fn start(place: &mut MaybeUninit<Self>, _: NonNull<[u8]>) -> bool {
        static STARTED: AtomicBool = AtomicBool::new(false);
        if !STARTED.load(Ordering::Relaxed) {
            STARTED.store(true, Ordering::Relaxed);
            for (start, end, kind) in regions() {
                // SAFETY: the caller hands the allocators the chip's memory one after the other.
                let region = unsafe {
                    HeapRegion::new(without_provenance_mut(start), end - start, kind.into())
                };
                // SAFETY: the same.
                unsafe { HEAP.add_region(region) };
            }
        }
        place.write(Self);
        true
    }

    of_global_allocator!();

    fn control_bytes(&self) -> usize {
        size_of_val(&HEAP)
    }
}
