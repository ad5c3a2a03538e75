//! A chip: a table that the compiler has checked.

use crate::check::{TableError, check};
use crate::{
    DualBus, MemoryType, Options, Region, Reservation, Setting, Symbols, TypeIndex, When, Window,
};

/// The most reservations a chip can have.
pub const MAX_RESERVATIONS: usize = 24;

/// What a chip is made of, as written down. [`chip!`](crate::chip!) makes a [`Chip`] of it.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// The name for command lines: lower case, no spaces.
    pub name: &'static str,
    /// Which table it is, for people: "ESP32, ESP-IDF v3.0".
    pub generation: &'static str,
    /// The memory types; a [`TypeIndex`] counts from the first.
    pub types: &'static [MemoryType],
    /// The memory, in the order that breaks ties between equal heaps.
    pub regions: &'static [Region],
    /// Whether `regions` ascends as a whole, or only the rows of each type among themselves.
    pub order: Order,
    /// The memory that is taken.
    pub reservations: &'static [Reservation],
    /// Bytes per type, to be checked against the sum of the rows. Every row must be in one of them.
    pub totals: &'static [Total],
    /// The RAM as the buses see it, ascending.
    pub windows: &'static [Window],
    /// Memory with an address on either bus; the first one is D/IRAM.
    pub dual_buses: &'static [DualBus],
    /// Bytes of the largest contiguous RAM, a bound for every block (`SOC_MAX_CONTIGUOUS_RAM_SIZE`).
    pub max_contiguous_bytes: u32,
    /// What ESP-IDF configures when nobody says otherwise.
    pub default_options: Options,
    /// Linker symbols of an ordinary small program, for tools and tests that have no program at hand.
    pub sample_symbols: &'static [SampleSymbol],
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
    /// The configuration: these settings hold and no others.
    pub settings: Setting,
    /// The sum of the rows that exist in it.
    pub bytes: u32,
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
    /// A symbol with the same address in every configuration.
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

/// A chip's memory. Having one tells you that its table is free of overlap, disorder and misalignment ([`TableError`]).
#[derive(Clone, Copy, Debug)]
pub struct Chip {
    table: Table,
}

impl Chip {
    /// The chip of a table.
    ///
    /// # Errors
    /// The first thing that is wrong with the table. [`chip!`](crate::chip!) makes that a compile error.
    pub const fn new(table: Table) -> Result<Chip, TableError> {
        match check(&table) {
            Ok(()) => Ok(Chip { table }),
            Err(error) => Err(error),
        }
    }

    /// The name for command lines.
    pub const fn name(&self) -> &'static str {
        self.table.name
    }

    /// Which table it is, for people.
    pub const fn generation(&self) -> &'static str {
        self.table.generation
    }

    /// The memory types.
    pub const fn types(&self) -> &'static [MemoryType] {
        self.table.types
    }

    /// The memory type of an index; `None` only for an index that is not this chip's.
    pub fn memory_type(&self, kind: TypeIndex) -> Option<&'static MemoryType> {
        self.table.types.get(kind.index())
    }

    /// All rows, also those of other configurations, in table order.
    pub const fn regions(&self) -> &'static [Region] {
        self.table.regions
    }

    /// The row whose memory contains `address` in a configuration, reserved or not. O(rows).
    pub fn region_at(&self, address: u32, options: &Options) -> Option<&'static Region> {
        let settings = options.settings();
        let mut rows = self.table.regions.iter();
        rows.find(|row| row.when.holds(settings) && row.span.contains(address))
    }

    /// All reservations, also those of other configurations, in table order.
    pub const fn reservations(&self) -> &'static [Reservation] {
        self.table.reservations
    }

    /// What the rows add up to.
    pub const fn totals(&self) -> &'static [Total] {
        self.table.totals
    }

    /// The RAM as the buses see it, ascending.
    pub const fn windows(&self) -> &'static [Window] {
        self.table.windows
    }

    /// Memory that has an address on either bus.
    pub const fn dual_buses(&self) -> &'static [DualBus] {
        self.table.dual_buses
    }

    /// The ordinary RAM that has an address on either bus.
    pub fn diram(&self) -> Option<&'static DualBus> {
        self.table.dual_buses.first()
    }

    /// Bytes of the largest contiguous RAM.
    pub const fn max_contiguous_bytes(&self) -> u32 {
        self.table.max_contiguous_bytes
    }

    /// What ESP-IDF configures when nobody says otherwise.
    pub const fn default_options(&self) -> Options {
        self.table.default_options
    }

    /// The linker symbols of an ordinary small program, for tools and tests that have no program at hand.
    pub fn sample_symbols(&self, options: &Options) -> impl Symbols + use<> {
        let (symbols, settings) = (self.table.sample_symbols, options.settings());
        move |name: &str| {
            let mut symbols = symbols.iter().filter(|symbol| symbol.when.holds(settings));
            symbols
                .find(|symbol| symbol.name == name)
                .map(|symbol| symbol.address)
        }
    }
}

