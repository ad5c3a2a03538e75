//! Memory layout of a chip in one configuration and one program: what is reserved.
//!
//! ```text
//!   rows          ├──── DRAM ────┼──── DRAM ────┼── D/IRAM ──┤        ├─ IRAM ─┤
//!   reservations      ███████                   ██   █                 ██████
//! ```
//!
//! Invariant 1: reservations of a layout ascend and share no address.
//! Invariant 2: the options are the chip's.

use crate::declared::same;
use crate::{
    Bound, Caps, Chip, LayoutError, MAX_RESERVATIONS, Options, Origin, Region, Remaining,
    Reservation, Span, Symbols,
};

/// Memory that is reserved, and its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// The reservation's name.
    pub name: &'static str,
    /// The words it takes.
    pub span: Span,
}

impl Chip {
    /// Returns the memory for heaps, in table order: rows minus reservations, what is 16 bytes or
    /// less dropped, neighbours that follow each other in the table and have one type and one
    /// start-up-stack flag merged. O(rows × reservations).
    ///
    /// # Errors
    /// The options and the program do not fit together.
    pub fn available(
        &self,
        options: &Options,
        symbols: &dyn Symbols,
    ) -> Result<Remaining, LayoutError> {
        self.layout(options, symbols)
            .map(|layout| layout.available())
    }

    /// Rows and reservations of one configuration and one program.
    ///
    /// # Errors
    /// The options and the program do not fit together.
    pub fn layout(&self, options: &Options, symbols: &dyn Symbols) -> Result<Layout, LayoutError> {
        let mut layout = Layout::new(self, options)?;
        for reservation in self.reservations().iter().chain(symbols.reservations()) {
            let taken = reservation.taken(options, symbols)?;
            layout.reserve(reservation, taken)?;
        }
        layout.without_conflict()
    }

    /// As [`Chip::layout`] with a list of symbols, as a constant.
    ///
    /// ```
    /// use soc_regions::{Caps, ESP32, Options, options};
    ///
    /// const OPTIONS: Options = options!(ESP32);
    /// const LINKED: [(&str, u32); 4] = [
    ///     ("_data_start", 0x3FFB_0000),
    ///     ("_heap_start", 0x3FFB_2EC8),
    ///     ("_iram_start", 0x4008_0000),
    ///     ("_iram_end", 0x4008_944C),
    /// ];
    /// const _: () = match ESP32.layout_of(&OPTIONS, &LINKED) {
    ///     Ok(layout) => assert!(layout.available_bytes(Caps::DMA) >= 300 * 1024),
    ///     Err(_) => panic!("the program does not fit the options"),
    /// };
    /// ```
    ///
    /// # Errors
    /// As [`Chip::layout`].
    pub const fn layout_of(
        &self,
        options: &Options,
        symbols: &[(&str, u32)],
    ) -> Result<Layout, LayoutError> {
        let mut layout = match Layout::new(self, options) {
            Ok(layout) => layout,
            Err(error) => return Err(error),
        };
        if let Err(error) = layout.reserve_listed(self.reservations(), symbols) {
            return Err(error);
        }
        layout.without_conflict()
    }

