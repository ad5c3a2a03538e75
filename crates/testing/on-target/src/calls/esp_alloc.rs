//! esp-alloc from crates.io, which the Rust firmware of these chips uses: up to three heaps, searched in order.

use core::alloc::GlobalAlloc;
use core::mem::MaybeUninit;
use core::ptr::{NonNull, without_provenance_mut};
use core::sync::atomic::{AtomicBool, Ordering};

use esp_alloc::{EspHeap, HeapRegion, MemoryCapability};
use heap_bench::{Subject, layout};

use crate::chip::linker_symbols;

static HEAP: EspHeap = EspHeap::empty();

/// The DRAM behind the program; D/IRAM behind what the ROM keeps; PSRAM.
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

impl Subject for EspAlloc {
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
                // SAFETY: the caller lets the subjects have the chip's memory one after the other.
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

    fn allocate(&mut self, size: usize) -> usize {
        self.allocate_aligned(size, 4)
    }

    fn allocate_aligned(&mut self, size: usize, alignment: usize) -> usize {
        let Some(layout) = layout(size, alignment) else {
            return 0;
        };
        // SAFETY: the workloads ask for no empty block.
        unsafe { HEAP.alloc(layout) }.addr()
    }

    unsafe fn free(&mut self, block: NonNull<u8>, size: usize, alignment: usize) {
        if let Some(layout) = layout(size, alignment) {
            // SAFETY: the caller's block, with its layout.
            unsafe { GlobalAlloc::dealloc(&HEAP, block.as_ptr(), layout) };
        }
    }

    unsafe fn reallocate(&mut self, block: NonNull<u8>, size: usize, new_size: usize) -> usize {
        let Some(layout) = layout(size, 4) else {
            return 0;
        };
        // SAFETY: the caller's block, with its layout.
        unsafe { GlobalAlloc::realloc(&HEAP, block.as_ptr(), layout, new_size) }.addr()
    }

    fn control_bytes(&self) -> usize {
        size_of_val(&HEAP)
    }
}
