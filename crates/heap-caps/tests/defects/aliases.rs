//! Classes E and F over many heaps: blocks with two addresses, and alignments of their memory.

use heap_caps::{FailureKind, Policy};
use soc_regions::{
    Caps, Chip, ESP32C5, ESP32C6, ESP32P4, ESP32S2, ESP32S3, Setting, chips, common,
};

use crate::support::*;

const CODE_IN_RTC: Caps = Caps::EXEC.union(Caps::RTCRAM);
const UNPROTECTED: Setting = common::MEMORY_PROTECTION.off();

fn booted(chip: &'static Chip, settings: &[Setting]) -> Sim {
    let options = chip.default_options().with_all(settings).unwrap();
    let mut sim = Sim::booted(chip, Policy::Guaranteed, &options, ());
    sim.enable_stacks();
    sim
}

/// Written as data, read as code, resized twice, measured, freed.
fn lives(sim: &mut Sim, chip: &Chip, caps: Caps) {
    let before = sim.heaps.inspect().free_size(Caps::empty());
    let mut address = sim.heaps.malloc(40, caps).unwrap();
    for word in 0..10 {
        assert!(sim.set_word(address + 4 * word, 0xC0DE + word));
    }
    for size in [40, 400, 44] {
        address = sim.heaps.realloc(address, size, caps).unwrap();
        assert!(chip.is_executable(address), "{address:#X}");
        assert!(sim.heaps.inspect().usable_size(address).unwrap() as usize >= size);
        let words = (0..10).map(|word| sim.word(address + 4 * word).unwrap());
        assert!(words.eq(0xC0DE..0xC0DE + 10), "{} {size}", chip.name());
    }
    assert_eq!(sim.heaps.free(address), Ok(()));
    assert_eq!(sim.heaps.inspect().free_size(Caps::empty()), before);
}

/// Defects: 4a39292, ce9f84f, 31145f3.
#[test]
fn blocks_handed_out_by_their_other_address_come_back() {
    let mut sim = booted(&ESP32S2, &[UNPROTECTED]);
    lives(&mut sim, &ESP32S2, Caps::EXEC);
    let code = sim.heaps.malloc(64, Caps::EXEC).unwrap();
    let data = ESP32S2.to_data_bus(code).unwrap();
    assert!(ESP32S2.is_in_iram(code) && ESP32S2.is_in_dram(data));
    assert_eq!(sim.heaps.inspect().heap_at(data).unwrap().name, "RAM");
}

/// Defects: 14835, head_06.
#[test]
fn code_in_rtc_memory_comes_and_goes_by_its_instruction_address() {
    let mut sim = booted(&ESP32S2, &[UNPROTECTED, common::RTC_HEAP.on()]);
    let code = sim.heaps.malloc(40, CODE_IN_RTC).unwrap();
    assert!(span(0x4007_0000, 0x4007_2000).contains(code), "{code:#X}");
    assert_eq!(sim.heaps.inspect().usable_size(code), Ok(40));
    let grown = sim.heaps.realloc(code, 80, CODE_IN_RTC).unwrap();
    assert_eq!(sim.heaps.inspect().usable_size(grown), Ok(80));
    assert_eq!(sim.heaps.free(grown), Ok(()));
    lives(&mut sim, &ESP32S2, CODE_IN_RTC);
}

/// Defects: a5d6f62.
#[test]
fn where_both_buses_agree_code_is_a_block_like_others() {
    let mut sim = booted(&ESP32C6, &[UNPROTECTED]);
    let code = sim.heaps.malloc(40, Caps::EXEC).unwrap();
    let block = sim.heaps.inspect().block_containing(code).unwrap();
    assert_eq!((block.address, block.size), (code, 40), "no hidden word");
    lives(&mut sim, &ESP32C6, Caps::EXEC);
}

/// Defects: 6f0a494, 1cb2081, a575b9e.
#[test]
fn code_is_executable_and_takes_shared_memory_last() {
    let mut sim = Sim::esp32();
    let chip = sim.heaps.inspect().chip().unwrap();
    let mut code = sim.exhaust(4000, Caps::EXEC);
    let in_iram = |address: &u32| span(IRAM, 0x400A_0000).contains(*address);
    assert!(code.iter().all(|&address| chip.is_executable(address)));
    let first_shared = code.iter().position(|address| !in_iram(address)).unwrap();
    assert!(
        first_shared >= 20,
        "all {first_shared} blocks of IRAM first"
    );
    assert!(!code[first_shared..].iter().any(in_iram), "then D/IRAM");
    code.drain(..)
        .for_each(|address| sim.heaps.free(address).unwrap());
}

/// Defects: 14836.
#[test]
fn under_memory_protection_there_is_no_memory_for_code() {
    for chip in chips::all() {
        if !chip
            .default_options()
            .iter()
            .any(|(option, value)| option.name == "memory-protection" && value == 1)
        {
            continue;
        }
        let mut sim: Sim = Sim::booted(chip, Policy::Guaranteed, &chip.default_options(), ());
        let refused = sim.heaps.malloc(16, Caps::EXEC).unwrap_err();
        assert_eq!(refused.cause, FailureKind::NoMemory, "{}", chip.name());
        assert_eq!(
            sim.heaps.inspect().free_size(Caps::EXEC),
            0,
            "{}",
            chip.name()
        );
        let open = chip.default_options().with(UNPROTECTED).unwrap();
        let mut sim: Sim = Sim::booted(chip, Policy::Guaranteed, &open, ());
        let code = sim.heaps.malloc(16, Caps::EXEC).unwrap();
        assert!(chip.is_executable(code), "{} {code:#X}", chip.name());
    }
}

/// Defects: a1ba660.
#[test]
fn memory_for_dma_has_whole_lines_of_the_cache_before_it() {
    let psram = common::PSRAM.of(4 << 20);
    for (chip, settings, caps, line) in [
        (&ESP32P4, vec![], Caps::DMA, 64),
        (&ESP32C5, vec![psram], Caps::DMA | Caps::SPIRAM, 32),
        (&ESP32S3, vec![psram], Caps::DMA | Caps::SPIRAM, 32),
        (&ESP32S3, vec![common::FLASH_ENCRYPTION.on()], Caps::DMA, 16),
    ] {
        let mut sim = booted(chip, &settings);
        for size in [1, 15, 33, 100, 1000] {
            let blocks = [(); 3].map(|()| sim.heaps.malloc(size, caps).unwrap());
            for block in blocks {
                assert_eq!(block % line, 0, "{} {size}", chip.name());
                let usable = sim.heaps.inspect().usable_size(block).unwrap();
                assert!(usable >= (size as u32).next_multiple_of(line));
            }
        }
    }
}
