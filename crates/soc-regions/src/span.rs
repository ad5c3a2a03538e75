//! Spans of addresses: the one type that does arithmetic with ranges.
//!
//! ```text
//!    start                     end
//!      ├─────────── size ───────┤        half-open: `start` belongs to the span, `end` does not
//!  ────█████████████████████████─────
//! ```
//!
//! Invariant 1: `start < end`, so a span is never empty and never wraps around.
//! The last address of the address space, `0xFFFF_FFFF`, is in no span; no chip has memory there.

use core::fmt;

/// A half-open range of chip addresses. It is not empty and does not wrap.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Returns the addresses `start..end`; `None` if there are none.
    pub const fn new(start: u32, end: u32) -> Option<Span> {
        if start < end {
            Some(Span { start, end })
        } else {
            None
        }
    }

    /// `size` bytes from `start`; `None` if `size` is 0 or the span would wrap.
    pub const fn from_size(start: u32, size: u32) -> Option<Span> {
        match start.checked_add(size) {
            Some(end) => Span::new(start, end),
            None => None,
        }
    }

    /// Returns the first address.
    pub const fn start(self) -> u32 {
        self.start
    }

    /// Returns the address behind the last one.
    pub const fn end(self) -> u32 {
        self.end
    }

    /// Returns the bytes, at least 1.
    pub const fn size(self) -> u32 {
        self.end - self.start // invariant 1
    }

    /// Returns whether `address` is one of these.
    pub const fn contains(self, address: u32) -> bool {
        self.start <= address && address < self.end
    }

    /// Returns whether every address of `other` is one of these.
    pub const fn contains_span(self, other: Span) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// Returns whether the two have an address in common. Touching is not overlapping.
    pub const fn overlaps(self, other: Span) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Returns whether one ends where the other starts.
    pub const fn touches(self, other: Span) -> bool {
        self.end == other.start || other.end == self.start
    }

    /// Returns the whole 32-bit words inside: up to 3 bytes are left out at each end. `None` if
    /// there is none.
    #[must_use]
    pub const fn whole_words(self) -> Option<Span> {
        match self.start.checked_next_multiple_of(4) {
            Some(start) => Span::new(start, self.end & !3),
            None => None,
        }
    }

    /// Returns whether both ends are multiples of `alignment`, which is a power of two.
    pub const fn is_aligned(self, alignment: u32) -> bool {
        let below = alignment.wrapping_sub(1);
        (self.start | self.end) & below == 0
    }

    /// Returns the addresses that are in both.
    pub const fn intersection(self, other: Span) -> Option<Span> {
        Span::new(
            larger(self.start, other.start),
            smaller(self.end, other.end),
        )
    }

    /// Returns what is left of `self` without `other`: the part below and the part above it.
    pub const fn subtract(self, other: Span) -> (Option<Span>, Option<Span>) {
        let below = Span::new(self.start, smaller(self.end, other.start));
        let above = Span::new(larger(self.start, other.end), self.end);
        (below, above)
    }

    /// Returns the two as one; `None` if that would take in an address that is in neither.
    pub const fn join(self, other: Span) -> Option<Span> {
        if self.overlaps(other) || self.touches(other) {
            Span::new(
                smaller(self.start, other.start),
                larger(self.end, other.end),
            )
        } else {
            None
        }
    }
}

const fn smaller(a: u32, b: u32) -> u32 {
    if a < b { a } else { b }
}

const fn larger(a: u32, b: u32) -> u32 {
    if a < b { b } else { a }
}

/// `0x3FFE0440..0x3FFE3F20`
impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:#010X}..{:#010X}", self.start, self.end)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Span({self})")
    }
}

