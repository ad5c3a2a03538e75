//! Checks that a request gets memory with the capabilities that it names.

use core::fmt::Write;

use heap_caps::Reserve;
use multi_heap::Unpoisoned;
use soc_regions::{Caps, ESP32};

use crate::machine::{Booted, Machine, boot};
use crate::text::Text;

fn name_of<M: Machine>(heaps: &Booted<M>, address: u32) -> &'static str {
    heaps
        .inspect()
        .heap_at(address)
        .map_or("nowhere", |heap| heap.name)
}

/// In every size that fits.
pub fn what_dma_gets_is_dma_capable<M: Machine>() {
    let mut heaps = boot::<M, Unpoisoned>();
    for size in [4, 100, 1600, 4092, 20_000] {
        let block = heaps.malloc(size, Caps::DMA).unwrap();
        assert!(M::chip().is_dma_capable(block), "{block:#x}");
    }
}

/// IRAM first; the rest of it as one block.
pub fn what_code_gets_is_executable<M: Machine>() {
    let mut heaps = boot::<M, Unpoisoned>();
    let block = heaps.malloc(256, Caps::EXEC).unwrap();
    assert!(ESP32.is_executable(block), "{block:#x}");
    assert_eq!(name_of(&heaps, block), "IRAM");
}

/// External memory is slower: it is the last resort of a request that does not name it.
pub fn plain_requests_stay_inside_the_chip_while_it_has_room<M: Machine>() {
    let mut heaps = boot::<M, Unpoisoned>();
    for _ in 0..20 {
        let block = heaps.malloc(1000, Caps::BIT8 | Caps::INTERNAL).unwrap();
        assert!(M::chip().is_internal(block), "{block:#x}");
        assert!(M::chip().is_byte_accessible(block), "{block:#x}");
    }
}

/// Memory that serves words only is not wanted by anybody else.
pub fn words_go_where_bytes_can_not<M: Machine>() {
    let mut heaps = boot::<M, Unpoisoned>();
    let block = heaps.malloc(400, Caps::BIT32).unwrap();
    assert_eq!(name_of(&heaps, block), "IRAM");
    assert!(!ESP32.is_byte_accessible(block));
}

/// A MiB is nowhere else.
pub fn external_memory_comes_when_asked_for<M: Machine>() {
    let mut heaps = boot::<M, Unpoisoned>();
    let block = heaps.malloc(1_000_000, Caps::SPIRAM);
    assert_eq!(block.is_ok(), M::psram() > 0);
    assert!(block.is_err() || ESP32.is_external(block.unwrap()));
    assert!(heaps.malloc(1_000_000, Caps::INTERNAL).is_err());
}

/// Requests that don't need DMA can't eat what DMA may need.
pub fn a_reserve_is_kept_for_its_own<M: Machine>() {
    let mut heaps = boot::<M, Unpoisoned>();
    let reserve = Reserve {
        caps: Caps::DMA,
        bytes: 16 * 1024,
    };
    heaps.set_reserve(reserve).unwrap();
    while heaps.malloc(1000, Caps::BIT8 | Caps::INTERNAL).is_ok() {}
    assert!(heaps.inspect().free_size(Caps::DMA) >= 16 * 1024);
    assert!(heaps.malloc(1000, Caps::DMA).is_ok());
}

/// One sentence, with the request and the greatest hole.
pub fn a_refusal_says_why<M: Machine>() {
    let mut heaps = boot::<M, Unpoisoned>();
    let failure = heaps.malloc(500_000, Caps::DMA).unwrap_err();
    let mut sentence = Text::default();
    write!(sentence, "{failure}").unwrap();
    assert!(sentence.as_str().contains("488.3 KiB"), "{failure}");
    assert!(sentence.as_str().contains("DMA"), "{failure}");
}

/// When nobody stands on them any more.
pub fn startup_stacks_become_heaps<M: Machine>() {
    let mut heaps = boot::<M, Unpoisoned>();
    let waiting = heaps.inspect().heaps().filter(|heap| !heap.active).count();
    assert!(waiting > 0);
    let before = heaps.inspect().free_size(Caps::DMA);
    let Booted { memory, heaps: all } = &mut heaps;
    // SAFETY: the check stands on another stack.
    let enabled = unsafe { all.enable_startup_stack_heaps(memory) };
    assert_eq!(enabled, waiting);
    assert!(heaps.inspect().free_size(Caps::DMA) > before);
}
