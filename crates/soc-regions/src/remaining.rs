//! Memory left for the heap: regions minus reservations.
//!
//! ```text
//!   rows          ├──── DRAM ────┼──── DRAM ────┼── D/IRAM ──┤        ├─ IRAM ─┤
//!   reservations      ███████                   ██   █                 ██████
//!   left          ├──┤       ├───┼──────────────┤ ├─┤ ├──────┤               ·│    · 16 bytes or less: dropped
//!   available     ├──┤       ├──────────────────┤ ├─┤ ├──────┤                     neighbours of one type: one
//! ```
//!
//! Invariant: what is available shares no address with a reservation, and stays in rows of its own
//! type.

use crate::memory_type::union;
use crate::{Caps, Chip, Columns, Layout, MemoryType, Region, Span, TypeIndex};

/// What remains of a row and is not larger than this is dropped, as in ESP-IDF.
pub const DROPPED_BYTES: u32 = 16;

/// Memory for one heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Available {
    /// Its addresses: on the data bus, or on the instruction bus if it has no other. Both ends are
    /// multiples of 4.
    pub span: Span,
    /// Its memory type.
    pub kind: TypeIndex,
    /// The same.
    pub memory_type: &'static MemoryType,
    /// What it can do by priority, with what the options add.
    pub caps: Columns,
    /// The lowest address at which the instruction bus sees this memory, where the chip's table
    /// says that it does: the same as the data bus' on chips where both buses have one address.
    ///
    /// Where memory is inverted ([`WordOrder`](crate::WordOrder)) this is the alias of the *last*
    /// word of `span`.
    pub iram_alias: Option<u32>,
    /// The start-up code's stacks lie here: not to be used before the scheduler runs.
    pub startup_stack: bool,
    /// It lies outside of the chip.
    pub external: bool,
}

impl Available {
    /// Returns every capability it has, at any priority.
    pub const fn union(&self) -> Caps {
        union(self.caps)
    }
}

/// Iterator over [`Available`] memory; made by [`Chip::available`] and [`Layout::available`].
#[derive(Clone, Debug)]
pub struct Remaining {
    layout: Layout,
    row: usize,
    from: u32,
    pending: Option<Available>,
}

impl Remaining {
    /// Nothing is taken out yet.
    pub(crate) const fn of(layout: &Layout) -> Remaining {
        Remaining {
            layout: *layout,
            row: 0,
            from: 0,
            pending: None,
        }
    }

    /// Returns what `next` does, as a constant.
    pub const fn take_next(&mut self) -> Option<Available> {
        let mut whole = match self.pending.take() {
            Some(pending) => pending,
            None => match self.next_piece() {
                Some(piece) => piece,
                None => return None,
            },
        };
        while let Some(piece) = self.next_piece() {
            match merge(self.layout.chip(), &whole, &piece) {
                Some(merged) => whole = merged,
                None => {
                    self.pending = Some(piece);
                    break;
                }
            }
        }
        Some(whole)
    }

    /// Returns the next piece that reservations leave of a row, in table order.
    const fn next_piece(&mut self) -> Option<Available> {
        let rows = self.layout.chip().regions();
        while self.row < rows.len() {
            let row = &rows[self.row];
            let piece = match first_piece(&self.layout, row, self.from) {
                Some(piece) if row.when.holds(self.layout.options()) => piece,
                _ => {
                    self.row += 1;
                    self.from = 0;
                    continue;
                }
            };
            self.from = piece.end();
            if piece.size() > DROPPED_BYTES {
                return describe(&self.layout, row, piece);
            }
        }
        None
    }
}

impl Iterator for Remaining {
    type Item = Available;

    fn next(&mut self) -> Option<Available> {
        self.take_next()
    }
}

/// Returns what of `row` at or above `from` comes first, reserved words left out, however small.
const fn first_piece(layout: &Layout, row: &Region, from: u32) -> Option<Span> {
    let start = if from > row.span.start() {
        from
    } else {
        row.span.start()
    };
    let (mut rest, mut index) = (Span::new(start, row.span.end()), 0);
    while let (Some(piece), Some(taken)) = (rest, layout.reserved_at(index)) {
        rest = match piece.subtract(taken.span) {
            (Some(below), _) => Some(below), // later reservations lie above it: they ascend
            (None, above) => above,
        };
        index += 1;
    }
    rest
}

const fn describe(layout: &Layout, row: &Region, span: Span) -> Option<Available> {
    let Some(memory_type) = layout.chip().memory_type(row.kind) else {
        return None; // a checked table has no such row
    };
    Some(Available {
        span,
        kind: row.kind,
        memory_type,
        caps: memory_type.caps_under(layout.options()),
        iram_alias: alias(layout.chip(), span),
        startup_stack: row.startup_stack,
        external: memory_type.is_external(),
    })
}

const fn alias(chip: &Chip, span: Span) -> Option<u32> {
    match chip.instruction_view(span) {
        Some(view) => Some(view.start()),
        None => None,
    }
}

const fn merge(chip: &Chip, below: &Available, above: &Available) -> Option<Available> {
    if below.kind.0 != above.kind.0 || below.startup_stack != above.startup_stack {
        return None;
    }
    match below.span.join(above.span) {
        Some(span) => Some(Available {
            span,
            iram_alias: alias(chip, span),
            ..*below
        }),
        None => None,
    }
}
