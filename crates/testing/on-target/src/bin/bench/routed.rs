//! The layers above a single heap, as subjects: what routing costs on top, and what the lock does.

use core::alloc::GlobalAlloc;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use heap_bench::{Subject, layout};
use heap_caps::HeapCaps;
use multi_heap::Unpoisoned;
use on_target::{Emulated, HEAP};
use soc_regions::Caps;
use target_suite::{Booted, boot_whole};

/// Requests of most firmware: bytes, inside of the chip.
const CAPS: Caps = Caps::BIT8.union(Caps::INTERNAL);

/// The heaps of a whole ESP32, without a lock.
pub(crate) struct Routed(HeapCaps<Unpoisoned>);

/// The first request of a kind finds its route, which is remembered: that is no part of an operation.
fn warmed(heap: &mut impl Subject) {
    for alignment in [4, 64] {
        let block = heap.allocate_aligned(16, alignment);
        if let Some(block) = NonNull::new(core::ptr::with_exposed_provenance_mut(block)) {
            // SAFETY: the block is as it was asked for.
            unsafe { heap.free(block, 16, alignment) };
        }
    }
}

fn number(block: NonNull<u8>) -> u32 {
    block.addr().get() as u32
}

impl Subject for Routed {
    const NAME: &'static str = "heap-caps";

    unsafe fn start(place: &mut MaybeUninit<Self>, _: NonNull<[u8]>) -> bool {
        let Booted { heaps, .. } = boot_whole::<Emulated>();
        warmed(place.write(Self(heaps)));
        true
    }

    fn allocate(&mut self, size: usize) -> usize {
        self.0.malloc(size, CAPS).map_or(0, |block| block as usize)
    }

    fn allocate_aligned(&mut self, size: usize, alignment: usize) -> usize {
        let block = self.0.aligned_alloc(alignment, size, CAPS);
        block.map_or(0, |block| block as usize)
    }

    unsafe fn free(&mut self, block: NonNull<u8>, _: usize, _: usize) {
        // A refusal would show in the figures of the next operation.
        let _ = self.0.free(number(block));
    }

    unsafe fn reallocate(&mut self, block: NonNull<u8>, _: usize, new_size: usize) -> usize {
        let block = self.0.realloc(number(block), new_size, CAPS);
        block.map_or(0, |block| block as usize)
    }
}

/// The same behind the lock, as Rust's global allocator.
pub(crate) struct Global;

impl Subject for Global {
    const NAME: &'static str = "global allocator";

    unsafe fn start(place: &mut MaybeUninit<Self>, _: NonNull<[u8]>) -> bool {
        // SAFETY: the caller lets the subjects take the chip's memory one after the other. Booted already is fine.
        let _ = unsafe { on_target::boot_heap() };
        warmed(place.write(Self));
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
            unsafe { HEAP.dealloc(block.as_ptr(), layout) };
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
