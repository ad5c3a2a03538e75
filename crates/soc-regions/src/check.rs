//! Checks of a chip's table by the compiler.
//!
//! Everything here is `const fn`, so [`chip!`](crate::chip!) runs it while compiling. Loops are
//! written out because iterators are not `const` yet.

use core::fmt;

use crate::declared::same;
use crate::when::find;
use crate::{
    Bound, Chip, MAX_OPTIONS, MAX_RESERVATIONS, OptionKind, Options, Order, Region, Table, Total,
    When,
};

/// What is wrong with a table. Numbers count rows from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableError {
    /// More options than [`MAX_OPTIONS`].
    TooManyOptions,
    /// Two options have one name.
    SameOption {
        /// The second one.
        option: usize,
    },
    /// An option can't be what it is by default.
    WrongDefault {
        /// The option.
        option: usize,
    },
    /// A condition or a share asks for an option or a value that is not declared.
    UnknownOption {
        /// Where.
        of: ConditionSite,
    },
    /// A row starts or ends at an address that is no multiple of 4.
    Unaligned {
        /// The row.
        region: usize,
    },
    /// A row's type is not in the list of types.
    UnknownType {
        /// The row.
        region: usize,
    },
    /// Two rows that can exist in one configuration share an address.
    Overlap {
        /// The row that comes first in the table.
        first: usize,
        /// The other one.
        second: usize,
    },
    /// A row lies below one that stands before it.
    Disorder {
        /// The row.
        region: usize,
    },
    /// A row is larger than the chip's largest contiguous RAM.
    TooLarge {
        /// The row.
        region: usize,
    },
    /// A row is not all in one window of RAM.
    OutsideWindows {
        /// The row.
        region: usize,
    },
    /// A total is not what the rows add up to.
    WrongTotal {
        /// The total.
        total: usize,
        /// What the rows add up to.
        counted: u32,
    },
    /// A row is in none of the totals.
    NotInTotals {
        /// The row.
        region: usize,
    },
    /// More reservations than [`MAX_RESERVATIONS`].
    TooManyReservations,
    /// A window of RAM starts below the end of the one before it.
    WindowDisorder {
        /// The window.
        window: usize,
    },
    /// A side of a dual bus is not all in one window of RAM.
    DualBusOutsideWindows {
        /// The dual bus.
        dual_bus: usize,
    },
}

/// Which part of a table asks for an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionSite {
    /// A memory type's extra capabilities.
    Type(usize),
    /// A row.
    Region(usize),
    /// A reservation.
    Reservation(usize),
    /// A total.
    Total(usize),
    /// A cache line or encryption.
    Hardware,
    /// A sample symbol.
    SampleSymbol(usize),
}

impl TableError {
    const fn text(self) -> &'static str {
        match self {
            TableError::TooManyOptions => "there are too many options",
            TableError::SameOption { .. } => "two options have one name",
            TableError::WrongDefault { .. } => "an option can't be what it is by default",
            TableError::UnknownOption { .. } => {
                "a condition asks for an option or a value that is not declared"
            }
            TableError::Unaligned { .. } => "a region is not aligned to 4 bytes",
            TableError::UnknownType { .. } => "a region's memory type is unknown",
            TableError::Overlap { .. } => "two regions overlap",
            TableError::Disorder { .. } => "a region lies below one that stands before it",
            TableError::TooLarge { .. } => "a region is larger than the largest contiguous RAM",
            TableError::OutsideWindows { .. } => "a region is not in one window of RAM",
            TableError::WrongTotal { .. } => "a total is not the sum of its regions",
            TableError::NotInTotals { .. } => "a region is in none of the totals",
            TableError::TooManyReservations => "there are too many reservations",
            TableError::WindowDisorder { .. } => "windows of RAM overlap or do not ascend",
            TableError::DualBusOutsideWindows { .. } => {
                "a side of a dual bus is not in one window of RAM"
            }
        }
    }

    /// Ends the evaluation of a constant with the error's text.
    #[doc(hidden)]
    pub const fn refuse(self) -> Chip {
        #[expect(
            clippy::panic,
            reason = "evaluated by the compiler, through chip! only"
        )]
        {
            panic!("{}", self.text())
        }
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({self:?})", self.text())
    }
}

