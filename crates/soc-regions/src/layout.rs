//! What is left for the heap: regions minus reservations.
//!
//! ```text
//!   rows          ├──── DRAM ────┼──── DRAM ────┼── D/IRAM ──┤        ├─ IRAM ─┤
//!   reservations      ███████                   ██   █                 ██████
//!   left          ├──┤       ├───┼──────────────┤ ├─┤ ├──────┤               ·│    · 16 bytes or less: dropped
//!   available     ├──┤       ├──────────────────┤ ├─┤ ├──────┤                     neighbours of one type: one
//! ```
//!
//! Invariant 1: reservations of a layout ascend and share no address.
//! Invariant 2: what is available shares no address with a reservation, and stays in rows of its own type.

use core::fmt;

use crate::memory_type::union;
use crate::{
    Caps, Chip, Columns, MAX_RESERVATIONS, MemoryType, Options, Region, Setting, Span, Symbols,
    TypeIndex,
};

/// What remains of a row and is not larger than this is dropped, as in ESP-IDF.
pub const DROPPED_BYTES: u32 = 16;

/// Why a configuration and a linked program do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayoutError {
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

/// Memory that is taken, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// The reservation's name.
    pub name: &'static str,
    /// The words it takes.
    pub span: Span,
}

/// Memory for one heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Available {
    /// Its addresses: on the data bus, or on the instruction bus if it has no other. Both ends are multiples of 4.
    pub span: Span,
    /// Its memory type.
    pub kind: TypeIndex,
    /// The same.
    pub memory_type: &'static MemoryType,
    /// What it can do by priority, with what the options add.
    pub caps: Columns,
    /// The lowest address at which the instruction bus sees this memory, if that is another one.
    ///
    /// Where memory is inverted ([`WordOrder`](crate::WordOrder)) this is the alias of the *last* word of `span`.
    pub iram_alias: Option<u32>,
    /// The start-up code's stacks lie here: not to be used before the scheduler runs.
    pub startup_stack: bool,
    /// It lies outside of the chip.
    pub external: bool,
}

impl Available {
    /// Every capability it has, at any priority.
    pub fn union(&self) -> Caps {
        union(self.caps)
    }
}

impl Chip {
    /// The memory for heaps, in table order: rows minus reservations, what is 16 bytes or less dropped, neighbours that
    /// follow each other in the table and have one type and one start-up-stack flag merged. O(rows × reservations).
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
        let mut reserved = [None; MAX_RESERVATIONS];
        let mut free_slots = reserved.iter_mut();
        for reservation in self.reservations() {
            let Some(span) = reservation.taken(options, symbols)? else {
                continue;
            };
            // a checked table has no more reservations than there are slots
            if let Some(slot) = free_slots.next() {
                *slot = Some(Reserved {
                    name: reservation.name,
                    span,
                });
            }
        }
        reserved.sort_unstable_by_key(|slot| slot.map_or(u32::MAX, |taken| taken.span.start()));
        let layout = Layout {
            chip: *self,
            settings: options.settings(),
            reserved,
        };
        layout.first_conflict().map_or(Ok(layout), Err)
    }
}

/// Rows and reservations of one configuration and one program.
#[derive(Clone, Debug)]
pub struct Layout {
    chip: Chip,
    settings: Setting,
    reserved: [Option<Reserved>; MAX_RESERVATIONS],
}

impl Layout {
    /// The rows that exist, in table order.
    pub fn regions(&self) -> impl Iterator<Item = &'static Region> + Clone + use<> {
        let settings = self.settings;
        self.chip
            .regions()
            .iter()
            .filter(move |row| row.when.holds(settings))
    }

    /// What is taken, ascending; empty reservations are left out.
    pub fn reserved(&self) -> impl Iterator<Item = Reserved> + Clone + '_ {
        self.reserved.iter().flatten().copied()
    }

    /// The memory for heaps, see [`Chip::available`].
    pub fn available(&self) -> Remaining {
        Remaining {
            pieces: Pieces {
                layout: self.clone(),
                row: 0,
                from: 0,
            },
            pending: None,
        }
    }

    /// Bytes for heaps that have all of `caps`, at any priority.
    pub fn available_bytes(&self, caps: Caps) -> u32 {
        let with_caps = self
            .available()
            .filter(|memory| memory.union().contains(caps));
        with_caps.map(|memory| memory.span.size()).sum() // disjoint spans: below the address space
    }

    fn first_conflict(&self) -> Option<LayoutError> {
        let pairs = self.reserved().zip(self.reserved().skip(1));
        pairs.into_iter().find_map(|(first, second)| {
            let shared = first.span.intersection(second.span)?;
            Some(LayoutError::Conflict {
                first: first.name,
                second: second.name,
                shared,
            })
        })
    }

    /// What of `row` at or above `from` comes first, reserved words left out, however small.
    fn first_piece(&self, row: &Region, from: u32) -> Option<Span> {
        let mut rest = Span::new(row.span.start().max(from), row.span.end())?;
        for taken in self.reserved() {
            match rest.subtract(taken.span) {
                (Some(below), _) => rest = below, // later reservations lie above it: invariant 1
                (None, above) => rest = above?,
            }
        }
        Some(rest)
    }

    fn describe(&self, row: &Region, span: Span) -> Option<Available> {
        let memory_type = self.chip.memory_type(row.kind)?;
        Some(Available {
            span,
            kind: row.kind,
            memory_type,
            caps: memory_type.caps_under(self.settings),
            iram_alias: self.chip.instruction_view(span).map(Span::start),
            startup_stack: row.startup_stack,
            external: memory_type.is_external(),
        })
    }

    fn merge(&self, below: Available, above: Available) -> Option<Available> {
        let is_one = below.kind == above.kind && below.startup_stack == above.startup_stack;
        let span = below.span.join(above.span).filter(|_| is_one)?;
        Some(Available {
            span,
            iram_alias: self.chip.instruction_view(span).map(Span::start),
            ..below
        })
    }
}

/// The pieces that reservations leave of each row, in table order.
#[derive(Clone, Debug)]
struct Pieces {
    layout: Layout,
    row: usize,
    from: u32,
}

impl Iterator for Pieces {
    type Item = Available;

    fn next(&mut self) -> Option<Available> {
        loop {
            let row = self.layout.chip.regions().get(self.row)?;
            let exists = row.when.holds(self.layout.settings);
            let Some(piece) = self.layout.first_piece(row, self.from).filter(|_| exists) else {
                self.row += 1;
                self.from = 0;
                continue;
            };
            self.from = piece.end();
            if piece.size() > DROPPED_BYTES {
                return self.layout.describe(row, piece);
            }
        }
    }
}

/// Iterator over [`Available`] memory; made by [`Chip::available`] and [`Layout::available`].
#[derive(Clone, Debug)]
pub struct Remaining {
    pieces: Pieces,
    pending: Option<Available>,
}

impl Iterator for Remaining {
    type Item = Available;

    fn next(&mut self) -> Option<Available> {
        let mut whole = self.pending.take().or_else(|| self.pieces.next())?;
        while let Some(piece) = self.pieces.next() {
            let Some(merged) = self.pieces.layout.merge(whole, piece) else {
                self.pending = Some(piece);
                break;
            };
            whole = merged;
        }
        Some(whole)
    }
}
