//! Heaps of a whole chip with an observer: what it adds to an allocation and a free.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use heap_bench::Allocator;
use heap_caps::{HeapCaps, Identity, Observer};
use heap_trace::{Ledger, Mode, Ring, Slot, Stream, Trace, WhenFull};
use multi_heap::Unpoisoned;
use on_target::{ChipContext, Emulated};
use soc_regions::{Caps, ESP32};
use target_suite::Machine;

/// Requests of most firmware: bytes, inside of the chip.
const CAPS: Caps = Caps::BIT8.union(Caps::INTERNAL);

/// Records of a trace: more blocks than any workload has.
const RECORDS: usize = 512;

/// An observer that is measured.
pub(crate) trait Watcher: Observer + Sized {
    const NAME: &'static str;
    fn begin() -> Self;
}

/// A trace of leaks with the innermost `DEPTH` callers.
pub(crate) struct Leaks<const DEPTH: usize>(Trace<'static, ChipContext, DEPTH>);

/// Accounts of sites and owners.
pub(crate) type Accounts = Ledger<ChipContext, (), RECORDS, 64, 16>;
/// The same, and a stream into RAM that keeps the last events.
pub(crate) type Streamed = Ledger<ChipContext, Stream<Ring<4096>>, RECORDS, 64, 16>;

impl<const DEPTH: usize> Observer for Leaks<DEPTH> {
    fn on_allocate(&mut self, event: &heap_caps::Allocated) {
        self.0.on_allocate(event);
    }

    fn on_free(&mut self, event: &heap_caps::Freed) {
        self.0.on_free(event);
    }

    fn on_reallocate(&mut self, event: &heap_caps::Reallocated) {
        self.0.on_reallocate(event);
    }
}

impl<const DEPTH: usize> Leaks<DEPTH> {
    fn started(slots: &'static mut [Slot<DEPTH>]) -> Self {
        let mut trace = Trace::new(ChipContext::new());
        let begun = trace.set_buffer(slots).map(|_| trace.start(Mode::Leaks));
        assert!(begun.is_ok(), "there is a buffer");
        Self(trace)
    }
}

macro_rules! leaks {
    ($depth:literal, $name:literal) => {
        impl Watcher for Leaks<$depth> {
            const NAME: &'static str = $name;

            fn begin() -> Self {
                static mut SLOTS: [Slot<$depth>; RECORDS] = [Slot::EMPTY; RECORDS];
                let slots = &raw mut SLOTS;
                // SAFETY: heaps are measured one after the other, and the one before is gone.
                Self::started(unsafe { &mut *slots })
            }
        }
    };
}

leaks!(0, "trace of leaks");
leaks!(4, "trace with 4 callers");

impl Watcher for Accounts {
    const NAME: &'static str = "ledger of sites and owners";

    fn begin() -> Self {
        Self::new(ChipContext::new(), ())
    }
}

impl Watcher for Streamed {
    const NAME: &'static str = "ledger and event stream";

    fn begin() -> Self {
        Self::new(
            ChipContext::new(),
            Stream::new(Ring::new(WhenFull::Overwrite)),
        )
    }
}

/// The heaps of a whole ESP32, watched, without a lock.
pub(crate) struct Watched<O: Watcher>(HeapCaps<Unpoisoned, O>);

impl<O: Watcher> Allocator for Watched<O> {
    const NAME: &'static str = O::NAME;

    unsafe fn start(place: &mut MaybeUninit<Self>, _: NonNull<[u8]>) -> bool {
        let Self(heaps) = place.write(Self(HeapCaps::new(O::begin())));
        let options = target_suite::options();
        let symbols = (Emulated::symbols(), ESP32.sample_symbols(&options));
        // SAFETY: the caller lets the allocators take the chip's memory one after the other.
        let booted = unsafe { heaps.boot(&ESP32, &options, &symbols, &Identity) };
        // SAFETY: this stands on another stack.
        unsafe { heaps.enable_startup_stack_heaps(&Identity) };
        for alignment in [4, 64] {
            // As for the others, the first request finds its route outside of the measurement.
            let warm = heaps
                .aligned_alloc(alignment, 16, CAPS)
                .map(|block| heaps.free(block));
            assert!(warm.is_ok(), "the heap is new");
        }
        booted.is_ok()
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
        let _ = self.0.free(block.addr().get() as u32);
    }

    unsafe fn reallocate(&mut self, block: NonNull<u8>, _: usize, new_size: usize) -> usize {
        let block = self.0.realloc(block.addr().get() as u32, new_size, CAPS);
        block.map_or(0, |block| block as usize)
    }

    fn control_bytes(&self) -> usize {
        size_of::<O>()
    }
}
