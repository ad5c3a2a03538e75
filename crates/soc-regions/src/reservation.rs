//! Reservations: memory of the ROM, the caches and the program itself.
//!
//! ```text
//!   reservation "dram_data"   start: _data_start                end: _heap_start                          when: always
//!   reservation "rom_bt_em"   start: 0x3FFB_0000                end: 0x3FFB_6388 + connections × 0x870    when: bluetooth
//!   reservation "rom_data"    start: what the ROM states,       end: 0x3FCF_0000                          when: always
//!        │                           else 0x3FCE_EE34
//!        │ taken(options, symbols)
//!        ▼
//!   Some(0x3FFB_0000..0x3FFB_2EC8), None (not in this configuration, or empty), or an error that says what is wrong
//! ```

use crate::declared::same;
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
    /// The configurations in which it is reserved.
    pub when: When,
}

/// One end of a reservation: `from + plus + each amount's share`, but not above `at_most`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Where counting starts.
    pub from: Origin,
    /// Added to it.
    pub plus: i32,
    /// Added to it, too.
    pub shares: &'static [Term],
    /// The highest address it can be.
    pub at_most: u32,
}

/// Where a bound's address comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The same in every program.
    Address(u32),
    /// A linker symbol: [`Symbols`] must know it.
    Symbol(&'static str),
    /// What the chip states about itself when it runs, or the linked program says. [`Symbols`] may
    /// know it.
    Stated {
        /// The name that [`Symbols`] is asked for: `rom:dram0_rtos_reserved_start` is that entry of
        /// the table to which the ROM's `ets_rom_layout_p` points.
        name: &'static str,
        /// The address where nobody knows better.
        documented: u32,
    },
}

/// `amount × times / over` bytes, an amount being a number of the options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// The name of the amount.
    pub amount: &'static str,
    /// Multiplied by this.
    pub times: u32,
    /// Divided by this.
    pub over: u32,
}

impl Term {
    /// Returns the amount itself, in bytes.
    pub const fn of(amount: Amount) -> Term {
        Term::times(amount, 1)
    }

    /// This many bytes for each.
    pub const fn times(amount: Amount, times: u32) -> Term {
        Term {
            amount: amount.name(),
            times,
            over: 1,
        }
    }

    /// Half of the amount.
    pub const fn half(amount: Amount) -> Term {
        Term {
            over: 2,
            ..Term::of(amount)
        }
    }

    const fn bytes(&self, options: &Options) -> u32 {
        match options.value(self.amount) {
            Some(amount) if self.over > 0 => amount.saturating_mul(self.times) / self.over,
            _ => 0,
        }
    }
}

impl Bound {
    /// Returns an address that is the same in every program.
    pub const fn at(address: u32) -> Bound {
        Bound::from(Origin::Address(address))
    }

    /// Returns a linker symbol's address.
    pub const fn symbol(name: &'static str) -> Bound {
        Bound::from(Origin::Symbol(name))
    }

    /// Returns an address that is stated at run time or link time, `documented` where it is not.
    pub const fn stated(name: &'static str, documented: u32) -> Bound {
        Bound::from(Origin::Stated { name, documented })
    }

    const fn from(from: Origin) -> Bound {
        Bound {
            from,
            plus: 0,
            shares: &[],
            at_most: u32::MAX,
        }
    }

    /// The same, a constant away: a program's code, seen from the data bus.
    pub const fn plus(self, plus: i32) -> Bound {
        Bound { plus, ..self }
    }

    /// The same, and each of `shares` above it.
    pub const fn and_each(self, shares: &'static [Term]) -> Bound {
        Bound { shares, ..self }
    }

    /// The same, but not above `at_most`.
    pub const fn at_most(self, at_most: u32) -> Bound {
        Bound { at_most, ..self }
    }

    /// Returns whether it is the same in every program.
    pub const fn is_fixed(&self) -> bool {
        matches!(self.from, Origin::Address(_))
    }

    /// Returns the name that [`Symbols`] is asked for.
    pub const fn symbol_name(&self) -> Option<&'static str> {
        match self.from {
            Origin::Address(_) => None,
            Origin::Symbol(name) | Origin::Stated { name, .. } => Some(name),
        }
    }

    /// Returns the address, given what [`Symbols`] says of [`Bound::symbol_name`].
    const fn address(
        &self,
        of: &'static str,
        options: &Options,
        known: Option<u32>,
    ) -> Result<u32, LayoutError> {
        let from = match (self.from, known) {
            (Origin::Address(address), _) => address,
            (Origin::Symbol(_) | Origin::Stated { .. }, Some(address)) => address,
            (Origin::Stated { documented, .. }, None) => documented,
            (Origin::Symbol(symbol), None) => {
                return Err(LayoutError::MissingSymbol {
                    reservation: of,
                    symbol,
                });
            }
        };
        let Some(mut address) = from.checked_add_signed(self.plus) else {
            return Err(LayoutError::Wraps { reservation: of });
        };
        let mut at = 0;
        while at < self.shares.len() {
            address = address.saturating_add(self.shares[at].bytes(options));
            at += 1;
        }
        Ok(if address < self.at_most {
            address
        } else {
            self.at_most
        })
    }
}

impl Reservation {
    /// From one fixed address to another in every configuration.
    pub const fn fixed(name: &'static str, span: Span) -> Reservation {
        Reservation::new(name, Bound::at(span.start()), Bound::at(span.end()))
    }

