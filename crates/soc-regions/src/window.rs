//! Address windows: the chip's RAM as the two buses see it, whatever the heap makes of it.
//!
//! ```text
//!   0x3FFA_E000        0x3FFE_0000        0x4000_0000       0x4007_0000      0x400A_0000     0x400C_0000
//!   ├── SRAM2 ──────────┼── SRAM1 (data) ──┤                ├── SRAM0 ────────┼─ SRAM1 (instr.) ┤
//!     bytes, DMA          bytes, DMA                          code, words       code, words
//! ```
//!
//! Every question about an address (`is_dma_capable` …) is answered by the one window that contains
//! it.

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

/// Questions about an address. All take O(windows), at most 8 steps, and know RAM only: flash, ROM
/// and peripherals get `false` and `None`.
impl Chip {
    /// Returns the RAM window that contains `address`.
    pub const fn window_at(&self, address: u32) -> Option<&'static Window> {
        let (windows, mut at) = (self.windows(), 0);
        while at < windows.len() {
            if windows[at].span.contains(address) {
                return Some(&windows[at]);
            }
            at += 1;
        }
        None
    }

    const fn can(&self, address: u32, access: Access) -> bool {
        match self.window_at(address) {
            Some(window) => window.access.contains(access),
            None => false,
        }
    }

    /// Returns whether DMA engines reach it.
    pub const fn is_dma_capable(&self, address: u32) -> bool {
        self.can(address, Access::DMA)
    }

    /// Returns whether code can be fetched from it, memory protection aside.
    pub const fn is_executable(&self, address: u32) -> bool {
        self.can(address, Access::EXECUTE)
    }

    /// Returns whether single bytes can be read and written there.
    pub const fn is_byte_accessible(&self, address: u32) -> bool {
        self.can(address, Access::BYTES)
    }

    /// Returns whether it is RAM on the chip, the RTC's included.
    pub const fn is_internal(&self, address: u32) -> bool {
        match self.window_at(address) {
            Some(window) => !window.access.contains(Access::EXTERNAL),
            None => false,
        }
    }

    /// Returns whether it is RAM outside of the chip, on the SPI bus.
    pub const fn is_external(&self, address: u32) -> bool {
        self.can(address, Access::EXTERNAL)
    }

    /// Returns whether it is ordinary RAM on the data bus, the data side of D/IRAM included.
    pub const fn is_in_dram(&self, address: u32) -> bool {
        self.can(address, Access::DRAM)
    }

    /// Returns whether it is ordinary RAM on the instruction bus, the instruction side of D/IRAM
    /// included.
    ///
    /// ESP-IDF's `esp_ptr_in_iram` leaves out the cache RAM below the ESP32's IRAM and most of its
    /// D/IRAM's instruction side.
    pub const fn is_in_iram(&self, address: u32) -> bool {
        self.can(address, Access::IRAM)
    }

    /// Returns whether it is memory of the RTC (low-power) domain, seen from either bus.
    pub const fn is_in_rtc(&self, address: u32) -> bool {
        self.can(address, Access::RTC)
    }

    /// Returns whether it is the data side of D/IRAM.
    pub const fn is_in_diram_dram(&self, address: u32) -> bool {
        match self.diram() {
            Some(bus) => bus.data().contains(address),
            None => false,
        }
    }

    /// Returns whether it is the instruction side of D/IRAM.
    pub const fn is_in_diram_iram(&self, address: u32) -> bool {
        match self.diram() {
            Some(bus) => bus.instruction().contains(address),
            None => false,
        }
    }

    /// Returns whether a DMA engine reaches memory outside of the chip.
    pub const fn has_external_dma(&self) -> bool {
        let (windows, mut at) = (self.windows(), 0);
        while at < windows.len() {
            if windows[at]
                .access
                .contains(Access::EXTERNAL.union(Access::DMA))
            {
                return true;
            }
            at += 1;
        }
        false
    }

    /// Returns where the instruction bus sees an address on D/IRAM's data side.
    pub fn diram_dram_to_iram(&self, address: u32) -> Option<u32> {
        self.diram()?.to_instruction(address)
    }

    /// Returns where the data bus sees an address on D/IRAM's instruction side.
    pub fn diram_iram_to_dram(&self, address: u32) -> Option<u32> {
        self.diram()?.to_data(address)
    }

    /// Returns where the instruction bus sees an address of the data bus: D/IRAM or RTC fast
    /// memory.
    pub fn to_instruction_bus(&self, address: u32) -> Option<u32> {
        self.dual_buses()
            .iter()
            .find_map(|bus| bus.to_instruction(address))
    }

    /// Returns where the data bus sees an address of the instruction bus: D/IRAM or RTC fast
    /// memory.
    pub fn to_data_bus(&self, address: u32) -> Option<u32> {
        self.dual_buses()
            .iter()
            .find_map(|bus| bus.to_data(address))
    }

    /// Returns where the instruction bus sees the words of `span`, as one span; `None` where it
    /// sees none of them or only some.
    pub const fn instruction_view(&self, span: Span) -> Option<Span> {
        let (buses, mut at) = (self.dual_buses(), 0);
        while at < buses.len() {
            if let Some(view) = buses[at].instruction_view(span) {
                return Some(view);
            }
            at += 1;
        }
        None
    }
}
