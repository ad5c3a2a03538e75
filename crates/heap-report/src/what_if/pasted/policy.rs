use heap_caps::Policy;
use heap_caps_alloc::{CapsHeap, CriticalSectionLock};
use multi_heap::Comprehensive;

#[global_allocator]
static HEAP: CapsHeap<CriticalSectionLock, Comprehensive> =
    CapsHeap::with_policy((), Policy::IdfExact);

// With the C names instead, in Cargo.toml:
//     heap-caps-alloc = { version = "0.1", features = ["c-abi-idf", "policy-idf-exact", "poison-comprehensive"] }
