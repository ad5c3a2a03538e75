//! Chip tables: everything that a chip's file states.

use crate::{
    Access, Caps, Declared, DualBus, HardwareTable, MemoryType, Region, Reservation, Setting,
    TypeIndex, When, Window,
};

/// The most reservations a chip can have.
pub const MAX_RESERVATIONS: usize = 24;

/// What a chip is made of, as written down. [`chip!`](crate::chip!) makes a [`Chip`](crate::Chip)
/// of it.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// The name for command lines: lower case, no spaces.
    pub name: &'static str,
    /// Which table it is, for people: "ESP32, ESP-IDF v3.0".
    pub generation: &'static str,
    /// What its firmware can choose; conditions ask for these.
    pub options: &'static [Declared],
    /// The memory types; a [`TypeIndex`] counts from the first.
    pub types: &'static [MemoryType],
    /// The memory, in the order that breaks ties between equal heaps.
    pub regions: &'static [Region],
    /// Whether `regions` ascends as a whole, or only the rows of each type among themselves.
    pub order: Order,
    /// The memory that is reserved.
    pub reservations: &'static [Reservation],
    /// Bytes per type, to be checked against the sum of the rows. Every row must be in one of them.
    pub totals: &'static [Total],
    /// The RAM as the buses see it, ascending.
    pub windows: &'static [Window],
    /// Memory with an address on either bus; the first one is D/IRAM.
    pub dual_buses: &'static [DualBus],
    /// Cores, caches, engines.
    pub hardware: HardwareTable,
    /// Bytes of the largest contiguous RAM, a bound for every block
    /// (`SOC_MAX_CONTIGUOUS_RAM_SIZE`).
    pub max_contiguous_bytes: u32,
    /// Linker symbols of an ordinary small program, for tools and tests that have no program at
    /// hand.
    pub sample_symbols: &'static [SampleSymbol],
}

impl Table {
    /// Nothing yet: what a file does not mention is as here.
    pub const EMPTY: Table = Table {
        name: "",
        generation: "",
        options: &[],
        types: &[],
        regions: &[],
        order: Order::Ascending,
        reservations: &[],
        totals: &[],
        windows: &[],
        dual_buses: &[],
        hardware: HardwareTable::PLAIN,
        max_contiguous_bytes: u32::MAX,
        sample_symbols: &[],
    };
}

/// How the rows of a table are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By address.
    Ascending,
    /// By address among the rows of one type.
    AscendingByType,
}

/// What the rows of one type add up to in one configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Total {
    /// The type.
    pub kind: TypeIndex,
    /// How the configuration differs from the default one.
    pub settings: &'static [Setting],
    /// The sum of the rows that exist in it.
    pub bytes: u32,
}

impl Total {
    /// Returns what the rows of a type add up to by default.
    pub const fn new(kind: TypeIndex, bytes: u32) -> Total {
        Total::with(&[], kind, bytes)
    }

    /// Returns what they add up to with other `settings`.
    pub const fn with(settings: &'static [Setting], kind: TypeIndex, bytes: u32) -> Total {
        Total {
            kind,
            settings,
            bytes,
        }
    }
}

/// A linker symbol of an invented program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleSymbol {
    /// Its name.
    pub name: &'static str,
    /// Its address.
    pub address: u32,
    /// In which configurations it has that address.
    pub when: When,
}

impl SampleSymbol {
    /// Returns a symbol with the same address in every configuration.
    pub const fn new(name: &'static str, address: u32) -> SampleSymbol {
        SampleSymbol {
            name,
            address,
            when: When::ALWAYS,
        }
    }

    /// The same, only where `when` holds.
    pub const fn only(self, when: When) -> SampleSymbol {
        SampleSymbol { when, ..self }
    }
}

/// Returns several capabilities as one set, for tables: `caps(&[Caps::BIT8, Caps::DMA])`.
pub const fn caps(of: &[Caps]) -> Caps {
    let (mut set, mut at) = (Caps::empty(), 0);
    while at < of.len() {
        set = set.union(of[at]);
        at += 1;
    }
    set
}

/// Returns several properties as one set, for tables: `access(&[Access::DRAM, Access::BYTES])`.
pub const fn access(of: &[Access]) -> Access {
    let (mut set, mut at) = (Access::empty(), 0);
    while at < of.len() {
        set = set.union(of[at]);
        at += 1;
    }
    set
}
