//! A chip: a table that the compiler has checked.

use crate::check::{TableError, check};
use crate::{
    DualBus, Hardware, Isa, MemoryType, OptionError, Options, Region, Reservation, SampleSymbol,
    Setting, Symbols, Table, Total, TypeIndex, Window,
};

/// A chip's memory. Having one proves that its table is free of overlap, disorder and
/// misalignment ([`TableError`]).
#[derive(Clone, Copy, Debug)]
pub struct Chip {
    table: &'static Table,
}

impl Chip {
    /// Returns the chip of a table.
    ///
    /// # Errors
    /// The first thing that is wrong with the table. [`chip!`](crate::chip!) makes that a compile
    /// error.
    pub const fn new(table: &'static Table) -> Result<Chip, TableError> {
        match check(table) {
            Ok(()) => Ok(Chip { table }),
            Err(error) => Err(error),
        }
    }

    /// Name on command lines, in lower case.
    pub const fn name(&self) -> &'static str {
        self.table.name
    }

    /// Generation of the table, for people.
    pub const fn generation(&self) -> &'static str {
        self.table.generation
    }

    /// ESP-IDF's default configuration.
    pub const fn default_options(&self) -> Options {
        Options::defaults(self.table.name, self.table.options)
    }

    /// Returns the default options, but for `settings`. [`options!`](crate::options!) does the same
    /// as a constant.
    ///
    /// # Errors
    /// The chip has no such option, or the option no such value.
    pub const fn options(&self, settings: &[Setting]) -> Result<Options, OptionError<'static>> {
        self.default_options().with_all(settings)
    }

    /// Returns the memory types.
    pub const fn types(&self) -> &'static [MemoryType] {
        self.table.types
    }

    /// Returns the memory type of an index; `None` only for an index that is not this chip's.
    pub const fn memory_type(&self, kind: TypeIndex) -> Option<&'static MemoryType> {
        if kind.index() < self.table.types.len() {
            Some(&self.table.types[kind.index()])
        } else {
            None
        }
    }

    /// Returns all rows, also those of other configurations, in table order.
    pub const fn regions(&self) -> &'static [Region] {
        self.table.regions
    }

    /// Returns the row whose memory contains `address` in a configuration, reserved or not.
    /// O(rows).
    pub fn region_at(&self, address: u32, options: &Options) -> Option<&'static Region> {
        let mut rows = self.table.regions.iter();
        rows.find(|row| row.span.contains(address) && row.when.holds(options))
    }

    /// Returns all reservations, also those of other configurations, in table order.
    pub const fn reservations(&self) -> &'static [Reservation] {
        self.table.reservations
    }

    /// Returns what the rows add up to.
    pub const fn totals(&self) -> &'static [Total] {
        self.table.totals
    }

    /// Returns the RAM as the buses see it, ascending.
    pub const fn windows(&self) -> &'static [Window] {
        self.table.windows
    }

    /// Returns the memory that has an address on either bus.
    pub const fn dual_buses(&self) -> &'static [DualBus] {
        self.table.dual_buses
    }

    /// Returns the ordinary RAM that has an address on either bus.
    pub const fn diram(&self) -> Option<&'static DualBus> {
        self.table.dual_buses.first()
    }

    /// Returns the number of cores.
    pub const fn cores(&self) -> u8 {
        self.table.hardware.cores
    }

    /// Instruction set of the cores.
    pub const fn isa(&self) -> Isa {
        self.table.hardware.isa
    }

    /// Returns what its caches and engines demand of buffers in a configuration.
    pub const fn hardware(&self, options: &Options) -> Hardware {
        self.table.hardware.under(options)
    }

    /// Returns the bytes of the largest contiguous RAM.
    pub const fn max_contiguous_bytes(&self) -> u32 {
        self.table.max_contiguous_bytes
    }

    /// Returns the linker symbols of an ordinary small program, for tools and tests that have no
    /// program at hand.
    pub fn sample_symbols(&self, options: &Options) -> impl Symbols + use<> {
        let (symbols, options) = (self.table.sample_symbols, *options);
        move |name: &str| {
            let mut symbols = symbols.iter();
            symbols
                .find(|symbol: &&SampleSymbol| symbol.name == name && symbol.when.holds(&options))
                .map(|symbol| symbol.address)
        }
    }
}
