//! What does a board's chip want of a program and of those who send it?

use clap::ValueEnum;
use soc_regions::{Chip, ESP32, ESP32C3, Span, span};

/// A chip that the demonstration programs are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Board {
    /// Two Xtensa LX6 cores
    Esp32,
    /// One RISC-V core
    Esp32c3,
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
    /// What users, espflash and esptool call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Board::Esp32 => "esp32",
            Board::Esp32c3 => "esp32c3",
        }
    }

    /// Its RAM.
    pub(crate) fn table(self) -> &'static Chip {
        match self {
            Board::Esp32 => &ESP32,
            Board::Esp32c3 => &ESP32C3,
        }
    }

    pub(crate) fn flash(self) -> FlashWindows {
        match self {
            Board::Esp32 => FlashWindows {
                data: span!(0x3F40_0000, 0x3F80_0000),
                code: span!(0x400D_0000, 0x4040_0000),
            },
            Board::Esp32c3 => FlashWindows {
                data: span!(0x3C00_0000, 0x3C80_0000),
                code: span!(0x4200_0000, 0x4280_0000),
            },
        }
    }

    /// What the compiler calls it.
    pub(crate) fn triple(self) -> &'static str {
        match self {
            Board::Esp32 => "xtensa-esp32-none-elf",
            Board::Esp32c3 => "riscv32imc-unknown-none-elf",
        }
    }

    /// The package with its programs; the first program has the same name.
    pub(crate) fn package(self) -> &'static str {
        match self {
            Board::Esp32 => "esp32-demo",
            Board::Esp32c3 => "esp32c3-demo",
        }
    }

    /// The package's folder in `crates/firmware`.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Board::Esp32 => "esp32",
            Board::Esp32c3 => "esp-hal",
        }
    }

    /// The number in the header of an image. Source: ESP-IDF v5.5, `esp_app_format.h`.
    pub(crate) fn image_number(self) -> u16 {
        match self {
            Board::Esp32 => 0,
            Board::Esp32c3 => 5,
        }
    }

    /// Where the ROM looks for a boot loader.
    pub(crate) fn boot_loader_offset(self) -> u32 {
        match self {
            Board::Esp32 => 0x1000,
            Board::Esp32c3 => 0,
        }
    }

    /// As esptool and espflash print it: `ESP32-C3`.
    pub(crate) fn printed_name(self) -> &'static str {
        match self {
            Board::Esp32 => "ESP32",
            Board::Esp32c3 => "ESP32-C3",
        }
    }
}
