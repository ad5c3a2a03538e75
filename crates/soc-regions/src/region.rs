//! Regions: the rows of a chip's memory table.

use crate::{Span, TypeIndex, When};

/// One row: contiguous memory of one type.
///
/// Neighbouring rows of one type become one heap; that ESP-IDF keeps them apart matters only where
/// a reservation leaves 16 bytes or less of a row, see [`Layout`](crate::Layout).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Its addresses on the data bus, or on the instruction bus if it has no other. Both ends are
    /// multiples of 4.
    pub span: Span,
    /// Its memory type.
    pub kind: TypeIndex,
    /// The start-up code's stacks lie here: not to be used before the scheduler runs.
    pub startup_stack: bool,
    /// In which configurations it exists.
    pub when: When,
}

impl Region {
    /// Returns the memory that every configuration has.
    pub const fn new(span: Span, kind: TypeIndex) -> Region {
        Region {
            span,
            kind,
            startup_stack: false,
            when: When::ALWAYS,
        }
    }

    /// The same, used for stacks by the start-up code.
    pub const fn with_startup_stack(self) -> Region {
        Region {
            startup_stack: true,
            ..self
        }
    }

    /// The same, only in configurations where `when` holds.
    pub const fn only(self, when: When) -> Region {
        Region { when, ..self }
    }
}

/// `N` equal rows like `first`, one behind the other. For tables: evaluated by the compiler, which
/// refuses what would wrap.
pub const fn bank<const N: usize>(first: Region) -> [Region; N] {
    let mut rows = [first; N];
    let mut at = 1;
    while at < N {
        let below = rows[at - 1].span;
        rows[at].span = match Span::from_size(below.end(), below.size()) {
            Some(span) => span,
            None => first.span, // overlaps, so the table is refused
        };
        at += 1;
    }
    rows
}

/// Returns the rows of all `parts` as one table of `N`. For tables: evaluated by the compiler,
/// which refuses a wrong `N`.
pub const fn rows<T: Copy, const N: usize>(parts: &[&[T]]) -> [T; N] {
    let mut all = [parts[0][0]; N];
    let (mut part, mut at) = (0, 0);
    while part < parts.len() {
        let mut row = 0;
        while row < parts[part].len() {
            all[at] = parts[part][row];
            row += 1;
            at += 1;
        }
        part += 1;
    }
    assert!(at == N, "the table has fewer rows than it says");
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span;

    #[test]
    fn a_bank_is_equal_rows_one_behind_the_other() {
        let first = Region::new(span!(0x1000, 0x1800), TypeIndex(2)).with_startup_stack();
        let [a, b, c] = bank(first);
        assert_eq!(a, first);
        assert_eq!(
            b,
            Region {
                span: span!(0x1800, 0x2000),
                ..first
            }
        );
        assert_eq!(
            c,
            Region {
                span: span!(0x2000, 0x2800),
                ..first
            }
        );
    }
}