    /// From one linker symbol to another in every configuration.
    pub const fn between(
        name: &'static str,
        start: &'static str,
        end: &'static str,
    ) -> Reservation {
        Reservation::new(name, Bound::symbol(start), Bound::symbol(end))
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

    /// Returns the words it takes in a configuration; `None` if it takes none.
    ///
    /// # Errors
    /// A symbol is missing, the end lies below the start, or an end lies outside of the address
    /// space.
    pub fn taken(
        &self,
        options: &Options,
        symbols: &dyn Symbols,
    ) -> Result<Option<Span>, LayoutError> {
        if !self.when.holds(options) {
            return Ok(None);
        }
        let known = |bound: &Bound| bound.symbol_name().and_then(|name| symbols.address(name));
        self.taken_between(options, known(&self.start), known(&self.end))
    }

    /// As [`Reservation::taken`] with a list of symbols, as a constant.
    ///
    /// # Errors
    /// As [`Reservation::taken`].
    pub const fn taken_by(
        &self,
        options: &Options,
        symbols: &[(&str, u32)],
    ) -> Result<Option<Span>, LayoutError> {
        if !self.when.holds(options) {
            return Ok(None);
        }
        let start = listed(symbols, self.start.symbol_name());
        let end = listed(symbols, self.end.symbol_name());
        self.taken_between(options, start, end)
    }

    /// Returns the words from one end to the other, given what is known of their symbols.
    const fn taken_between(
        &self,
        options: &Options,
        start: Option<u32>,
        end: Option<u32>,
    ) -> Result<Option<Span>, LayoutError> {
        let reservation = self.name;
        let start = match self.start.address(reservation, options, start) {
            Ok(start) => start,
            Err(error) => return Err(error),
        };
        let end = match self.end.address(reservation, options, end) {
            Ok(end) => end,
            Err(error) => return Err(error),
        };
        if end < start {
            return Err(LayoutError::EndBelowStart {
                reservation,
                start,
                end,
            });
        }
        if start == end {
            return Ok(None);
        }
        match end.checked_next_multiple_of(4) {
            Some(end) => Ok(Span::new(start & !3, end)),
            None => Err(LayoutError::Wraps { reservation }),
        }
    }
}

const fn listed(symbols: &[(&str, u32)], name: Option<&str>) -> Option<u32> {
    let Some(name) = name else {
        return None;
    };
    let mut at = 0;
    while at < symbols.len() {
        if same(symbols[at].0, name) {
            return Some(symbols[at].1);
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Declared, Flag, span};

    const CONNECTIONS: Amount = Amount::new("connections", "CONFIG_CONNECTIONS", "an amount");
    const HEAP: Flag = Flag::new("heap", "CONFIG_HEAP", "a flag");
    static DECLARED: [Declared; 2] = [CONNECTIONS.declared(), HEAP.declared()];

    fn options(connections: u32, heap: bool) -> Options {
        Options::defaults("invented", &DECLARED)
            .with_all(&[CONNECTIONS.of(connections), HEAP.set(heap)])
            .unwrap()
    }

    fn between(start: u32, end: u32) -> Result<Option<Span>, LayoutError> {
        let code = Reservation::new(
            "code",
            Bound::symbol("_start"),
            Bound::symbol("_end").plus(-0x100),
        );
        let symbols = [("_start", start), ("_end", end)];
        let taken = code.taken(&options(0, false), &symbols);
        assert_eq!(code.taken_by(&options(0, false), &symbols), taken);
        taken
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
        let taken = top.taken_by(&options(0, false), &[]);
        assert_eq!(taken, Err(LayoutError::Wraps { reservation: "top" }));
    }

    #[test]
    fn a_missing_symbol_is_an_error_only_where_the_reservation_counts() {
        let heap = Reservation::new("heap", Bound::at(0), Bound::symbol("_heap_end"));
        let heap = heap.only(When::on(HEAP));
        assert_eq!(heap.taken_by(&options(0, false), &[]), Ok(None));
        let missing = LayoutError::MissingSymbol {
            reservation: "heap",
            symbol: "_heap_end",
        };
        assert_eq!(heap.taken_by(&options(0, true), &[]), Err(missing));
    }

    #[test]
    fn what_nobody_states_is_as_documented() {
        let rom = Reservation::new("rom", Bound::stated("rom:data", 0x2F00), Bound::at(0x3000));
        let taken = |symbols: &[(&str, u32)]| rom.taken_by(&options(0, false), symbols);
        assert_eq!(taken(&[]), Ok(Span::new(0x2F00, 0x3000)));
        assert_eq!(
            taken(&[("rom:data", 0x2E00)]),
            Ok(Span::new(0x2E00, 0x3000))
        );
    }

    #[test]
    fn shares_of_amounts_add_up_to_a_limit() {
        const SHARES: [Term; 2] = [Term::times(CONNECTIONS, 0x20), Term::half(CONNECTIONS)];
        let end = Bound::at(0x1000).and_each(&SHARES).at_most(0x1080);
        let taken = |amount| {
            Reservation::new("r", Bound::at(0), end).taken_by(&options(amount, false), &[])
        };
        assert_eq!(taken(0), Ok(Span::new(0, 0x1000)));
        assert_eq!(taken(1), Ok(Span::new(0, 0x1020)));
        assert_eq!(taken(2), Ok(Span::new(0, 0x1044))); // 0x40 + 1, in whole words
        assert_eq!(taken(u32::MAX), Ok(Span::new(0, 0x1080)));
    }
}
