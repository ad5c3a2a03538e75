//! Conflicts between a configuration and a linked program.

use core::fmt;

use crate::Span;
use crate::text::Text;

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
    /// The chip and the program reserve more pieces of memory than a layout has room for.
    TooManyReservations {
        /// How many it has room for.
        places: usize,
    },
}

impl LayoutError {
    /// Returns the sentence, also for the compiler.
    pub(crate) const fn text(&self) -> Text {
        let text = Text::new();
        match *self {
            LayoutError::OtherChip { chip, options } => {
                let text = text.word("options of ").word(options);
                text.word(" were given for ").word(chip)
            }
            LayoutError::MissingSymbol {
                reservation,
                symbol,
            } => {
                let text = text.word("reservation `").word(reservation);
                let text = text.word("` needs the linker symbol `").word(symbol);
                text.word("`, which is not known")
            }
            LayoutError::EndBelowStart {
                reservation,
                start,
                end,
            } => {
                let text = text.word("reservation `").word(reservation);
                let text = text.word("` ends at ").address(end);
                text.word(", below its start ").address(start)
            }
            LayoutError::Wraps { reservation } => {
                let text = text.word("reservation `").word(reservation);
                text.word("` leaves the address space")
            }
            LayoutError::Conflict {
                first,
                second,
                shared,
            } => {
                let text = text.word("reservations `").word(first);
                let text = text.word("` and `").word(second).word("` both take ");
                let text = text.address(shared.start()).word("..");
                let text = text.address(shared.end());
                text.word("; is the program linked for these options?")
            }
            LayoutError::TooManyReservations { places } => {
                #[expect(clippy::cast_possible_truncation, reason = "a small constant")]
                let text = text.word("there is room for ").number(places as u32);
                text.word(" reservations, those of the chip included")
            }
        }
    }

    /// Ends the evaluation of a constant with the error's text.
    #[doc(hidden)]
    pub const fn refuse(&self) -> ! {
        #[expect(
            clippy::panic,
            reason = "evaluated by the compiler, through macros only"
        )]
        {
            panic!("{}", self.text().as_str())
        }
    }
}

impl fmt::Display for LayoutError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.text().as_str())
    }
}

impl core::error::Error for LayoutError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Span;
    use std::string::ToString;

    #[test]
    fn every_error_has_its_sentence() {
        let (reservation, symbol) = ("stack", "_end");
        for (error, said) in [
            (
                LayoutError::OtherChip {
                    chip: "one",
                    options: "two",
                },
                "options of two were given for one",
            ),
            (
                LayoutError::MissingSymbol {
                    reservation,
                    symbol,
                },
                "reservation `stack` needs the linker symbol `_end`, which is not known",
            ),
            (
                LayoutError::EndBelowStart {
                    reservation,
                    start: 0x2000,
                    end: 0x1000,
                },
                "reservation `stack` ends at 0x00001000, below its start 0x00002000",
            ),
            (
                LayoutError::Wraps { reservation },
                "reservation `stack` leaves the address space",
            ),
            (
                LayoutError::TooManyReservations { places: 40 },
                "there is room for 40 reservations, those of the chip included",
            ),
        ] {
            assert_eq!(error.to_string(), said);
        }
        let shared = Span::new(0x1000, 0x1010).unwrap();
        let conflict = LayoutError::Conflict {
            first: "code",
            second: "stack",
            shared,
        };
        assert_eq!(
            conflict.to_string(),
            "reservations `code` and `stack` both take 0x00001000..0x00001010; is the program \
             linked for these options?"
        );
    }
}
