//! Address ranges of a chip that hold no RAM: flash as the data bus sees it, and mask ROM.
//!
//! Source: `SOC_DROM_*`, `SOC_IROM_MASK_*` and `SOC_DROM_MASK_*` of each chip's `soc.h` in ESP-IDF.

use core::ffi::c_void;

use soc_regions::Span;

use crate::heap::HEAP;

/// Ranges of one chip.
struct ReadOnly {
    chip: &'static str,
    flash: Span,
    /// On the instruction bus; where the data bus has a view of its own, that too.
    rom: [Option<Span>; 2],
}

#[expect(
    clippy::unwrap_used,
    reason = "in constants only: the compiler refuses an empty span"
)]
const fn span(start: u32, end: u32) -> Span {
    Span::new(start, end).unwrap()
}

const fn chip(chip: &'static str, flash: Span, rom: Span) -> ReadOnly {
    ReadOnly {
        chip,
        flash,
        rom: [Some(rom), None],
    }
}

const fn with_data_rom(chip: ReadOnly, rom: Span) -> ReadOnly {
    ReadOnly {
        rom: [chip.rom[0], Some(rom)],
        ..chip
    }
}

const ESP32_FLASH: Span = span(0x3F40_0000, 0x3F80_0000);
const ESP32_ROM: Span = span(0x4000_0000, 0x4007_0000);
/// Flash on chips whose cache shows 16 MiB, and 32 MiB, to both buses at the same addresses.
const SHARED_16: Span = span(0x4200_0000, 0x4300_0000);
const SHARED_32: Span = span(0x4200_0000, 0x4400_0000);

const READ_ONLY: [ReadOnly; 15] = [
    chip("esp32", ESP32_FLASH, ESP32_ROM),
    chip("esp32-v2.1", ESP32_FLASH, ESP32_ROM),
    chip("esp32-v3.0", ESP32_FLASH, ESP32_ROM),
    chip(
        "esp32s2",
        span(0x3F00_0000, 0x3FF8_0000),
        span(0x4000_0000, 0x4002_0000),
    ),
    chip(
        "esp32s3",
        span(0x3C00_0000, 0x3E00_0000),
        span(0x4000_0000, 0x4006_0000),
    ),
    with_data_rom(
        chip(
            "esp32c2",
            span(0x3C00_0000, 0x3C40_0000),
            span(0x4000_0000, 0x4009_0000),
        ),
        span(0x3FF0_0000, 0x3FF5_0000),
    ),
    with_data_rom(
        chip(
            "esp32c3",
            span(0x3C00_0000, 0x3C80_0000),
            span(0x4000_0000, 0x4006_0000),
        ),
        span(0x3FF0_0000, 0x3FF2_0000),
    ),
    chip("esp32c5", SHARED_32, span(0x4000_0000, 0x4005_0000)),
    chip("esp32c6", SHARED_16, span(0x4000_0000, 0x4005_0000)),
    chip("esp32c61", SHARED_32, span(0x4000_0000, 0x4004_0000)),
    chip("esp32h2", SHARED_16, span(0x4000_0000, 0x4002_0000)),
    chip("esp32h21", SHARED_16, span(0x4000_0000, 0x4002_0000)),
    chip("esp32h4", SHARED_32, span(0x4000_0000, 0x4005_0000)),
    chip(
        "esp32p4",
        span(0x4000_0000, 0x4400_0000),
        span(0x4FC0_0000, 0x4FC2_0000),
    ),
    chip(
        "esp32s31",
        span(0x4000_0000, 0x4400_0000),
        span(0x2F80_0000, 0x2F85_0000),
    ),
];

/// Returns whether an address of the booted chip fulfills a condition; `false` on a host, and
/// before boot.
fn of_the_chip(pointer: *const c_void, holds: impl FnOnce(&ReadOnly, u32) -> bool) -> bool {
    let (Some(chip), Ok(address)) = (
        HEAP.inspect().locked(|heaps| heaps.chip()),
        u32::try_from(pointer.addr()),
    ) else {
        return false;
    };
    let ranges = READ_ONLY.iter().find(|ranges| ranges.chip == chip.name());
    ranges.is_some_and(|ranges| !chip.is_internal(address) && holds(ranges, address))
}

/// Returns whether it is flash that the cache shows as data. Chips whose cache shows PSRAM at the
/// same addresses say so of PSRAM, too.
#[unsafe(no_mangle)]
pub extern "C" fn esp_ptr_in_drom(pointer: *const c_void) -> bool {
    of_the_chip(pointer, |ranges, address| ranges.flash.contains(address))
}

/// Returns whether it is the chip's mask ROM.
#[unsafe(no_mangle)]
pub extern "C" fn esp_ptr_in_rom(pointer: *const c_void) -> bool {
    of_the_chip(pointer, |ranges, address| {
        let mut rom = ranges.rom.iter().flatten();
        rom.any(|rom| rom.contains(address))
    })
}

#[cfg(test)]
mod tests {
    use super::READ_ONLY;

    #[test]
    fn every_chip_has_flash_and_rom() {
        for chip in soc_regions::chips::all() {
            assert!(
                READ_ONLY.iter().any(|ranges| ranges.chip == chip.name()),
                "{}",
                chip.name()
            );
        }
    }

    #[test]
    fn no_rom_is_ram() {
        for ranges in &READ_ONLY {
            let chip = soc_regions::chips::by_name(ranges.chip).unwrap();
            for rom in ranges.rom.iter().flatten() {
                assert!(
                    chip.windows()
                        .iter()
                        .all(|window| !window.span.overlaps(*rom)),
                    "{}",
                    ranges.chip
                );
            }
        }
    }
}
