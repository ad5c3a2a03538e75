use heap_caps_alloc::{CapsHeap, CriticalSectionLock};

#[global_allocator]
static HEAP: CapsHeap<CriticalSectionLock> =
    CapsHeap::new(());
