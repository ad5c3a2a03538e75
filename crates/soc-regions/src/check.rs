//! Whether a table can be right: what the compiler refuses.
//!
//! Everything here is `const fn`, so [`chip!`](crate::chip!) runs it while compiling. Loops are written out because
//! iterators are not `const` yet.

use core::fmt;

use crate::{Chip, MAX_RESERVATIONS, Order, Region, Table, Total};

/// What is wrong with a table. Numbers count rows from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableError {
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

impl TableError {
    const fn text(self) -> &'static str {
        match self {
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
pub(crate) const fn check(table: &Table) -> Result<(), TableError> {
    if table.reservations.len() > MAX_RESERVATIONS {
        return Err(TableError::TooManyReservations);
    }
    if let Err(error) = check_windows(table) {
        return Err(error);
    }
    if let Err(error) = check_regions(table) {
        return Err(error);
    }
    check_totals(table)
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

const fn check_regions(table: &Table) -> Result<(), TableError> {
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

const fn check_region(table: &Table, region: usize) -> Result<(), TableError> {
    let row = table.regions[region];
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

const fn check_pair(table: &Table, first: usize, second: usize) -> Result<(), TableError> {
    let (above, below) = (table.regions[second], table.regions[first]);
    if !below.when.is_compatible(above.when) {
        return Ok(());
    }
    if below.span.overlaps(above.span) {
        return Err(TableError::Overlap { first, second });
    }
    let is_ordered = match table.order {
        Order::Ascending => true,
        Order::AscendingByType => below.kind.0 == above.kind.0,
    };
    if is_ordered && above.span.start() < below.span.start() {
        return Err(TableError::Disorder { region: second });
    }
    Ok(())
}

const fn check_totals(table: &Table) -> Result<(), TableError> {
    let mut total = 0;
    while total < table.totals.len() {
        let stated = table.totals[total];
        let counted = sum(table, stated);
        if counted != stated.bytes {
            return Err(TableError::WrongTotal { total, counted });
        }
        total += 1;
    }
    Ok(())
}

const fn sum(table: &Table, total: Total) -> u32 {
    let mut bytes = 0;
    let mut region = 0;
    while region < table.regions.len() {
        if counts(table.regions[region], total) {
            // rows of one configuration do not overlap, so they add up to less than the address space
            bytes += table.regions[region].span.size();
        }
        region += 1;
    }
    bytes
}

const fn is_counted(table: &Table, row: Region) -> bool {
    let mut total = 0;
    while total < table.totals.len() {
        if counts(row, table.totals[total]) {
            return true;
        }
        total += 1;
    }
    false
}

const fn counts(row: Region, total: Total) -> bool {
    row.kind.0 == total.kind.0 && row.when.holds(total.settings)
}
