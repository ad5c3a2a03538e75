use heap_caps::{Reserve, ReserveError};
use heap_caps_alloc::{CapsHeap, CriticalSectionLock};
use multi_heap::Light;
use soc_regions::Caps;

#[global_allocator]
static HEAP: CapsHeap<CriticalSectionLock, Light> =
    CapsHeap::new(());

// The claim of this chip's RAM needs more than linker symbols, see `claim!`.

/// Before the first allocation.
fn configure() -> Result<(), ReserveError> {
    HEAP.set_reserve(Reserve { caps: Caps::DMA.union(Caps::INTERNAL), bytes: 24576 })?;
    HEAP.set_external_threshold(Some(4096));
    Ok(())
}

// The 8388608 bytes of external memory, where the claim is taken (see `claim!`):
//     let psram = unsafe { parts.psram.mapped(8388608) };
//     let ram = parts.ram.with(psram);

// With the C names instead, in Cargo.toml:
// [dependencies.heap-caps-c]
// version = "0.2"
// features = ["c-abi-idf", "poison-light"]
