//! Which memory is taken: by the ROM, by caches, by the program itself.
//!
//! ```text
//!   reservation "dram_data"   start: Symbol(_data_start)   end: Symbol(_heap_start)   when: always
//!   reservation "rom_bt_em"   start: Fixed(0x3FFB_0000)    end: Scaled(connections)   when: bluetooth
//!        │ taken(options, symbols)
//!        ▼
//!   Some(0x3FFB_0000..0x3FFB_2EC8), None (not in this configuration, or empty), or an error that says what is wrong
//! ```

use crate::{Amount, LayoutError, Options, Span, Symbols, When};

/// A piece of memory that is not for the heap, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// ESP-IDF's name for it.
    pub name: &'static str,
    /// Where it starts; rounded down to a multiple of 4.
    pub start: Bound,
    /// Where it ends; rounded up to a multiple of 4.
    pub end: Bound,
    /// In which configurations it is taken.
    pub when: When,
}

/// One end of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// An address that is the same in every program.
    Fixed(u32),
    /// A linker symbol's address plus a constant: a program's code, seen from the data bus, lies a constant away.
    /// Also values that the chip's ROM states about itself.
    Symbol {
        /// The name that [`Symbols`] is asked for.
        name: &'static str,
        /// Added to its address.
        plus: i32,
    },
    /// `base + amount × each`, but not above `at_most`.
    Scaled {
        /// The address for an amount of 0.
        base: u32,
        /// Which number of the options.
        amount: Amount,
        /// Bytes each one takes.
        each: u32,
        /// The highest address it can be.
        at_most: u32,
    },
}

impl Bound {
    /// A linker symbol's own address.
    pub const fn symbol(name: &'static str) -> Bound {
        Bound::Symbol { name, plus: 0 }
    }

    fn address(
        self,
        of: &'static str,
        options: &Options,
        symbols: &dyn Symbols,
    ) -> Result<u32, LayoutError> {
        match self {
            Bound::Fixed(address) => Ok(address),
            Bound::Scaled {
                base,
                amount,
                each,
                at_most,
            } => {
                let bytes = options.amount(amount).saturating_mul(each);
                Ok(base.saturating_add(bytes).min(at_most))
            }
            Bound::Symbol { name, plus } => {
                let address = symbols.address(name).ok_or(LayoutError::MissingSymbol {
                    reservation: of,
                    symbol: name,
                })?;
                address
                    .checked_add_signed(plus)
                    .ok_or(LayoutError::Wraps { reservation: of })
            }
        }
    }
}

impl Reservation {
    /// From one fixed address to another in every configuration.
    pub const fn fixed(name: &'static str, span: Span) -> Reservation {
        Reservation::new(name, Bound::Fixed(span.start()), Bound::Fixed(span.end()))
    }

    /// From one bound to another in every configuration.
    pub const fn new(name: &'static str, start: Bound, end: Bound) -> Reservation {
        Reservation {
            name,
            start,
            end,
            when: When::ALWAYS,
        }
    }

    /// The same, only in configurations where `when` holds.
    pub const fn only(self, when: When) -> Reservation {
        Reservation { when, ..self }
    }

    /// The words it takes in a configuration; `None` if it takes none.
    ///
    /// # Errors
    /// A symbol is missing, the end lies below the start, or an end lies outside of the address space.
    pub fn taken(
        &self,
        options: &Options,
        symbols: &dyn Symbols,
    ) -> Result<Option<Span>, LayoutError> {
        if !self.when.holds(options.settings()) {
            return Ok(None);
        }
        let start = self.start.address(self.name, options, symbols)?;
        let end = self.end.address(self.name, options, symbols)?;
        if end < start {
            return Err(LayoutError::EndBelowStart {
                reservation: self.name,
                start,
                end,
            });
        }
        if start == end {
            return Ok(None);
        }
        let end = end.checked_next_multiple_of(4).ok_or(LayoutError::Wraps {
            reservation: self.name,
        })?;
        Ok(Span::new(start & !3, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bluetooth, Setting, SyncConnections, span};

    const NO_SYMBOLS: [(&str, u32); 0] = [];

    fn between(start: u32, end: u32) -> Result<Option<Span>, LayoutError> {
        let code = Reservation::new(
            "code",
            Bound::symbol("_start"),
            Bound::Symbol {
                name: "_end",
                plus: -0x100,
            },
        );
        code.taken(&Options::default(), &[("_start", start), ("_end", end)])
    }

    #[test]
    fn a_reservation_takes_whole_words() {
        assert_eq!(between(0x1001, 0x1202), Ok(Span::new(0x1000, 0x1104)));
        assert_eq!(between(0x1003, 0x1104), Ok(Span::new(0x1000, 0x1004)));
    }

    #[test]
    fn an_empty_reservation_takes_nothing() {
        assert_eq!(between(0x1002, 0x1102), Ok(None));
    }

    #[test]
    fn an_end_below_the_start_is_an_error() {
        let error = LayoutError::EndBelowStart {
            reservation: "code",
            start: 0x1004,
            end: 0x1000,
        };
        assert_eq!(between(0x1004, 0x1100), Err(error));
    }

    #[test]
    fn an_end_outside_of_the_address_space_is_an_error() {
        assert_eq!(
            between(0, 0),
            Err(LayoutError::Wraps {
                reservation: "code"
            })
        );
        let top = Reservation::fixed("top", span!(0xFFFF_FFF0, 0xFFFF_FFFF));
        let taken = top.taken(&Options::default(), &NO_SYMBOLS);
        assert_eq!(taken, Err(LayoutError::Wraps { reservation: "top" }));
    }

    #[test]
    fn a_missing_symbol_is_an_error_only_where_the_reservation_counts() {
        let heap = Reservation::new("heap", Bound::Fixed(0), Bound::symbol("_heap_end"));
        let heap = heap.only(When::with(Setting::RTC_HEAP));
        assert_eq!(heap.taken(&Options::default(), &NO_SYMBOLS), Ok(None));
        let missing = LayoutError::MissingSymbol {
            reservation: "heap",
            symbol: "_heap_end",
        };
        let options = Options {
            rtc_heap: true,
            ..Options::default()
        };
        assert_eq!(heap.taken(&options, &NO_SYMBOLS), Err(missing));
    }

    #[test]
    fn a_scaled_bound_grows_with_its_amount_up_to_a_limit() {
        let end = |amount| Bound::Scaled {
            base: 0x1000,
            amount,
            each: 0x10,
            at_most: 0x1020,
        };
        let taken = |amount, options| {
            Reservation::new("r", Bound::Fixed(0), end(amount)).taken(&options, &NO_SYMBOLS)
        };
        let none = Options::default();
        let connected = |count| Options {
            bluetooth: Bluetooth::On(SyncConnections::new(count).unwrap()),
            ..none
        };
        assert_eq!(
            taken(Amount::SyncConnections, none),
            Ok(Span::new(0, 0x1000))
        );
        assert_eq!(
            taken(Amount::SyncConnections, connected(1)),
            Ok(Span::new(0, 0x1010))
        );
        assert_eq!(
            taken(Amount::SyncConnections, connected(3)),
            Ok(Span::new(0, 0x1020))
        );
        let psram = Options {
            psram: Some(u32::MAX),
            ..none
        };
        assert_eq!(taken(Amount::PsramBytes, psram), Ok(Span::new(0, 0x1020)));
    }
}
