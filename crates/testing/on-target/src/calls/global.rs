//! The capability heap as Rust's global allocator, behind esp-alloc's lock.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use heap_bench::Allocator;
use heap_caps::Reserve;
use heap_caps_alloc::CapsHeap;
use soc_regions::Caps;

use super::allocator::of_global_allocator;
use super::boot::boot;
use super::heap_caps::CAPS;
use super::lock::EspLock;

static HEAP: CapsHeap<EspLock> = CapsHeap::new(());

/// `Box::new`, `Vec::push`.
pub struct Global;

impl Allocator for Global {
    const NAME: &'static str = if cfg!(optimized_for_size) {
        "global allocator s"
    } else {
        "global allocator"
    };
    const HAS_STATISTICS: bool = true;

    unsafe fn start(place: &mut MaybeUninit<Self>, _: NonNull<[u8]>) -> bool {
        // SAFETY: the caller lets the allocators have the chip's memory one after the other.
        unsafe { boot(&HEAP) };
        place.write(Self);
        true
    }

    of_global_allocator!();

    fn free_size(&mut self) -> usize {
        HEAP.inspect().free_size(CAPS) as usize
    }

    fn largest_block(&mut self) -> usize {
        HEAP.inspect().largest_free_block(CAPS) as usize
    }

    fn set_reserve(&mut self, caps: u32, bytes: u32) -> bool {
        let caps = Caps::from_bits_retain(caps);
        HEAP.set_reserve(Reserve { caps, bytes }).is_ok()
    }

    fn control_bytes(&self) -> usize {
        size_of_val(&HEAP)
    }
}