impl core::error::Error for TableError {}

/// The first thing that is wrong with `table`.
pub(crate) const fn check(table: &'static Table) -> Result<(), TableError> {
    if table.reservations.len() > MAX_RESERVATIONS {
        return Err(TableError::TooManyReservations);
    }
    if let Err(error) = check_options(table) {
        return Err(error);
    }
    if let Err(error) = check_conditions(table) {
        return Err(error);
    }
    if let Err(error) = check_windows(table) {
        return Err(error);
    }
    if let Err(error) = check_regions(table) {
        return Err(error);
    }
    check_totals(table)
}

const fn check_options(table: &Table) -> Result<(), TableError> {
    if table.options.len() > MAX_OPTIONS {
        return Err(TableError::TooManyOptions);
    }
    let mut option = 0;
    while option < table.options.len() {
        let declared = &table.options[option];
        if !declared.takes(declared.default) {
            return Err(TableError::WrongDefault { option });
        }
        let mut before = 0;
        while before < option {
            if same(table.options[before].name, declared.name) {
                return Err(TableError::SameOption { option });
            }
            before += 1;
        }
        option += 1;
    }
    Ok(())
}

const fn check_conditions(table: &Table) -> Result<(), TableError> {
    match first_undeclared(table) {
        Some(of) => Err(TableError::UnknownOption { of }),
        None => Ok(()),
    }
}

/// Who asks for an option or a value that is not declared.
const fn first_undeclared(table: &Table) -> Option<ConditionSite> {
    let mut at = 0;
    while at < table.types.len() {
        if let Some(extra) = &table.types[at].extra
            && !extra.when.is_known(table.options)
        {
            return Some(ConditionSite::Type(at));
        }
        at += 1;
    }
    at = 0;
    while at < table.regions.len() {
        if !table.regions[at].when.is_known(table.options) {
            return Some(ConditionSite::Region(at));
        }
        at += 1;
    }
    at = 0;
    while at < table.reservations.len() {
        let row = &table.reservations[at];
        let is_known = row.when.is_known(table.options)
            && knows_shares(table, &row.start)
            && knows_shares(table, &row.end);
        if !is_known {
            return Some(ConditionSite::Reservation(at));
        }
        at += 1;
    }
    at = 0;
    while at < table.sample_symbols.len() {
        if !table.sample_symbols[at].when.is_known(table.options) {
            return Some(ConditionSite::SampleSymbol(at));
        }
        at += 1;
    }
    at = 0;
    while at < table.totals.len() {
        if Options::defaults("", table.options)
            .with_all(table.totals[at].settings)
            .is_err()
        {
            return Some(ConditionSite::Total(at));
        }
        at += 1;
    }
    let hardware = &table.hardware;
    let is_known = knows_lines(table, hardware.internal_line.cases)
        && knows_lines(table, hardware.external_line.cases)
        && hardware.encrypted.is_known(table.options);
    if is_known {
        None
    } else {
        Some(ConditionSite::Hardware)
    }
}

const fn knows_lines(table: &Table, cases: &[(When, u32)]) -> bool {
    let mut at = 0;
    while at < cases.len() {
        if !cases[at].0.is_known(table.options) {
            return false;
        }
        at += 1;
    }
    true
}

const fn knows_shares(table: &Table, bound: &Bound) -> bool {
    let mut at = 0;
    while at < bound.shares.len() {
        match find(table.options, bound.shares[at].amount) {
            Some(declared) if matches!(declared.kind, OptionKind::Amount { .. }) => at += 1,
            _ => return false,
        }
    }
    true
}

