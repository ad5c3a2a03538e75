//! Boards: target, flash addresses and image format of their chips.

use clap::ValueEnum;
use soc_regions::{
    Chip, ESP32, ESP32C2, ESP32C3, ESP32C5, ESP32C6, ESP32C61, ESP32H2, ESP32S2, ESP32S3, Span,
    span,
};

/// A chip that the programs for boards are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Board {
    /// Two Xtensa LX6 cores
    Esp32,
    /// One Xtensa LX7 core
    Esp32s2,
    /// Two Xtensa LX7 cores
    Esp32s3,
    /// One RISC-V core
    Esp32c2,
    /// One RISC-V core
    Esp32c3,
    /// One RISC-V core
    Esp32c5,
    /// One RISC-V core
    Esp32c6,
    /// One RISC-V core
    Esp32c61,
    /// One RISC-V core
    Esp32h2,
}

/// Where flash is mapped for the program. Source: ESP-IDF v5.5, `soc/*/include/soc/ext_mem_defs.h`.
pub(crate) struct FlashWindows {
    pub(crate) data: Span,
    pub(crate) code: Span,
}

/// Where ESP-IDF's boot loader looks for the program by its default partition table.
pub(crate) const PROGRAM_OFFSET: u32 = 0x1_0000;
pub(crate) const PARTITION_TABLE_OFFSET: u32 = 0x8000;

impl Board {
    /// Returns what users, espflash, esptool and the features of packages call it.
    pub(crate) fn name(self) -> &'static str {
        self.table().name()
    }

    /// Returns its RAM.
    pub(crate) fn table(self) -> &'static Chip {
        match self {
            Board::Esp32 => &ESP32,
            Board::Esp32s2 => &ESP32S2,
            Board::Esp32s3 => &ESP32S3,
            Board::Esp32c2 => &ESP32C2,
            Board::Esp32c3 => &ESP32C3,
            Board::Esp32c5 => &ESP32C5,
            Board::Esp32c6 => &ESP32C6,
            Board::Esp32c61 => &ESP32C61,
            Board::Esp32h2 => &ESP32H2,
        }
    }

    /// Returns where flash is mapped; newer chips have one window for data and code.
    pub(crate) fn flash(self) -> FlashWindows {
        let (data, code) = match self {
            Board::Esp32 => (
                span!(0x3F40_0000, 0x3F80_0000),
                span!(0x400D_0000, 0x4040_0000),
            ),
            Board::Esp32s2 => (
                span!(0x3F00_0000, 0x3F40_0000),
                span!(0x4008_0000, 0x4080_0000),
            ),
            Board::Esp32s3 => (
                span!(0x3C00_0000, 0x3E00_0000),
                span!(0x4200_0000, 0x4400_0000),
            ),
            Board::Esp32c2 => (
                span!(0x3C00_0000, 0x3C40_0000),
                span!(0x4200_0000, 0x4240_0000),
            ),
            Board::Esp32c3 => (
                span!(0x3C00_0000, 0x3C80_0000),
                span!(0x4200_0000, 0x4280_0000),
            ),
            Board::Esp32c5 | Board::Esp32c61 => one_window(span!(0x4200_0000, 0x4400_0000)),
            Board::Esp32c6 | Board::Esp32h2 => one_window(span!(0x4200_0000, 0x4300_0000)),
        };
        FlashWindows { data, code }
    }

    pub(crate) fn is_xtensa(self) -> bool {
        matches!(self, Board::Esp32 | Board::Esp32s2 | Board::Esp32s3)
    }

    /// Returns what the compiler calls it.
    pub(crate) fn triple(self) -> &'static str {
        match self {
            Board::Esp32 => "xtensa-esp32-none-elf",
            Board::Esp32s2 => "xtensa-esp32s2-none-elf",
            Board::Esp32s3 => "xtensa-esp32s3-none-elf",
            Board::Esp32c2 | Board::Esp32c3 => "riscv32imc-unknown-none-elf",
            Board::Esp32c5 | Board::Esp32c6 | Board::Esp32c61 | Board::Esp32h2 => {
                "riscv32imac-unknown-none-elf"
            }
        }
    }

    /// Returns the number in the header of an image. Source: ESP-IDF v5.5, `esp_app_format.h`.
    pub(crate) fn image_number(self) -> u16 {
        match self {
            Board::Esp32 => 0,
            Board::Esp32s2 => 2,
            Board::Esp32c3 => 5,
            Board::Esp32s3 => 9,
            Board::Esp32c2 => 12,
            Board::Esp32c6 => 13,
            Board::Esp32h2 => 16,
            Board::Esp32c61 => 20,
            Board::Esp32c5 => 23,
        }
    }

    /// Returns where the ROM looks for a boot loader. Source: ESP-IDF v5.5,
    /// `CONFIG_BOOTLOADER_OFFSET_IN_FLASH`.
    pub(crate) fn boot_loader_offset(self) -> u32 {
        match self {
            Board::Esp32 | Board::Esp32s2 => 0x1000,
            Board::Esp32c5 => 0x2000,
            _ => 0,
        }
    }

    /// Returns how fast flash may be read from the first image on, in esptool's words. Source:
    /// esptool 5.6, `FLASH_FREQUENCY` of each chip: two have no 40 MHz.
    pub(crate) fn flash_frequency(self) -> &'static str {
        match self {
            Board::Esp32c2 => "60m",
            Board::Esp32h2 => "48m",
            _ => "40m",
        }
    }

    /// As esptool and espflash print it: `ESP32-C3`.
    pub(crate) fn printed_name(self) -> &'static str {
        match self {
            Board::Esp32 => "ESP32",
            Board::Esp32s2 => "ESP32-S2",
            Board::Esp32s3 => "ESP32-S3",
            Board::Esp32c2 => "ESP32-C2",
            Board::Esp32c3 => "ESP32-C3",
            Board::Esp32c5 => "ESP32-C5",
            Board::Esp32c6 => "ESP32-C6",
            Board::Esp32c61 => "ESP32-C61",
            Board::Esp32h2 => "ESP32-H2",
        }
    }
}

fn one_window(both: Span) -> (Span, Span) {
    (both, both)
}
