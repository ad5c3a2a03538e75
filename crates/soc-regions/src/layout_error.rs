//! Why a configuration and a linked program do not fit together.

use core::fmt;

use crate::Span;

/// Why a configuration and a linked program do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutError {
    /// The options are those of another chip.
    OtherChip {
        /// The chip.
        chip: &'static str,
        /// Whose options they are.
        options: &'static str,
    },
    /// The program has no such symbol.
    MissingSymbol {
        /// Which reservation needs it.
        reservation: &'static str,
        /// Its name.
        symbol: &'static str,
    },
    /// A reservation ends below its start.
    EndBelowStart {
        /// Which one.
        reservation: &'static str,
        /// Its start.
        start: u32,
        /// Its end.
        end: u32,
    },
    /// A reservation's start or end is no address.
    Wraps {
        /// Which one.
        reservation: &'static str,
    },
    /// Two reservations want the same memory: the program was linked for another configuration.
    Conflict {
        /// The one that starts first.
        first: &'static str,
        /// The other one.
        second: &'static str,
        /// What both want.
        shared: Span,
    },
}

impl fmt::Display for LayoutError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LayoutError::OtherChip { chip, options } => {
                write!(out, "options of {options} were given for {chip}")
            }
            LayoutError::MissingSymbol {
                reservation,
                symbol,
            } => {
                write!(
                    out,
                    "reservation `{reservation}` needs the linker symbol `{symbol}`, which is not known"
                )
            }
            LayoutError::EndBelowStart {
                reservation,
                start,
                end,
            } => {
                write!(
                    out,
                    "reservation `{reservation}` ends at {end:#010X}, below its start {start:#010X}"
                )
            }
            LayoutError::Wraps { reservation } => {
                write!(out, "reservation `{reservation}` leaves the address space")
            }
            LayoutError::Conflict {
                first,
                second,
                shared,
            } => write!(
                out,
                "reservations `{first}` and `{second}` both take {shared}; is the program linked for these options?"
            ),
        }
    }
}

impl core::error::Error for LayoutError {}
