//! ESP-IDF's constants for addresses, core counts and largest blocks beside our windows and dual
//! buses.

use soc_regions::{Chip, Span, WordOrder};

use crate::each_chip;
use crate::facts::Facts;

/// The span from one constant to another; `None` if the facts have none of these names.
fn span(facts: &Facts, name: &str) -> Option<Span> {
    let end = |which: &str| facts.constant(&format!("SOC_{name}_{which}"));
    Span::new(end("LOW")?, end("HIGH")?)
}

/// Asserts that `holds` is true of all of `span` and of nothing around it, at every KiB and at the
/// ends.
fn holds_exactly(chip: &Chip, span: Span, what: &str, holds: fn(&Chip, u32) -> bool) {
    let inside = (span.start()..span.end()).step_by(1024);
    for address in inside.chain([span.end() - 1]) {
        assert!(holds(chip, address), "{} {what} {address:#X}", chip.name());
    }
    for address in [span.start() - 1, span.end()] {
        assert!(!holds(chip, address), "{} {what} {address:#X}", chip.name());
    }
}

fn today() -> impl Iterator<Item = (Facts, &'static Chip)> {
    each_chip().filter(|(facts, _)| facts.chip.find('-').is_none())
}

#[test]
fn the_largest_contiguous_ram_and_the_number_of_cores_are_esp_idfs() {
    for (facts, chip) in today() {
        let largest = facts.constant("SOC_MAX_CONTIGUOUS_RAM_SIZE").unwrap();
        assert_eq!(chip.max_contiguous_bytes(), largest, "{}", facts.chip);
        let cores = facts.constant("SOC_CPU_CORES_NUM").unwrap();
        assert_eq!(u32::from(chip.cores()), cores, "{}", facts.chip);
    }
}

#[test]
fn both_sides_of_d_iram_and_their_order_are_esp_idfs() {
    for (facts, chip) in today() {
        let bus = chip.diram().unwrap();
        assert_eq!(
            Some(bus.data()),
            span(&facts, "DIRAM_DRAM"),
            "{}",
            facts.chip
        );
        assert_eq!(
            Some(bus.instruction()),
            span(&facts, "DIRAM_IRAM"),
            "{}",
            facts.chip
        );
        let is_inverted = facts.constant("SOC_DIRAM_INVERTED") == Some(1);
        assert_eq!(
            bus.order() == WordOrder::Inverted,
            is_inverted,
            "{}",
            facts.chip
        );
    }
}

/// On the ESP32-H4 core 1's cache is RAM to us, and above ESP-IDF's end of the RAM.
#[test]
fn what_is_data_ram_and_dma_capable_is_what_esp_idf_says() {
    for (facts, chip) in today().filter(|(facts, _)| facts.chip != "esp32h4") {
        let dram = span(&facts, "DRAM").unwrap();
        holds_exactly(chip, dram, "DRAM", Chip::is_in_dram);
        holds_exactly(chip, dram, "DMA", Chip::is_dma_capable);
    }
}

/// On the ESP32 ESP-IDF leaves out the caches and most of D/IRAM's instruction side.
#[test]
fn what_is_instruction_ram_is_what_esp_idf_says() {
    let others = |chip: &str| !["esp32", "esp32h4"].contains(&chip);
    for (facts, chip) in today().filter(|(facts, _)| others(&facts.chip)) {
        let iram = span(&facts, "IRAM").unwrap();
        holds_exactly(chip, iram, "IRAM", Chip::is_in_iram);
        holds_exactly(chip, iram, "IRAM", |chip, at| {
            chip.is_in_iram(at) && chip.is_executable(at)
        });
    }
}

#[test]
fn rtc_memory_lies_where_esp_idf_has_it() {
    let names = ["RTC_DRAM", "RTC_IRAM", "RTC_DATA", "LP_RAM"];
    for (facts, chip) in today() {
        for span in names.into_iter().filter_map(|name| span(&facts, name)) {
            holds_exactly(chip, span, "RTC", Chip::is_in_rtc);
        }
    }
}
