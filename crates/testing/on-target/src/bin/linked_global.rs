//! Shows by its size what the calls of the global allocator link, for `cargo xtask bench`.

#![no_std]
#![no_main]

#[path = "../linked.rs"]
mod linked;
#[path = "../linked_allocator.rs"]
mod linked_allocator;
#[path = "../calls/lock.rs"]
mod lock;

use heap_caps_alloc::CapsHeap;
use linked_allocator::CALLS;
use lock::EspLock;

static HEAP: CapsHeap<EspLock> = CapsHeap::new(());
