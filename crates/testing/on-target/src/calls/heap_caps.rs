//! `heap_caps::HeapCaps` without a lock: what routing costs.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use heap_bench::Allocator;
use heap_caps::{HeapCaps, Reserve};
use multi_heap::Unpoisoned;
use soc_regions::Caps;
use target_suite::{Booted, boot_whole};

use crate::Emulated;

/// Requests of most firmware: bytes, inside of the chip.
pub(super) const CAPS: Caps = Caps::BIT8.union(Caps::INTERNAL);

/// More than any memory of the chip but PSRAM has.
pub(super) const TOO_LARGE: usize = 1 << 20;

/// The heaps of a whole ESP32.
pub struct Routed(HeapCaps<Unpoisoned>);

fn number(block: NonNull<u8>) -> u32 {
    block.addr().get() as u32
}

impl Allocator for Routed {
    const NAME: &'static str = "heap-caps";
    const HAS_CAPS: bool = true;
    const HAS_STATISTICS: bool = true;
    const TOO_LARGE: usize = TOO_LARGE;

    unsafe fn start(place: &mut MaybeUninit<Self>, _: NonNull<[u8]>) -> bool {
        let Booted { heaps, .. } = boot_whole::<Emulated>();
        place.write(Self(heaps));
        true
    }

    fn allocate(&mut self, size: usize) -> usize {
        self.0.malloc(size, CAPS).map_or(0, |block| block as usize)
    }

    fn allocate_aligned(&mut self, size: usize, alignment: usize) -> usize {
        let block = self.0.aligned_alloc(alignment, size, CAPS);
        block.map_or(0, |block| block as usize)
    }

    fn allocate_caps(&mut self, size: usize, caps: u32) -> usize {
        let block = self.0.malloc(size, Caps::from_bits_retain(caps));
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

    fn free_size(&mut self) -> usize {
        self.0.inspect().free_size(CAPS) as usize
    }

    fn largest_block(&mut self) -> usize {
        self.0.inspect().largest_free_block(CAPS) as usize
    }

    fn set_reserve(&mut self, caps: u32, bytes: u32) -> bool {
        let caps = Caps::from_bits_retain(caps);
        self.0.set_reserve(Reserve { caps, bytes }).is_ok()
    }
}
