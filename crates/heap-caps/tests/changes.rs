//! Invalidation: cached routes are computed again when heaps, hardware or sizes change.

use crate::support::*;
use heap_caps::{FailureKind, Policy, ReallocateError};
use multi_heap::Comprehensive;
use soc_regions::{Caps, ESP32, Hardware, common, options};

/// Capabilities that nothing else has.
const OWN: [Caps; 3] = [Caps::PID5, Caps::BIT8, Caps::empty()];

fn fill_up(sim: &mut Sim, caps: Caps) {
    for size in [0x8000, 0x1000, 0x100, 4] {
        while sim.heaps.malloc(size, caps).is_ok() {}
    }
}

#[test]
fn a_region_added_later_serves_requests_that_were_made_before() {
    let mut sim = Sim::esp32();
    sim.add_with_caps(OWN, 0x5000_0000, 0x5000_1000).unwrap();
    fill_up(&mut sim, Caps::PID5);
    sim.add_with_caps(OWN, 0x5000_1000, 0x5000_2000).unwrap();
    let block = sim.heaps.malloc(100, Caps::PID5).unwrap();
    assert!((0x5000_1000..0x5000_2000).contains(&block), "{block:#X}");
}

#[test]
fn memory_found_later_serves_requests_that_were_made_before() {
    let mut sim: Sim = Sim::booted(&ESP32, Policy::Guaranteed, &ESP32.default_options(), ());
    let code = Caps::EXEC | Caps::IRAM_8BIT;
    let code = if sim.heaps.malloc(4, code).is_ok() {
        code
    } else {
        Caps::EXEC
    };
    fill_up(&mut sim, code);
    let one_core = options!(ESP32, common::SINGLE_CORE.on());
    let symbols = ESP32.sample_symbols(&one_core);
    // SAFETY: nothing else uses the simulated memory, and it lives as long as the heaps.
    unsafe { sim.heaps.extend(&one_core, &symbols, &sim.memory) }.unwrap();
    let block = sim.heaps.malloc(0x100, code).unwrap();
    assert!((0x4007_8000..0x4008_0000).contains(&block), "{block:#X}");
}

#[test]
fn startup_stacks_serve_requests_that_were_made_before() {
    let mut sim: Sim = Sim::booted(&ESP32, Policy::Guaranteed, &ESP32.default_options(), ());
    fill_up(&mut sim, Caps::DMA);
    assert!(sim.enable_stacks() > 0);
    let block = sim.heaps.malloc(0x1000, Caps::DMA).unwrap();
    assert!(block >= DIRAM_LOW, "{block:#X}");
}

#[test]
fn other_caches_hold_for_requests_that_were_made_before() {
    let mut sim = Sim::esp32();
    let block = sim.heaps.malloc(10, Caps::DMA).unwrap();
    assert!(sim.heaps.inspect().usable_size(block).unwrap() < 64);
    let lines = Hardware {
        internal_line: 64,
        ..sim.heaps.inspect().hardware()
    };
    sim.heaps.set_hardware(lines);
    assert_eq!(sim.heaps.inspect().hardware(), lines);
    for _ in 0..3 {
        let block = sim.heaps.malloc(10, Caps::DMA).unwrap();
        assert!(block.is_multiple_of(64), "{block:#X}");
        assert!(sim.heaps.inspect().usable_size(block).unwrap() >= 64);
    }
}

#[test]
fn a_comprehensive_resize_fills_what_it_gains_and_what_it_gives_up() {
    let mut sim: Sim<Comprehensive> = Sim::with(Policy::Guaranteed, &ESP32.default_options(), ());
    // SAFETY: words of the test's own blocks, or damage on purpose.
    let word =
        |sim: &Sim<Comprehensive>, address| unsafe { sim.heaps.inspect().word(address) }.unwrap();
    let set = |sim: &mut Sim<Comprehensive>, address, value| {
        // SAFETY: as above.
        assert!(unsafe { sim.heaps.set_word(address, value) });
    };
    let sound = |sim: &Sim<Comprehensive>| sim.heaps.inspect().check_integrity(Caps::empty());

    let block = sim.heaps.malloc(400, Caps::BIT8).unwrap();
    (0..100).for_each(|at| set(&mut sim, block + 4 * at, 0x1234_5678));
    assert_eq!(sim.heaps.realloc(block, 40, Caps::BIT8), Ok(block));
    assert_eq!(sound(&sim), Ok(()), "what it gave up has the pattern");
    assert_eq!(sim.heaps.realloc(block, 200, Caps::BIT8), Ok(block));
    let gained = (10..50).map(|at| word(&sim, block + 4 * at));
    assert!(gained.into_iter().all(|word| word == 0xCECE_CECE));
    assert!((0..10).all(|at| word(&sim, block + 4 * at) == 0x1234_5678));

    // It moves: the old place has the pattern of freed memory.
    let wall = sim.heaps.malloc(40, Caps::BIT8).unwrap();
    let moved = sim.heaps.realloc(block, 4000, Caps::BIT8).unwrap();
    assert_ne!(moved, block);
    assert_eq!(sound(&sim), Ok(()));
    assert!((0..10).all(|at| word(&sim, moved + 4 * at) == 0x1234_5678));

    // It would move into memory that was written to after it was freed.
    let gone = sim.heaps.malloc(8000, Caps::BIT8).unwrap();
    let wall_behind = sim.heaps.malloc(40, Caps::BIT8).unwrap();
    sim.heaps.free(gone).unwrap();
    set(&mut sim, gone + 4000, 0);
    let refused = sim.heaps.realloc(wall, 7900, Caps::BIT8);
    let Err(ReallocateError::Failure(failure)) = refused else {
        panic!("{refused:?}")
    };
    assert!(
        matches!(failure.cause, FailureKind::Corrupt(_)),
        "{failure}"
    );
    assert_eq!(sim.heaps.free(wall), Ok(()));
    assert_eq!(sim.heaps.free(wall_behind), Ok(()));
}
