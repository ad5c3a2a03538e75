//! Memory by capability on a simulated ESP32, and why a request fails: `cargo run --example why`.

use std::error::Error;

use heap_caps::{HeapCaps, SimulatedMemory};
use soc_regions::{Caps, ESP32};

fn main() -> Result<(), Box<dyn Error>> {
    let memory = SimulatedMemory::new(); // on the chip: `Identity`
    let options = ESP32.default_options();
    let mut heaps: HeapCaps = HeapCaps::new(());
    // SAFETY: nothing else uses the simulated memory, and it outlives the heaps.
    unsafe { heaps.boot(&ESP32, &options, &ESP32.sample_symbols(&options), &memory) }?;

    for caps in [Caps::DMA, Caps::EXEC, Caps::BIT32, Caps::SPIRAM] {
        match heaps.malloc(4096, caps) {
            Ok(block) => println!("{caps}: 4 KiB at {block:#010X}"),
            Err(failure) => println!("{failure}"),
        }
    }
    if let Err(failure) = heaps.malloc(500_000, Caps::DMA) {
        println!("{failure}");
    }
    println!(
        "{} bytes with DMA are free",
        heaps.inspect().free_size(Caps::DMA)
    );
    Ok(())
}
