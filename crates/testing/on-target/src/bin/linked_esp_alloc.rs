//! Shows by its size what the calls of esp-alloc link, for `cargo xtask bench`.

#![no_std]
#![no_main]

#[path = "../linked.rs"]
mod linked;
#[path = "../linked_allocator.rs"]
mod linked_allocator;

use esp_alloc::EspHeap;
use linked_allocator::CALLS;

static HEAP: EspHeap = EspHeap::empty();
