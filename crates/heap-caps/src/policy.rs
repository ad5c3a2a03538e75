//! The rule that selects the heaps for a request, and their order.

use soc_regions::{Caps, Columns, union};

/// The rule of the search. Chosen when the [`HeapCaps`](crate::HeapCaps) is made; it decides the
/// order of registration.
///
/// In every policy the heaps are tried by priority: first all that offer a requested capability in
/// the first column of their memory type, then those that do in the second, then the third. The
/// policies differ in the order within a column, in the rule of matching, and in whether reserves
/// are honoured:
///
/// | | order within a column | a heap matches at column `c` if | reserves |
/// |---|---|---|---|
/// | `Guaranteed` | smaller heap first, equal: later first; also for heaps added at run time | it offers ≥ 1 requested bit in `c` and all in any column | honoured |
/// | `IdfExact` | the same at boot; heaps added at run time before all others, latest first | the same | ignored |
/// | `Tagged2016` | by tag, then by address | ≥ 1 requested bit in `c`, every other one in `c` or a later column | ignored |
///
/// Sources: ESP-IDF HEAD `heap_caps_init`, `heap_caps_aligned_alloc_base`; ESP-IDF v2.1
/// `pvPortMallocCaps`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Policy {
    /// ESP-IDF's order of today with reserves honoured and one order for all heaps.
    #[default]
    Guaranteed = 0,
    /// ESP-IDF's order of today, for porting and for differential tests.
    IdfExact,
    /// The tagged heaps of ESP-IDF v2.1 (2016).
    Tagged2016,
}

impl Policy {
    pub(crate) const fn honours_reserves(self) -> bool {
        matches!(self, Self::Guaranteed)
    }
}

/// Returns the first column at which a memory type with these columns serves `caps`.
///
/// It is the same in every policy: the columns in front of the first one that shares a bit share
/// none, so that column and those behind it have every bit, as the rule of 2016 asks.
#[inline(always)]
pub(crate) fn first_column(columns: &Columns, caps: Caps) -> Option<usize> {
    if !union(*columns).contains(caps) {
        return None;
    }
    columns.iter().position(|column| column.intersects(caps))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule of 2016: what earlier columns offer does not count.
    fn serves_2016(columns: &Columns, column: usize, caps: Caps) -> bool {
        let counted: Caps = columns.iter().skip(column).copied().collect();
        columns[column].intersects(caps) && counted.contains(caps)
    }

    #[test]
    fn the_first_column_is_that_of_today_and_of_2016() {
        let sets = || (0..8).map(Caps::from_bits_truncate);
        for (first, second) in sets().flat_map(|first| sets().map(move |second| (first, second))) {
            for (third, caps) in sets().flat_map(|third| sets().map(move |caps| (third, caps))) {
                let columns = [first, second, third];
                let of_2016 = (0..3).find(|column| serves_2016(&columns, *column, caps));
                assert_eq!(
                    first_column(&columns, caps),
                    of_2016,
                    "{columns:?} {caps:?}"
                );
            }
        }
    }

    #[test]
    fn a_later_column_may_serve_by_the_rule_of_today_only() {
        let dram = [Caps::DMA.union(Caps::BIT8), Caps::BIT32, Caps::empty()];
        let caps = Caps::BIT8 | Caps::BIT32;
        assert_eq!(first_column(&dram, caps), Some(0));
        assert!(
            !serves_2016(&dram, 1, caps),
            "8BIT stands in an earlier column"
        );
        assert_eq!(first_column(&dram, Caps::PID2), None);
        assert_eq!(first_column(&dram, Caps::empty()), None, "no bit is shared");
    }
}
