//! One measured number.

use core::fmt;

/// Of which heap, doing what, which quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Which heap.
    pub allocator: &'static str,
    /// Which workload.
    pub workload: &'static str,
    /// Which quantity.
    pub quantity: Quantity,
    /// The number.
    pub value: u64,
}

/// A line for `cargo xtask bench`, where costs are instructions.
impl fmt::Display for Figure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metric = self.quantity.in_instructions();
        let (allocator, workload, value) = (self.allocator, self.workload, self.value);
        write!(out, "figure\t{allocator}\t{workload}\t{metric}\t{value}")
    }
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// The cost of one call, in the counter's unit; the mean of many, to the nearest.
    Cost,
    /// A hundred times the mean cost of many calls.
    MeanX100,
    /// The greatest cost of one of many calls.
    Worst,
    /// Blocks that fit.
    Blocks,
    /// Bytes that the heap needs for itself.
    ControlBytes,
    /// Calls until something was done.
    Calls,
}

impl Quantity {
    /// Returns what figures call it when costs are instructions.
    #[must_use]
    pub const fn in_instructions(self) -> &'static str {
        match self {
            Self::Cost => "instructions",
            Self::MeanX100 => "instructions_x100",
            Self::Worst => "instructions_max",
            Self::Blocks => "blocks_in_64k",
            Self::ControlBytes => "control_bytes",
            Self::Calls => "calls",
        }
    }

    /// Returns what figures call it when costs are nanoseconds.
    #[must_use]
    pub const fn in_nanoseconds(self) -> &'static str {
        match self {
            Self::Cost => "nanoseconds",
            Self::MeanX100 => "nanoseconds_x100",
            Self::Worst => "nanoseconds_max",
            Self::Blocks | Self::ControlBytes | Self::Calls => self.in_instructions(),
        }
    }
}