/// A [`Chip`] of a constant [`Table`]; a table that is wrong does not compile.
///
/// The tests in `tests/tables.rs` take every [`TableError`] at run time. Here is what the compiler does with some of them.
/// This table is right:
/// ```
/// # use soc_regions::*;
/// # use soc_regions::{chip, span};
/// const TYPES: [MemoryType; 1] = [MemoryType::new("RAM", [Caps::BIT8, Caps::empty(), Caps::empty()])];
/// const RAM: Window = Window { name: "RAM", span: span!(0x1000, 0x3000), access: Access::BYTES };
/// const RIGHT: Table = Table {
///     name: "invented",
///     generation: "for this page",
///     types: &TYPES,
///     regions: &[Region::new(span!(0x1000, 0x2000), TypeIndex(0)), Region::new(span!(0x2000, 0x3000), TypeIndex(0))],
///     order: Order::Ascending,
///     reservations: &[],
///     totals: &[Total { kind: TypeIndex(0), settings: Setting::empty(), bytes: 0x2000 }],
///     windows: &[RAM],
///     dual_buses: &[],
///     max_contiguous_bytes: 0x2000,
///     default_options: Options::NONE,
///     sample_symbols: &[],
/// };
/// static CHIP: Chip = chip!(RIGHT);
/// ```
/// Two rows overlap:
/// ```compile_fail,E0080
/// # use soc_regions::*;
/// # use soc_regions::{chip, span};
/// # const TYPES: [MemoryType; 1] = [MemoryType::new("RAM", [Caps::BIT8, Caps::empty(), Caps::empty()])];
/// # const RAM: Window = Window { name: "RAM", span: span!(0x1000, 0x3000), access: Access::BYTES };
/// # const RIGHT: Table = Table {
/// #     name: "invented",
/// #     generation: "for this page",
/// #     types: &TYPES,
/// #     regions: &[Region::new(span!(0x1000, 0x2000), TypeIndex(0)), Region::new(span!(0x2000, 0x3000), TypeIndex(0))],
/// #     order: Order::Ascending,
/// #     reservations: &[],
/// #     totals: &[Total { kind: TypeIndex(0), settings: Setting::empty(), bytes: 0x2000 }],
/// #     windows: &[RAM],
/// #     dual_buses: &[],
/// #     max_contiguous_bytes: 0x2000,
/// #     default_options: Options::NONE,
/// #     sample_symbols: &[],
/// # };
/// const ROWS: [Region; 2] = [Region::new(span!(0x1000, 0x2000), TypeIndex(0)), Region::new(span!(0x1FFC, 0x3000), TypeIndex(0))];
/// static CHIP: Chip = chip!(Table { regions: &ROWS, ..RIGHT });
/// ```
/// A row is not aligned:
/// ```compile_fail,E0080
/// # use soc_regions::*;
/// # use soc_regions::{chip, span};
/// # const TYPES: [MemoryType; 1] = [MemoryType::new("RAM", [Caps::BIT8, Caps::empty(), Caps::empty()])];
/// # const RAM: Window = Window { name: "RAM", span: span!(0x1000, 0x3000), access: Access::BYTES };
/// # const RIGHT: Table = Table {
/// #     name: "invented",
/// #     generation: "for this page",
/// #     types: &TYPES,
/// #     regions: &[Region::new(span!(0x1000, 0x2000), TypeIndex(0)), Region::new(span!(0x2000, 0x3000), TypeIndex(0))],
/// #     order: Order::Ascending,
/// #     reservations: &[],
/// #     totals: &[Total { kind: TypeIndex(0), settings: Setting::empty(), bytes: 0x2000 }],
/// #     windows: &[RAM],
/// #     dual_buses: &[],
/// #     max_contiguous_bytes: 0x2000,
/// #     default_options: Options::NONE,
/// #     sample_symbols: &[],
/// # };
/// const ROWS: [Region; 1] = [Region::new(span!(0x1002, 0x3000), TypeIndex(0))];
/// static CHIP: Chip = chip!(Table { regions: &ROWS, ..RIGHT });
/// ```
/// A row has a type that the chip does not:
/// ```compile_fail,E0080
/// # use soc_regions::*;
/// # use soc_regions::{chip, span};
/// # const TYPES: [MemoryType; 1] = [MemoryType::new("RAM", [Caps::BIT8, Caps::empty(), Caps::empty()])];
/// # const RAM: Window = Window { name: "RAM", span: span!(0x1000, 0x3000), access: Access::BYTES };
/// # const RIGHT: Table = Table {
/// #     name: "invented",
/// #     generation: "for this page",
/// #     types: &TYPES,
/// #     regions: &[Region::new(span!(0x1000, 0x2000), TypeIndex(0)), Region::new(span!(0x2000, 0x3000), TypeIndex(0))],
/// #     order: Order::Ascending,
/// #     reservations: &[],
/// #     totals: &[Total { kind: TypeIndex(0), settings: Setting::empty(), bytes: 0x2000 }],
/// #     windows: &[RAM],
/// #     dual_buses: &[],
/// #     max_contiguous_bytes: 0x2000,
/// #     default_options: Options::NONE,
/// #     sample_symbols: &[],
/// # };
/// const ROWS: [Region; 1] = [Region::new(span!(0x1000, 0x3000), TypeIndex(1))];
/// static CHIP: Chip = chip!(Table { regions: &ROWS, ..RIGHT });
/// ```
/// A total is wrong:
/// ```compile_fail,E0080
/// # use soc_regions::*;
/// # use soc_regions::{chip, span};
/// # const TYPES: [MemoryType; 1] = [MemoryType::new("RAM", [Caps::BIT8, Caps::empty(), Caps::empty()])];
/// # const RAM: Window = Window { name: "RAM", span: span!(0x1000, 0x3000), access: Access::BYTES };
/// # const RIGHT: Table = Table {
/// #     name: "invented",
/// #     generation: "for this page",
/// #     types: &TYPES,
/// #     regions: &[Region::new(span!(0x1000, 0x2000), TypeIndex(0)), Region::new(span!(0x2000, 0x3000), TypeIndex(0))],
/// #     order: Order::Ascending,
/// #     reservations: &[],
/// #     totals: &[Total { kind: TypeIndex(0), settings: Setting::empty(), bytes: 0x2000 }],
/// #     windows: &[RAM],
/// #     dual_buses: &[],
/// #     max_contiguous_bytes: 0x2000,
/// #     default_options: Options::NONE,
/// #     sample_symbols: &[],
/// # };
/// const TOTALS: [Total; 1] = [Total { kind: TypeIndex(0), settings: Setting::empty(), bytes: 0x2004 }];
/// static CHIP: Chip = chip!(Table { totals: &TOTALS, ..RIGHT });
/// ```
/// A row lies below the one before it:
/// ```compile_fail,E0080
/// # use soc_regions::*;
/// # use soc_regions::{chip, span};
/// # const TYPES: [MemoryType; 1] = [MemoryType::new("RAM", [Caps::BIT8, Caps::empty(), Caps::empty()])];
/// # const RAM: Window = Window { name: "RAM", span: span!(0x1000, 0x3000), access: Access::BYTES };
/// # const RIGHT: Table = Table {
/// #     name: "invented",
/// #     generation: "for this page",
/// #     types: &TYPES,
/// #     regions: &[Region::new(span!(0x1000, 0x2000), TypeIndex(0)), Region::new(span!(0x2000, 0x3000), TypeIndex(0))],
/// #     order: Order::Ascending,
/// #     reservations: &[],
/// #     totals: &[Total { kind: TypeIndex(0), settings: Setting::empty(), bytes: 0x2000 }],
/// #     windows: &[RAM],
/// #     dual_buses: &[],
/// #     max_contiguous_bytes: 0x2000,
/// #     default_options: Options::NONE,
/// #     sample_symbols: &[],
/// # };
/// const ROWS: [Region; 2] = [Region::new(span!(0x2000, 0x3000), TypeIndex(0)), Region::new(span!(0x1000, 0x2000), TypeIndex(0))];
/// static CHIP: Chip = chip!(Table { regions: &ROWS, ..RIGHT });
/// ```
#[macro_export]
macro_rules! chip {
    ($table:expr) => {
        const {
            const TABLE: $crate::Table = $table;
            match $crate::Chip::new(TABLE) {
                Ok(chip) => chip,
                Err(error) => error.refuse(),
            }
        }
    };
}
