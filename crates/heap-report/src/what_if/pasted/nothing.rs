use heap_caps_alloc::{CapsHeap, CriticalSectionLock};
use soc_regions::ESP32;

#[global_allocator]
static HEAP: CapsHeap<CriticalSectionLock> =
    CapsHeap::new(());

heap_caps_alloc::claim! {
    static RAM: ESP32;
    unsafe symbols: { _data_start, _heap_start, _iram_start, _iram_end }
}
