//! A buffer for DMA from a heap that threads share: `cargo run --example dma_buffer`.

use std::error::Error;
use std::mem::MaybeUninit;

use heap_caps_alloc::{Caps, CapsHeap, DmaBuffer, SpinLock};

static HEAP: CapsHeap<SpinLock> = CapsHeap::new(());

fn main() -> Result<(), Box<dyn Error>> {
    // On a chip `claim!` takes all of the RAM instead.
    let memory = vec![MaybeUninit::uninit(); 64 * 1024].leak();
    let internal = [
        Caps::BIT8 | Caps::DEFAULT,
        Caps::INTERNAL | Caps::DMA,
        Caps::empty(),
    ];
    HEAP.add_buffer(internal, memory)?;

    let frame = DmaBuffer::new(&HEAP, 1500)?;
    println!(
        "{frame:?}; {} bytes are left",
        HEAP.inspect().free_size(Caps::DMA)
    );
    drop(frame);
    println!(
        "freed: {} bytes are free",
        HEAP.inspect().free_size(Caps::DMA)
    );
    if let Err(failure) = DmaBuffer::new(&HEAP, 100_000) {
        println!("{failure}");
    }
    Ok(())
}