/// A [`Span`] of two constants; an empty one does not compile.
///
/// ```
/// use soc_regions::{Span, span};
///
/// const SRAM: Span = span!(0x3FFB_0000, 0x3FFE_0000);
/// assert_eq!(SRAM.size(), 192 * 1024);
/// ```
/// ```compile_fail
/// soc_regions::span!(0x3FFE_0000, 0x3FFB_0000);
/// ```
#[macro_export]
macro_rules! span {
    ($start:expr, $end:expr) => {
        const {
            match $crate::Span::new($start, $end) {
                Some(span) => span,
                None => panic!("a span must start below its end"),
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::string::ToString;
    use std::vec::Vec;

    /// All spans with ends in 0..=UNIVERSE; 36 of them, 1296 pairs.
    const UNIVERSE: u32 = 8;

    fn every_span() -> Vec<Span> {
        let pairs = (0..=UNIVERSE).flat_map(|start| (0..=UNIVERSE).map(move |end| (start, end)));
        pairs
            .filter_map(|(start, end)| Span::new(start, end))
            .collect()
    }

    fn every_pair() -> impl Iterator<Item = (Span, Span)> {
        let spans = every_span();
        spans
            .clone()
            .into_iter()
            .flat_map(move |a| spans.clone().into_iter().map(move |b| (a, b)))
    }

    fn set(span: Span) -> BTreeSet<u32> {
        (span.start()..span.end()).collect()
    }

    fn set_of(spans: impl IntoIterator<Item = Option<Span>>) -> BTreeSet<u32> {
        spans.into_iter().flatten().flat_map(set).collect()
    }

    #[test]
    fn a_span_is_never_empty_and_never_wraps() {
        assert_eq!(Span::new(4, 4), None);
        assert_eq!(Span::new(5, 4), None);
        assert_eq!(Span::from_size(4, 0), None);
        assert_eq!(Span::from_size(0xFFFF_FFF0, 0x10), None);
        assert_eq!(
            Span::from_size(0xFFFF_FFF0, 0xF),
            Span::new(0xFFFF_FFF0, 0xFFFF_FFFF)
        );
        assert_eq!(Span::from_size(u32::MAX, u32::MAX), None);
        assert_eq!(Span::new(0, u32::MAX).unwrap().size(), u32::MAX);
        assert_eq!(every_span().len(), 36);
    }

    /// Allen's relations of two intervals, by their ends, and what each means here:
    /// whether they overlap, touch, a contains b; their intersection; a without b.
    #[rustfmt::skip]
    #[test]
    fn the_thirteen_relations_of_two_spans_have_these_answers() {
        type Pair = (u32, u32);
        type Case = (&'static str, Pair, Pair, [bool; 3], Option<Pair>, [Option<Pair>; 2]);
        let (no, yes) = (false, true);
        let cases: [Case; 13] = [
            // relation         a       b       overlaps, touches, contains
            ("before",        (0, 2), (4, 6), [no,  no,  no],  None,         [Some((0, 2)), None]),
            ("meets",         (0, 2), (2, 6), [no,  yes, no],  None,         [Some((0, 2)), None]),
            ("overlaps",      (0, 4), (2, 6), [yes, no,  no],  Some((2, 4)), [Some((0, 2)), None]),
            ("starts",        (0, 2), (0, 6), [yes, no,  no],  Some((0, 2)), [None, None]),
            ("during",        (2, 4), (0, 6), [yes, no,  no],  Some((2, 4)), [None, None]),
            ("finishes",      (4, 6), (0, 6), [yes, no,  no],  Some((4, 6)), [None, None]),
            ("equals",        (0, 6), (0, 6), [yes, no,  yes], Some((0, 6)), [None, None]),
            ("finished by",   (0, 6), (4, 6), [yes, no,  yes], Some((4, 6)), [Some((0, 4)), None]),
            ("contains",      (0, 6), (2, 4), [yes, no,  yes], Some((2, 4)), [Some((0, 2)), Some((4, 6))]),
            ("started by",    (0, 6), (0, 2), [yes, no,  yes], Some((0, 2)), [None, Some((2, 6))]),
            ("overlapped by", (2, 6), (0, 4), [yes, no,  no],  Some((2, 4)), [None, Some((4, 6))]),
            ("met by",        (2, 6), (0, 2), [no,  yes, no],  None,         [None, Some((2, 6))]),
            ("after",         (4, 6), (0, 2), [no,  no,  no],  None,         [None, Some((4, 6))]),
        ];
        let pair = |(start, end)| Span::new(start, end).unwrap();
        for (relation, a, b, [overlaps, touches, contains], common, rest) in cases {
            let (a, b) = (pair(a), pair(b));
            assert_eq!(a.overlaps(b), overlaps, "{relation}");
            assert_eq!(a.touches(b), touches, "{relation}");
            assert_eq!(a.contains_span(b), contains, "{relation}");
            assert_eq!(a.intersection(b), common.map(pair), "{relation}");
            let [below, above] = rest.map(|part| part.map(pair));
            assert_eq!(a.subtract(b), (below, above), "{relation}");
            assert_eq!(a.join(b).is_some(), overlaps || touches, "{relation}");
        }
    }

    #[test]
    fn span_arithmetic_is_set_arithmetic_for_every_pair_in_a_small_universe() {
        for (a, b) in every_pair() {
            let (in_a, in_b) = (set(a), set(b));
            let (below, above) = a.subtract(b);
            assert_eq!(a.overlaps(b), !in_a.is_disjoint(&in_b), "{a} {b}");
            assert_eq!(a.contains_span(b), in_a.is_superset(&in_b), "{a} {b}");
            assert_eq!(set_of([a.intersection(b)]), &in_a & &in_b, "{a} {b}");
            assert_eq!(set_of([below, above]), &in_a - &in_b, "{a} {b}");
            assert!(below.is_none_or(|part| part.end() <= b.start()), "{a} {b}");
            assert!(above.is_none_or(|part| part.start() >= b.end()), "{a} {b}");
            if let Some(joined) = a.join(b) {
                assert_eq!(set(joined), &in_a | &in_b, "{a} {b}");
            }
        }
    }

    #[test]
    fn relations_of_two_spans_do_not_depend_on_their_order() {
        for (a, b) in every_pair() {
            assert_eq!(a.overlaps(b), b.overlaps(a));
            assert_eq!(a.touches(b), b.touches(a));
            assert_eq!(a.intersection(b), b.intersection(a));
            assert_eq!(a.join(b), b.join(a));
            assert!(!(a.overlaps(b) && a.touches(b)));
        }
    }

    #[test]
    fn a_span_contains_its_start_but_not_its_end() {
        for span in every_span() {
            for address in 0..=UNIVERSE {
                assert_eq!(span.contains(address), set(span).contains(&address));
            }
        }
    }

    #[test]
    fn alignment_is_asked_of_both_ends() {
        let aligned = |start, end| Span::new(start, end).unwrap().is_aligned(4);
        assert!(aligned(0, 4));
        assert!(!aligned(1, 4));
        assert!(!aligned(0, 5));
    }

    #[test]
    fn a_span_is_written_as_two_addresses() {
        assert_eq!(
            span!(0x3FFE_0440, 0x3FFE_3F20).to_string(),
            "0x3FFE0440..0x3FFE3F20"
        );
    }

    #[test]
    fn whole_words_leave_out_up_to_three_bytes_at_each_end() {
        for (start, end, words) in [
            (0x1000, 0x1010, Some((0x1000, 0x1010))),
            (0x1001, 0x1010, Some((0x1004, 0x1010))),
            (0x1003, 0x1013, Some((0x1004, 0x1010))),
            (0x1004, 0x1008, Some((0x1004, 0x1008))),
            (0x1001, 0x1007, None),
            (0x1004, 0x1007, None),
            (u32::MAX - 2, u32::MAX, None),
        ] {
            let found = Span::new(start, end).unwrap().whole_words();
            let found = found.map(|words| (words.start(), words.end()));
            assert_eq!(found, words, "{start:#x}..{end:#x}");
        }
    }
}
