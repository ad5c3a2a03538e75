//! How a firmware is configured, as far as its memory is concerned.
//!
//! Impossible combinations can't be written. The names in brackets below are ESP-IDF's Kconfig symbols without `CONFIG_`.

use crate::Setting;

/// The choices that change what memory a chip offers. `default()` is everything off;
/// [`Chip::default_options`](crate::Chip::default_options) is what ESP-IDF gives that chip.
///
/// A choice that a chip does not know has no effect on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Options {
    /// Only core 0 runs; its sibling's cache and ROM data become heap (`ESP_SYSTEM_SINGLE_CORE_MODE`).
    pub single_core: bool,
    /// Byte access to IRAM is emulated (`ESP32_IRAM_AS_8BIT_ACCESSIBLE_MEMORY`, single core only in ESP-IDF).
    pub iram_8bit: bool,
    /// Memory that the trace unit writes to.
    pub trace_memory: TraceMemory,
    /// Whether the Bluetooth controller is linked.
    pub bluetooth: Bluetooth,
    /// v2.1 only: what Bluetooth does not need of its 64 KiB goes to the heap (`BT_DRAM_RELEASE`).
    pub bluetooth_dram_release: bool,
    /// RTC fast memory is a heap, too (`ESP_SYSTEM_ALLOW_RTC_FAST_MEM_AS_HEAP`).
    /// Only core 0 of the ESP32 reaches it, so ESP-IDF offers this there with [`single_core`](Options::single_core) only.
    pub rtc_heap: bool,
    /// RTC data is linked to fast memory (`ESP32_RTCDATA_IN_FAST_MEM`).
    pub rtc_data_in_fast_memory: bool,
    /// The linker places code in the upper part of SRAM1 (`ESP_SYSTEM_ESP32_SRAM1_REGION_AS_IRAM`).
    pub sram1_as_iram: bool,
    /// Bytes of PSRAM that are mapped; `None` without (`SPIRAM`). More than the chip's window counts as the window.
    pub psram: Option<u32>,
}

/// How many banks of SRAM1 the trace unit takes (`ESP32_MEMMAP_TRACEMEM`, `…_TWOBANKS`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum TraceMemory {
    /// None.
    #[default]
    Off,
    /// 16 KiB.
    OneBank,
    /// 32 KiB.
    TwoBanks,
}

/// Whether the Bluetooth controller keeps memory for itself (`BT_ENABLED`, controller linked).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Bluetooth {
    /// No controller.
    #[default]
    Off,
    /// A controller, with room for so many synchronous (audio) connections.
    On(SyncConnections),
}

/// How many synchronous connections the controller serves: 0 to 3 (`BTDM_CTRL_BR_EDR_MAX_SYNC_CONN`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SyncConnections(u8);

impl SyncConnections {
    /// The most a controller serves.
    pub const MAX: SyncConnections = SyncConnections(3);

    /// `count` connections; `None` above 3.
    pub const fn new(count: u8) -> Option<SyncConnections> {
        if count <= Self::MAX.0 {
            Some(SyncConnections(count))
        } else {
            None
        }
    }

    /// The number.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Options {
    /// Everything off, as a constant.
    pub const NONE: Options = Options {
        single_core: false,
        iram_8bit: false,
        trace_memory: TraceMemory::Off,
        bluetooth: Bluetooth::Off,
        bluetooth_dram_release: false,
        rtc_heap: false,
        rtc_data_in_fast_memory: false,
        sram1_as_iram: false,
        psram: None,
    };

    /// The same as a set of facts.
    pub fn settings(&self) -> Setting {
        let facts = [
            (self.single_core, Setting::SINGLE_CORE),
            (self.iram_8bit, Setting::IRAM_8BIT),
            (
                self.trace_memory == TraceMemory::OneBank,
                Setting::TRACE_ONE_BANK,
            ),
            (
                self.trace_memory == TraceMemory::TwoBanks,
                Setting::TRACE_TWO_BANKS,
            ),
            (self.bluetooth != Bluetooth::Off, Setting::BLUETOOTH),
            (self.bluetooth_dram_release, Setting::BLUETOOTH_DRAM_RELEASE),
            (self.rtc_heap, Setting::RTC_HEAP),
            (
                self.rtc_data_in_fast_memory,
                Setting::RTC_DATA_IN_FAST_MEMORY,
            ),
            (self.sram1_as_iram, Setting::SRAM1_AS_IRAM),
            (self.psram.is_some(), Setting::PSRAM),
        ];
        facts
            .into_iter()
            .filter(|(holds, _)| *holds)
            .map(|(_, setting)| setting)
            .collect()
    }

    /// The value of a numeric choice, 0 where it is off.
    pub fn amount(&self, amount: Amount) -> u32 {
        match (amount, self.bluetooth) {
            (Amount::PsramBytes, _) => self.psram.unwrap_or(0),
            (Amount::SyncConnections, Bluetooth::On(connections)) => u32::from(connections.0),
            (Amount::SyncConnections, Bluetooth::Off) => 0,
        }
    }
}

/// A choice that is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Amount {
    /// [`Options::psram`].
    PsramBytes,
    /// [`Bluetooth::On`]'s connections.
    SyncConnections,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_turns_on_its_own_setting() {
        let none = Options::default();
        let on = Bluetooth::On(SyncConnections::default());
        let cases = [
            (
                Options {
                    single_core: true,
                    ..none
                },
                Setting::SINGLE_CORE,
            ),
            (
                Options {
                    iram_8bit: true,
                    ..none
                },
                Setting::IRAM_8BIT,
            ),
            (
                Options {
                    trace_memory: TraceMemory::OneBank,
                    ..none
                },
                Setting::TRACE_ONE_BANK,
            ),
            (
                Options {
                    trace_memory: TraceMemory::TwoBanks,
                    ..none
                },
                Setting::TRACE_TWO_BANKS,
            ),
            (
                Options {
                    bluetooth: on,
                    ..none
                },
                Setting::BLUETOOTH,
            ),
            (
                Options {
                    bluetooth_dram_release: true,
                    ..none
                },
                Setting::BLUETOOTH_DRAM_RELEASE,
            ),
            (
                Options {
                    rtc_heap: true,
                    ..none
                },
                Setting::RTC_HEAP,
            ),
            (
                Options {
                    rtc_data_in_fast_memory: true,
                    ..none
                },
                Setting::RTC_DATA_IN_FAST_MEMORY,
            ),
            (
                Options {
                    sram1_as_iram: true,
                    ..none
                },
                Setting::SRAM1_AS_IRAM,
            ),
            (
                Options {
                    psram: Some(0),
                    ..none
                },
                Setting::PSRAM,
            ),
        ];
        assert_eq!(none.settings(), Setting::empty());
        for (options, setting) in cases {
            assert_eq!(options.settings(), setting);
            assert_eq!(setting.names().count(), 1);
        }
        assert_eq!(Setting::all().names().count(), cases.len());
    }

    #[test]
    fn a_controller_serves_at_most_three_synchronous_connections() {
        assert_eq!(SyncConnections::new(3), Some(SyncConnections::MAX));
        assert_eq!(SyncConnections::new(4), None);
    }
}
