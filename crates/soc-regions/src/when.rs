//! When a row of a table counts.
//!
//! ```text
//!   Options  what people write: one typed field a choice
//!      │ settings()
//!      ▼
//!   Setting  what tables ask: one bit a fact ◄── When { with, without }: a row's condition
//! ```

use core::fmt;

bitflags::bitflags! {
    /// Facts about a configuration that rows of a table ask for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
    pub struct Setting: u32 {
        /// [`Options::single_core`](crate::Options::single_core).
        const SINGLE_CORE = 1 << 0;
        /// [`Options::iram_8bit`](crate::Options::iram_8bit).
        const IRAM_8BIT = 1 << 1;
        /// [`TraceMemory::OneBank`](crate::TraceMemory::OneBank).
        const TRACE_ONE_BANK = 1 << 2;
        /// [`TraceMemory::TwoBanks`](crate::TraceMemory::TwoBanks).
        const TRACE_TWO_BANKS = 1 << 3;
        /// [`Bluetooth::On`](crate::Bluetooth::On).
        const BLUETOOTH = 1 << 4;
        /// [`Options::bluetooth_dram_release`](crate::Options::bluetooth_dram_release).
        const BLUETOOTH_DRAM_RELEASE = 1 << 5;
        /// [`Options::rtc_heap`](crate::Options::rtc_heap).
        const RTC_HEAP = 1 << 6;
        /// [`Options::rtc_data_in_fast_memory`](crate::Options::rtc_data_in_fast_memory).
        const RTC_DATA_IN_FAST_MEMORY = 1 << 7;
        /// [`Options::sram1_as_iram`](crate::Options::sram1_as_iram).
        const SRAM1_AS_IRAM = 1 << 8;
        /// [`Options::psram`](crate::Options::psram) is given.
        const PSRAM = 1 << 9;
    }
}

impl Setting {
    /// The names of the settings in this set, as the command line spells them.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        const NAMES: [(&str, Setting); 10] = [
            ("single-core", Setting::SINGLE_CORE),
            ("iram-8bit", Setting::IRAM_8BIT),
            ("trace-one-bank", Setting::TRACE_ONE_BANK),
            ("trace-two-banks", Setting::TRACE_TWO_BANKS),
            ("bluetooth", Setting::BLUETOOTH),
            ("bluetooth-dram-release", Setting::BLUETOOTH_DRAM_RELEASE),
            ("rtc-heap", Setting::RTC_HEAP),
            ("rtc-data-in-fast-memory", Setting::RTC_DATA_IN_FAST_MEMORY),
            ("sram1-as-iram", Setting::SRAM1_AS_IRAM),
            ("psram", Setting::PSRAM),
        ];
        NAMES
            .into_iter()
            .filter(move |&(_, bit)| self.contains(bit))
            .map(|(name, _)| name)
    }
}

/// When a row of a table counts: every setting of `with` holds and none of `without`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct When {
    /// Settings that must hold.
    pub with: Setting,
    /// Settings that must not.
    pub without: Setting,
}

impl When {
    /// In every configuration.
    pub const ALWAYS: When = When {
        with: Setting::empty(),
        without: Setting::empty(),
    };

    /// When all of `settings` hold.
    pub const fn with(settings: Setting) -> When {
        When {
            with: settings,
            without: Setting::empty(),
        }
    }

    /// When none of `settings` holds.
    pub const fn without(settings: Setting) -> When {
        When {
            with: Setting::empty(),
            without: settings,
        }
    }

    /// When this holds and, besides, none of `settings`.
    pub const fn and_without(self, settings: Setting) -> When {
        When {
            with: self.with,
            without: self.without.union(settings),
        }
    }

    /// Whether a configuration with these `settings` meets the condition.
    pub const fn holds(self, settings: Setting) -> bool {
        settings.contains(self.with) && !settings.intersects(self.without)
    }

    /// Whether some configuration may meet both conditions.
    pub const fn is_compatible(self, other: When) -> bool {
        !self.with.intersects(other.without) && !self.without.intersects(other.with)
    }
}

/// `always`, `psram`, `bluetooth, not single-core`
impl fmt::Display for When {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == When::ALWAYS {
            return out.write_str("always");
        }
        let with = self.with.names().map(|name| ("", name));
        let without = self.without.names().map(|name| ("not ", name));
        let mut separator = "";
        for (not, name) in with.chain(without) {
            write!(out, "{separator}{not}{name}")?;
            separator = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_condition_holds_when_all_it_wants_and_nothing_it_refuses_is_set() {
        let when = When::with(Setting::PSRAM).and_without(Setting::SINGLE_CORE);
        assert!(when.holds(Setting::PSRAM | Setting::RTC_HEAP));
        assert!(!when.holds(Setting::RTC_HEAP));
        assert!(!when.holds(Setting::PSRAM | Setting::SINGLE_CORE));
        assert!(When::ALWAYS.holds(Setting::empty()) && When::ALWAYS.holds(Setting::all()));
    }

    #[test]
    fn a_condition_and_its_opposite_are_not_compatible() {
        let (with, without) = (When::with(Setting::PSRAM), When::without(Setting::PSRAM));
        assert!(!with.is_compatible(without) && !without.is_compatible(with));
        assert!(with.is_compatible(When::ALWAYS) && with.is_compatible(with));
    }

    #[test]
    fn a_condition_is_written_in_words() {
        let when = When::with(Setting::BLUETOOTH).and_without(Setting::SINGLE_CORE);
        assert_eq!(when.to_string(), "bluetooth, not single-core");
        assert_eq!(When::ALWAYS.to_string(), "always");
    }
}
