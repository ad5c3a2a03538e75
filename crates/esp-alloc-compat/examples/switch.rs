//! A program written for esp-alloc, unchanged: `cargo run --example switch`.

use allocator_api2::{boxed::Box, vec::Vec};
use esp_alloc::{AnyMemory, InternalMemory};

fn main() {
    esp_alloc::heap_allocator!(size: 64 * 1024);

    let descriptor = Box::new_in([0_u32; 3], InternalMemory);
    let mut picture = Vec::<u8, _>::new_in(AnyMemory);
    picture.resize(40_000, 0xFF);
    println!("{} words, {} bytes", descriptor.len(), picture.len());
    println!("{}", esp_alloc::HEAP.stats());
}
