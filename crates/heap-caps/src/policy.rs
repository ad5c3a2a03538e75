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
    /// Returns the first column at which a memory type with these columns serves `caps`.
    #[inline(always)]
    pub(crate) fn column(self, columns: &Columns, caps: Caps) -> Option<usize> {
        if !union(*columns).contains(caps) {
            return None;
        }
        if self == Self::Tagged2016 {
            let serves = |column: &usize| serves_2016(columns, *column, caps);
            return (0..columns.len()).find(serves);
        }
        columns.iter().position(|column| column.intersects(caps))
    }

    pub(crate) const fn honours_reserves(self) -> bool {
        matches!(self, Self::Guaranteed)
    }
}

/// Returns whether a memory type serves `caps` at `column` by the rule of 2016: what earlier
/// columns offer does not count.
fn serves_2016(columns: &Columns, column: usize, caps: Caps) -> bool {
    let counted: Caps = columns.iter().skip(column).copied().collect();
    let here = columns
        .get(column)
        .is_some_and(|here| here.intersects(caps));
    here && counted.contains(caps)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// D/IRAM of the ESP32 as of v2.1: `[– / DMA 8BIT / 32BIT EXEC]`.
    const DIRAM_2016: [Caps; 3] = [
        Caps::empty(),
        Caps::DMA.union(Caps::BIT8),
        Caps::BIT32.union(Caps::EXEC),
    ];

    #[test]
    fn a_bit_of_an_earlier_column_counts_today_but_did_not_in_2016() {
        let dram = [Caps::DMA.union(Caps::BIT8), Caps::BIT32, Caps::empty()];
        let caps = Caps::BIT8 | Caps::BIT32;
        assert_eq!(Policy::Guaranteed.column(&dram, caps), Some(0));
        assert_eq!(Policy::Tagged2016.column(&dram, caps), Some(0));
        assert!(serves_2016(&dram, 0, caps));
        assert!(
            !serves_2016(&dram, 1, caps),
            "8BIT stands in an earlier column"
        );
    }

    #[test]
    fn the_first_column_that_shares_a_bit_decides() {
        assert_eq!(
            Policy::Tagged2016.column(&DIRAM_2016, Caps::DMA | Caps::EXEC),
            Some(1)
        );
        assert_eq!(Policy::Tagged2016.column(&DIRAM_2016, Caps::EXEC), Some(2));
        assert_eq!(Policy::Tagged2016.column(&DIRAM_2016, Caps::PID2), None);
        assert_eq!(
            Policy::IdfExact.column(&DIRAM_2016, Caps::empty()),
            None,
            "no bit is shared"
        );
    }
}
