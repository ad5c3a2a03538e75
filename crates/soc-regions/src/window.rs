//! What lies at an address: the chip's RAM as the two buses see it, whatever the heap makes of it.
//!
//! ```text
//!   0x3FFA_E000        0x3FFE_0000        0x4000_0000       0x4007_0000      0x400A_0000     0x400C_0000
//!   ├── SRAM2 ──────────┼── SRAM1 (data) ──┤                ├── SRAM0 ────────┼─ SRAM1 (instr.) ┤
//!     bytes, DMA          bytes, DMA                          code, words       code, words
//! ```
//!
//! Every question about an address (`is_dma_capable` …) is answered by the one window that contains it.

use crate::{Chip, Span};

/// Contiguous addresses on one bus with the same properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// What the chip's manual calls it, with the bus.
    pub name: &'static str,
    /// Its addresses.
    pub span: Span,
    /// What can be done there.
    pub access: Access,
}

bitflags::bitflags! {
    /// What can be done with the memory behind an address.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Access: u8 {
        /// On the data bus, in the chip's ordinary RAM.
        const DRAM = 1 << 0;
        /// On the instruction bus, in the chip's ordinary RAM.
        const IRAM = 1 << 1;
        /// In the RTC (low-power) domain.
        const RTC = 1 << 2;
        /// Outside of the chip.
        const EXTERNAL = 1 << 3;
        /// Bytes and half-words can be read and written, not words only.
        const BYTES = 1 << 4;
        /// DMA engines reach it.
        const DMA = 1 << 5;
        /// Code can be fetched.
        const EXECUTE = 1 << 6;
    }
}

/// Questions about an address. All take O(windows), at most 8 steps on the ESP32, and know RAM only: flash, ROM and
/// peripherals get `false` and `None`.
impl Chip {
    /// The RAM window that contains `address`.
    pub fn window_at(&self, address: u32) -> Option<&'static Window> {
        self.windows()
            .iter()
            .find(|window| window.span.contains(address))
    }

    fn access(&self, address: u32) -> Access {
        self.window_at(address)
            .map_or(Access::empty(), |window| window.access)
    }

    /// Whether DMA engines reach it.
    pub fn is_dma_capable(&self, address: u32) -> bool {
        self.access(address).contains(Access::DMA)
    }

    /// Whether code can be fetched from it, memory protection aside.
    pub fn is_executable(&self, address: u32) -> bool {
        self.access(address).contains(Access::EXECUTE)
    }

    /// Whether single bytes can be read and written there.
    pub fn is_byte_accessible(&self, address: u32) -> bool {
        self.access(address).contains(Access::BYTES)
    }

    /// Whether it is RAM on the chip, the RTC's included.
    pub fn is_internal(&self, address: u32) -> bool {
        self.window_at(address)
            .is_some_and(|window| !window.access.contains(Access::EXTERNAL))
    }

    /// Whether it is RAM outside of the chip, on the SPI bus.
    pub fn is_external(&self, address: u32) -> bool {
        self.access(address).contains(Access::EXTERNAL)
    }

    /// Whether it is ordinary RAM on the data bus, the data side of D/IRAM included.
    pub fn is_in_dram(&self, address: u32) -> bool {
        self.access(address).contains(Access::DRAM)
    }

    /// Whether it is ordinary RAM on the instruction bus, the instruction side of D/IRAM included.
    ///
    /// ESP-IDF's `esp_ptr_in_iram` leaves out the cache RAM below IRAM and most of D/IRAM's instruction side.
    pub fn is_in_iram(&self, address: u32) -> bool {
        self.access(address).contains(Access::IRAM)
    }

    /// Whether it is memory of the RTC domain, seen from either bus.
    pub fn is_in_rtc(&self, address: u32) -> bool {
        self.access(address).contains(Access::RTC)
    }

    /// Whether it is the data side of D/IRAM.
    pub fn is_in_diram_dram(&self, address: u32) -> bool {
        self.diram().is_some_and(|bus| bus.data().contains(address))
    }

    /// Whether it is the instruction side of D/IRAM.
    pub fn is_in_diram_iram(&self, address: u32) -> bool {
        self.diram()
            .is_some_and(|bus| bus.instruction().contains(address))
    }

    /// Where the instruction bus sees an address on D/IRAM's data side.
    pub fn diram_dram_to_iram(&self, address: u32) -> Option<u32> {
        self.diram()?.to_instruction(address)
    }

    /// Where the data bus sees an address on D/IRAM's instruction side.
    pub fn diram_iram_to_dram(&self, address: u32) -> Option<u32> {
        self.diram()?.to_data(address)
    }

    /// Where the instruction bus sees an address of the data bus: D/IRAM or RTC fast memory.
    pub fn to_instruction_bus(&self, address: u32) -> Option<u32> {
        self.dual_buses()
            .iter()
            .find_map(|bus| bus.to_instruction(address))
    }

    /// Where the data bus sees an address of the instruction bus: D/IRAM or RTC fast memory.
    pub fn to_data_bus(&self, address: u32) -> Option<u32> {
        self.dual_buses()
            .iter()
            .find_map(|bus| bus.to_data(address))
    }

    /// Where the instruction bus sees the words of `span`, as one span; `None` where it sees none of them or only some.
    pub fn instruction_view(&self, span: Span) -> Option<Span> {
        self.dual_buses()
            .iter()
            .find_map(|bus| bus.instruction_view(span))
    }
}