const fn check_windows(table: &Table) -> Result<(), TableError> {
    let mut window = 1;
    while window < table.windows.len() {
        if table.windows[window].span.start() < table.windows[window - 1].span.end() {
            return Err(TableError::WindowDisorder { window });
        }
        window += 1;
    }
    let mut dual_bus = 0;
    while dual_bus < table.dual_buses.len() {
        let bus = table.dual_buses[dual_bus];
        if !is_in_one_window(table, bus.data()) || !is_in_one_window(table, bus.instruction()) {
            return Err(TableError::DualBusOutsideWindows { dual_bus });
        }
        dual_bus += 1;
    }
    Ok(())
}

const fn is_in_one_window(table: &Table, span: crate::Span) -> bool {
    let mut window = 0;
    while window < table.windows.len() {
        if table.windows[window].span.contains_span(span) {
            return true;
        }
        window += 1;
    }
    false
}

const fn check_regions(table: &'static Table) -> Result<(), TableError> {
    let mut region = 0;
    while region < table.regions.len() {
        if let Err(error) = check_region(table, region) {
            return Err(error);
        }
        let mut before = 0;
        while before < region {
            if let Err(error) = check_pair(table, before, region) {
                return Err(error);
            }
            before += 1;
        }
        region += 1;
    }
    Ok(())
}

const fn check_region(table: &'static Table, region: usize) -> Result<(), TableError> {
    let row = &table.regions[region];
    if !row.span.is_aligned(4) {
        Err(TableError::Unaligned { region })
    } else if row.kind.index() >= table.types.len() {
        Err(TableError::UnknownType { region })
    } else if row.span.size() > table.max_contiguous_bytes {
        Err(TableError::TooLarge { region })
    } else if !is_in_one_window(table, row.span) {
        Err(TableError::OutsideWindows { region })
    } else if !is_counted(table, row) {
        Err(TableError::NotInTotals { region })
    } else {
        Ok(())
    }
}

const fn check_pair(table: &'static Table, first: usize, second: usize) -> Result<(), TableError> {
    let (above, below) = (&table.regions[second], &table.regions[first]);
    let is_ordered = match table.order {
        Order::Ascending => true,
        Order::AscendingByType => below.kind.0 == above.kind.0,
    };
    let is_disordered = is_ordered && above.span.start() < below.span.start();
    if !below.span.overlaps(above.span) && !is_disordered {
        return Ok(());
    }
    if !below.when.is_compatible(table.options, &above.when) {
        return Ok(());
    }
    Err(if below.span.overlaps(above.span) {
        TableError::Overlap { first, second }
    } else {
        TableError::Disorder { region: second }
    })
}

const fn check_totals(table: &'static Table) -> Result<(), TableError> {
    let mut total = 0;
    while total < table.totals.len() {
        let stated = &table.totals[total];
        let counted = sum(table, stated);
        if counted != stated.bytes {
            return Err(TableError::WrongTotal { total, counted });
        }
        total += 1;
    }
    Ok(())
}

const fn sum(table: &'static Table, total: &Total) -> u32 {
    let mut bytes = 0;
    let mut region = 0;
    while region < table.regions.len() {
        if counts(table, &table.regions[region], total) {
            // rows of one configuration do not overlap, so they add up to less than the address
            // space
            bytes += table.regions[region].span.size();
        }
        region += 1;
    }
    bytes
}

const fn is_counted(table: &'static Table, row: &Region) -> bool {
    let mut total = 0;
    while total < table.totals.len() {
        if counts(table, row, &table.totals[total]) {
            return true;
        }
        total += 1;
    }
    false
}

const fn counts(table: &'static Table, row: &Region, total: &Total) -> bool {
    if row.kind.0 != total.kind.0 {
        return false;
    }
    match Options::defaults("", table.options).with_all(total.settings) {
        Ok(options) => row.when.holds(&options),
        Err(_) => false,
    }
}
