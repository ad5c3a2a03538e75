use heap_caps::Policy;
use heap_caps_alloc::{CapsHeap, CriticalSectionLock};
use multi_heap::Comprehensive;
use soc_regions::ESP32;

#[global_allocator]
static HEAP: CapsHeap<CriticalSectionLock, Comprehensive> =
    CapsHeap::with_policy((), Policy::IdfExact);

heap_caps_alloc::claim! {
    static RAM: ESP32;
    unsafe symbols: { _data_start, _heap_start, _iram_start, _iram_end }
}

// With the C names instead, in Cargo.toml:
// [dependencies.heap-caps-c]
// version = "0.2"
// features = ["c-abi-idf", "policy-idf-exact", "poison-comprehensive"]