    /// What the compiler can know of a program before it is linked: that the `names` of its symbols
    /// are all that the table asks for under these options, and that the program's `own`
    /// reservations at fixed addresses leave those of the table alone.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub const fn check_program(
        &self,
        options: &Options,
        names: &[&str],
        own: &[Reservation],
    ) -> Result<(), LayoutError> {
        let mut layout = match Layout::new(self, options) {
            Ok(layout) => layout,
            Err(error) => return Err(error),
        };
        if let Err(error) = layout.reserve_foreseeable(self.reservations(), names) {
            return Err(error);
        }
        if let Err(error) = layout.reserve_foreseeable(own, names) {
            return Err(error);
        }
        match layout.without_conflict() {
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Rows and reservations of one configuration and one program.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    chip: Chip,
    options: Options,
    reserved: [Option<Reserved>; Layout::PLACES],
    count: usize,
}

impl Layout {
    /// Room for reservations: a table's, and eight of a program's own.
    const PLACES: usize = MAX_RESERVATIONS + 8;

    /// Nothing is reserved yet.
    const fn new(chip: &Chip, options: &Options) -> Result<Layout, LayoutError> {
        if !options.are_of(chip.name()) {
            return Err(LayoutError::OtherChip {
                chip: chip.name(),
                options: options.chip(),
            });
        }
        Ok(Layout {
            chip: *chip,
            options: *options,
            reserved: [None; Layout::PLACES],
            count: 0,
        })
    }

    /// Takes words, in the order of addresses.
    const fn reserve(
        &mut self,
        reservation: &Reservation,
        taken: Option<Span>,
    ) -> Result<(), LayoutError> {
        let Some(span) = taken else { return Ok(()) };
        if self.count == Layout::PLACES {
            let places = Layout::PLACES;
            return Err(LayoutError::TooManyReservations { places });
        }
        let mut slot = self.count;
        while slot > 0
            && let Some(below) = self.reserved[slot - 1]
            && below.span.start() > span.start()
        {
            self.reserved[slot] = self.reserved[slot - 1];
            slot -= 1;
        }
        self.reserved[slot] = Some(Reserved {
            name: reservation.name,
            span,
        });
        self.count += 1;
        Ok(())
    }

    /// Takes what these reservations take in a program with these symbols.
    const fn reserve_listed(
        &mut self,
        reservations: &[Reservation],
        symbols: &[(&str, u32)],
    ) -> Result<(), LayoutError> {
        let mut at = 0;
        while at < reservations.len() {
            let reservation = &reservations[at];
            let taken = match reservation.taken_by(&self.options, symbols) {
                Ok(taken) => taken,
                Err(error) => return Err(error),
            };
            if let Err(error) = self.reserve(reservation, taken) {
                return Err(error);
            }
            at += 1;
        }
        Ok(())
    }

    /// Takes what these reservations take in every program, and looks whether the others' symbols
    /// have these `names`.
    const fn reserve_foreseeable(
        &mut self,
        reservations: &[Reservation],
        names: &[&str],
    ) -> Result<(), LayoutError> {
        let mut at = 0;
        while at < reservations.len() {
            let reservation = &reservations[at];
            let needed = [&reservation.start, &reservation.end];
            let counts = reservation.when.holds(&self.options);
            if counts && let Some(symbol) = first_unknown(needed, names) {
                return Err(LayoutError::MissingSymbol {
                    reservation: reservation.name,
                    symbol,
                });
            }
            if reservation.start.is_fixed() && reservation.end.is_fixed() {
                let taken = match reservation.taken_by(&self.options, &[]) {
                    Ok(taken) => taken,
                    Err(error) => return Err(error),
                };
                if let Err(error) = self.reserve(reservation, taken) {
                    return Err(error);
                }
            }
            at += 1;
        }
        Ok(())
    }

    /// The same with what a program keeps besides, as a constant. [`Linked`](crate::Linked) says it
    /// to [`Chip::layout`].
    ///
    /// # Errors
    /// As [`Chip::layout`].
    pub const fn keeping(
        mut self,
        reservations: &[Reservation],
        symbols: &[(&str, u32)],
    ) -> Result<Layout, LayoutError> {
        match self.reserve_listed(reservations, symbols) {
            Ok(()) => self.without_conflict(),
            Err(error) => Err(error),
        }
    }

    /// Returns the layout, if no two reservations want the same memory.
    const fn without_conflict(self) -> Result<Layout, LayoutError> {
        let mut slot = 1;
        while slot < self.count {
            if let (Some(first), Some(second)) = (self.reserved[slot - 1], self.reserved[slot])
                && let Some(shared) = first.span.intersection(second.span)
            {
                return Err(LayoutError::Conflict {
                    first: first.name,
                    second: second.name,
                    shared,
                });
            }
            slot += 1;
        }
        Ok(self)
    }

    /// Returns the chip.
    pub const fn chip(&self) -> &Chip {
        &self.chip
    }

    /// Returns the configuration.
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// Returns the rows that exist, in table order.
    pub fn regions(&self) -> impl Iterator<Item = &'static Region> + Clone + use<> {
        let options = self.options;
        self.chip
            .regions()
            .iter()
            .filter(move |row| row.when.holds(&options))
    }

    /// Returns the reservations, ascending, without empty ones.
    pub fn reserved(&self) -> impl Iterator<Item = Reserved> + Clone + '_ {
        self.reserved.iter().flatten().copied()
    }

    /// Returns the reservation `index` of those in effect, ascending; for constants, where
    /// iterators are not to be had.
    pub const fn reserved_at(&self, index: usize) -> Option<Reserved> {
        if index < self.count {
            self.reserved[index]
        } else {
            None
        }
    }

    /// Returns the memory for heaps, see [`Chip::available`].
    pub const fn available(&self) -> Remaining {
        Remaining::of(self)
    }

    /// Returns the bytes for heaps that have all of `caps`, at any priority.
    pub const fn available_bytes(&self, caps: Caps) -> u32 {
        let (mut bytes, mut remaining) = (0, self.available());
        while let Some(memory) = remaining.take_next() {
            if memory.union().contains(caps) {
                bytes += memory.span.size(); // disjoint spans: below the address space
            }
        }
        bytes
    }

    /// Returns the bytes of the largest heap that has all of `caps`, at any priority; 0 without
    /// one.
    pub const fn largest_bytes(&self, caps: Caps) -> u32 {
        let (mut largest, mut remaining) = (0, self.available());
        while let Some(memory) = remaining.take_next() {
            if memory.union().contains(caps) && memory.span.size() > largest {
                largest = memory.span.size();
            }
        }
        largest
    }
}

/// Returns the first symbol that these bounds need and that is not among `names`.
const fn first_unknown(bounds: [&Bound; 2], names: &[&str]) -> Option<&'static str> {
    let mut bound = 0;
    while bound < bounds.len() {
        if let Origin::Symbol(symbol) = bounds[bound].from
            && !is_among(symbol, names)
        {
            return Some(symbol);
        }
        bound += 1;
    }
    None
}

const fn is_among(symbol: &str, names: &[&str]) -> bool {
    let mut name = 0;
    while name < names.len() {
        if same(symbol, names[name]) {
            return true;
        }
        name += 1;
    }
    false
}
