//! Demands of a chip's cores, caches and engines on buffers.
//!
//! ```text
//!   HardwareTable  as written in a chip's file; cache lines may depend on options
//!        │ under(options)
//!        ▼
//!   Hardware       plain numbers for one configuration; 0: nothing is demanded
//! ```

use core::fmt;

use crate::{Options, When};

/// Facts about a chip's cores, caches and engines, as written in its file. `Default` is a chip that
/// demands nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HardwareTable {
    /// How many cores there are.
    pub cores: u8,
    /// Whose instructions they run.
    pub isa: Isa,
    /// Bytes of a cache line between the cores and internal RAM.
    pub internal_line: Line,
    /// Bytes of a cache line between the cores and PSRAM.
    pub external_line: Line,
    /// Alignment of descriptors of the AXI DMA engine.
    pub axi_descriptor: u32,
    /// Alignment of SIMD operands.
    pub simd: u32,
    /// Bytes of a cipher block, of which DMA in encrypted memory needs whole ones.
    pub cipher_block: u32,
    /// When memory is encrypted.
    pub encrypted: When,
    /// Whether atomic instructions work in PSRAM.
    pub external_atomics: bool,
}

/// An instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isa {
    /// Tensilica's, on the first chips of the family.
    Xtensa,
    /// RISC-V, on all others.
    RiscV,
}

/// `Xtensa`, `RISC-V`
impl fmt::Display for Isa {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Isa::Xtensa => "Xtensa",
            Isa::RiscV => "RISC-V",
        })
    }
}

/// Bytes of a cache line, which may depend on the configuration; 0 where no cache lies in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where none of `cases` holds.
    pub bytes: u32,
    /// The first that holds counts.
    pub cases: &'static [(When, u32)],
}

impl Line {
    /// No cache in between.
    pub const NONE: Line = Line::of(0);

    /// The same in every configuration.
    pub const fn of(bytes: u32) -> Line {
        Line { bytes, cases: &[] }
    }

    /// The same, but for `cases`.
    pub const fn but(self, cases: &'static [(When, u32)]) -> Line {
        Line { cases, ..self }
    }

    const fn under(&self, options: &Options) -> u32 {
        let mut at = 0;
        while at < self.cases.len() {
            let (when, bytes) = self.cases[at];
            if when.holds(options) {
                return bytes;
            }
            at += 1;
        }
        self.bytes
    }
}

impl HardwareTable {
    /// One RISC-V core, no caches in the way, no engines with wishes.
    pub const PLAIN: HardwareTable = HardwareTable {
        cores: 1,
        isa: Isa::RiscV,
        internal_line: Line::NONE,
        external_line: Line::NONE,
        axi_descriptor: 0,
        simd: 0,
        cipher_block: 0,
        encrypted: When::Any(&[]),
        external_atomics: true,
    };

    /// Returns the numbers of one configuration.
    pub const fn under(&self, options: &Options) -> Hardware {
        Hardware {
            internal_line: self.internal_line.under(options),
            external_line: self.external_line.under(options),
            axi_descriptor: self.axi_descriptor,
            simd: self.simd,
            encrypted_dma: if self.encrypted.holds(options) {
                self.cipher_block
            } else {
                0
            },
        }
    }
}

impl Default for HardwareTable {
    fn default() -> HardwareTable {
        HardwareTable::PLAIN
    }
}

/// What a chip's caches and engines demand of buffers in one configuration, in bytes; 0 for
/// nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hardware {
    /// Cache line of internal memory.
    pub internal_line: u32,
    /// Cache line of external memory.
    pub external_line: u32,
    /// Alignment of descriptors of the AXI DMA engine.
    pub axi_descriptor: u32,
    /// Alignment of SIMD operands.
    pub simd: u32,
    /// Alignment of DMA buffers while flash and PSRAM are encrypted.
    pub encrypted_dma: u32,
}

impl Hardware {
    /// Nothing is demanded: the ESP32, whose caches DMA bypasses.
    pub const NONE: Hardware = Hardware {
        internal_line: 0,
        external_line: 0,
        axi_descriptor: 0,
        simd: 0,
        encrypted_dma: 0,
    };
}
