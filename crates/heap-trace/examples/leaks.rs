//! Report of the line that never frees what it allocates: `cargo run --example leaks`.

use std::error::Error;

use heap_caps::{HeapCaps, SimulatedMemory};
use heap_trace::{Mode, Slot, Trace};
use multi_heap::Unpoisoned;
use soc_regions::{Caps, ESP32};

fn main() -> Result<(), Box<dyn Error>> {
    let mut records = [Slot::EMPTY; 100];
    let memory = SimulatedMemory::new();
    let options = ESP32.default_options();
    let mut heaps: HeapCaps<Unpoisoned, Trace<'_>> = HeapCaps::new(Trace::new(()));
    // SAFETY: nothing else uses the simulated memory, and it outlives the heaps.
    unsafe { heaps.boot(&ESP32, &options, &ESP32.sample_symbols(&options), &memory) }?;

    heaps.observer_mut().set_buffer(&mut records)?;
    heaps.observer_mut().start(Mode::Leaks)?;
    for size in [96, 8, 200] {
        let block = heaps.malloc(size, Caps::DMA)?;
        if size != 200 {
            heaps.free(block)?;
        }
    }
    let leak = heaps.observer_mut().get(0).ok_or("nothing leaks")?;
    match leak.caller {
        Some(caller) => println!(
            "{} bytes at {:#010X} from {caller}",
            leak.size, leak.address
        ),
        None => println!("{} bytes at {:#010X}", leak.size, leak.address),
    }
    Ok(())
}
