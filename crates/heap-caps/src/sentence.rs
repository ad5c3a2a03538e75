//! Failure records as one sentence.
//!
//! ```text
//!  96.0 KiB with 8BIT|DMA: no heap has a hole that big; largest is 71.8 KiB in DRAM at 0x3FFB2EC8
//!  (180.3 KiB free in 12 holes); IRAM at 0x4008944C lacks 8BIT and DMA
//!  ^ request                ^ verdict                   ^ best heap     ^ every other heap's reason
//! ```

use core::fmt::{self, Display, Formatter};

use soc_regions::Caps;

use crate::failure::{Candidate, Failure, FailureKind, SkipReason};

impl Display for Failure {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        self.request(out)?;
        out.write_str(": ")?;
        self.verdict(out)?;
        if !self.relief.is_empty() {
            write!(out, "; {}", self.relief)?;
        }
        self.origin(out)
    }
}

impl core::error::Error for Failure {}

impl Failure {
    /// `96.0 KiB aligned to 64 in whole cache lines of 128 B with 8BIT|DMA`
    fn request(&self, out: &mut Formatter<'_>) -> fmt::Result {
        Bytes(self.size).fmt(out)?;
        if self.alignment > 4 {
            write!(out, " aligned to {}", self.alignment)?;
        }
        if self.granularity > 4 {
            let units = if self.whole_lines {
                "cache lines"
            } else {
                "units"
            };
            write!(out, " in whole {units} of {} B", self.granularity)?;
        }
        if self.caps.is_empty() {
            out.write_str(" with no capability")
        } else {
            write!(out, " with {}", self.caps)
        }
    }

    fn verdict(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self.cause {
            FailureKind::NoMemory => self.no_memory(out),
            cause => cause.fmt(out),
        }
    }

    /// Writes the verdict over all heaps, then the reasons of those it does not speak of.
    fn no_memory(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let spoken_of = match (self.largest_hole(), self.largest_heap()) {
            (Some(best), _) => self.no_hole(best, out)?,
            (None, Some(best)) => {
                write!(out, "no heap is that big; largest is {}", FreeIn(best))?;
                best
            }
            (None, None) => return self.no_heap(out),
        };
        self.candidates()
            .filter(|other| other.heap != spoken_of.heap)
            .try_for_each(|other| match other.why {
                SkipReason::Fragmented { .. } | SkipReason::TooSmall { .. } => Ok(()),
                _ => write!(out, "; {}", FreeIn(other)),
            })?;
        self.and_more(out)
    }

    fn no_hole(&self, best: Candidate, out: &mut Formatter<'_>) -> Result<Candidate, fmt::Error> {
        let hole = match best.why {
            SkipReason::Fragmented { largest, .. } => largest as usize, // widening
            _ => 0,
        };
        let fits = hole >= self.size;
        if fits {
            out.write_str("no heap has a hole that fits it; largest is ")?;
        } else {
            out.write_str("no heap has a hole that big; largest is ")?;
        }
        FreeIn(best).fmt(out)?;
        Ok(best)
    }

    /// Neither a hole nor a size stands in the way: every heap has a reason of its own.
    fn no_heap(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if self.candidates().next().is_none() {
            return out.write_str(match self.not_described() {
                0 => "there is no heap yet: was this before the heap was booted?",
                _ => {
                    "no heap could serve it; another request has failed since, and its record took \
                     the place of the reasons"
                }
            });
        }
        let lacking = self
            .candidates()
            .all(|heap| matches!(heap.why, SkipReason::Lacks(_)));
        out.write_str(if lacking {
            "no heap has these capabilities"
        } else {
            "no heap may serve it"
        })?;
        self.candidates()
            .try_for_each(|heap| write!(out, "; {}", FreeIn(heap)))?;
        self.and_more(out)
    }

    fn and_more(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self.not_described() {
            0 => Ok(()),
            1 => out.write_str("; 1 more heap"),
            more => write!(out, "; {more} more heaps"),
        }
    }

    /// ` (last of 3 tries, asked for at src/main.rs:12)`
    fn origin(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match (self.attempts, self.caller) {
            (0 | 1, None) => Ok(()),
            (0 | 1, Some(caller)) => {
                write!(out, " (asked for at {}:{})", caller.file(), caller.line())
            }
            (tries, None) => write!(out, " (last of {tries} tries)"),
            (tries, Some(caller)) => {
                write!(
                    out,
                    " (last of {tries} tries, asked for at {}:{})",
                    caller.file(),
                    caller.line()
                )
            }
        }
    }

    /// Returns the heap that came closest among those that have the capabilities and the size.
    fn largest_hole(&self) -> Option<Candidate> {
        self.best(|why| match why {
            SkipReason::Fragmented { largest, .. } => Some(largest),
            _ => None,
        })
    }

    fn largest_heap(&self) -> Option<Candidate> {
        self.best(|why| match why {
            SkipReason::TooSmall { bytes } => Some(bytes),
            _ => None,
        })
    }

    /// Returns the first candidate with the greatest measure.
    fn best(&self, measure: impl Fn(SkipReason) -> Option<u32>) -> Option<Candidate> {
        let mut best: Option<(u32, Candidate)> = None;
        for candidate in self.candidates() {
            match (measure(candidate.why), best) {
                (Some(size), Some((most, _))) if size <= most => {}
                (Some(size), _) => best = Some((size, candidate)),
                (None, _) => {}
            }
        }
        best.map(|(_, candidate)| candidate)
    }
}

multi_heap::texts!(FailureKind {
    Self::ZeroSize => "nothing was asked for";
    Self::BadAlignment => "the alignment is not a power of two";
    Self::NoCaps => "a request must name at least one capability that memory has";
    Self::InvalidCaps => "INVALID is a capability that no memory has";
    Self::Contradictory(caps) => "no memory can be {} at once", Listed(caps);
    Self::TooLarge => "no heap can be that big";
    Self::NoMemory => "no heap could serve it";
    Self::TagExhausted(tag) => "no heap with tag {} has a hole that big", tag.index();
    Self::Corrupt(corrupt) => "{}", corrupt;
    Self::OverLimit { owner, name, limit, used } =>
        "{} ({}) has {} B and may have no more than {} B", name, owner, used, limit;
    Self::NoAccountFor(owner) => "{} has limits, and the table of its blocks is full", owner;
});

impl core::error::Error for FailureKind {}

/// A heap and what it says: `IRAM at 0x4008944C lacks 8BIT and DMA`.
struct FreeIn(Candidate);

impl Display for FreeIn {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Candidate { start, name, .. } = self.0;
        match self.0.why {
            SkipReason::Lacks(caps) => {
                write!(out, "{name} at 0x{start:08X} lacks {}", Listed(caps))
            }
            SkipReason::NotOffered => write!(out, "{name} at 0x{start:08X} does not offer them"),
            SkipReason::Inactive => {
                write!(out, "{name} at 0x{start:08X} is still the start-up stack")
            }
            SkipReason::TooSmall { bytes } => {
                write!(out, "{} in {name} at 0x{start:08X}", Bytes(bytes as usize))
            }
            SkipReason::Fragmented {
                free,
                largest,
                holes,
            } => write!(
                out,
                "{} in {name} at 0x{start:08X} ({} free in {holes} {})",
                Bytes(largest as usize),
                Bytes(free as usize),
                if holes == 1 { "hole" } else { "holes" },
            ),
            SkipReason::Reserved { caps, bytes } => {
                write!(
                    out,
                    "{name} at 0x{start:08X} keeps {} for {caps}",
                    Bytes(bytes as usize)
                )
            }
            SkipReason::OverLimit => {
                write!(
                    out,
                    "{name} at 0x{start:08X} is closed by its owner's limit"
                )
            }
            SkipReason::Guaranteed { bytes } => {
                write!(
                    out,
                    "{name} at 0x{start:08X} keeps {} for other owners",
                    Bytes(bytes as usize)
                )
            }
        }
    }
}

/// Capabilities in words: `8BIT, DMA and INTERNAL`.
pub(crate) struct Listed(pub(crate) Caps);

impl Display for Listed {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let unnamed = self
            .0
            .named()
            .fold(self.0, |rest, (_, cap)| rest.difference(cap));
        let count = self.0.named().count() + usize::from(!unnamed.is_empty());
        for (index, (name, _)) in self.0.named().enumerate() {
            write!(out, "{}{name}", separator(index, count))?;
        }
        if unnamed.is_empty() {
            Ok(())
        } else {
            write!(out, "{}{unnamed}", separator(count - 1, count))
        }
    }
}

const fn separator(index: usize, count: usize) -> &'static str {
    match index {
        0 => "",
        last if last + 1 == count => " and ",
        _ => ", ",
    }
}

/// A size for people: bytes below 1 KiB, KiB with one digit below 1 MiB, then MiB. Rounded to
/// nearest, 32-bit arithmetic.
pub(crate) struct Bytes(pub(crate) usize);

impl Display for Bytes {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match u32::try_from(self.0) {
            Ok(bytes @ 0..0x400) => write!(out, "{bytes} B"),
            Ok(bytes @ 0x400..0x10_0000) => tenths(bytes, 0x400, "KiB", out),
            Ok(bytes) if self.0 != usize::MAX => tenths(bytes, 0x10_0000, "MiB", out),
            _ => out.write_str("4 GiB or more"),
        }
    }
}

/// `bytes` in units with one digit behind the point. `unit` is at most 2²⁰, so ten remainders fit
/// into 32 bits.
fn tenths(bytes: u32, unit: u32, name: &str, out: &mut Formatter<'_>) -> fmt::Result {
    let digits = bytes / unit * 10 + (bytes % unit * 10 + unit / 2) / unit;
    write!(out, "{}.{} {name}", digits / 10, digits % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AllocRequest, HeapIndex};
    use std::string::ToString;

    fn heap(number: u8, name: &'static str, start: u32, why: SkipReason) -> Candidate {
        Candidate {
            heap: HeapIndex(number),
            start,
            name,
            why,
        }
    }

    fn fragmented(free: u32, largest: u32, holes: u32) -> SkipReason {
        SkipReason::Fragmented {
            free,
            largest,
            holes,
        }
    }

    fn sentence(size: usize, caps: Caps, heaps: &[Candidate]) -> std::string::String {
        let mut failure = Failure::of(
            &AllocRequest::new(size, caps).anonymous(),
            caps,
            FailureKind::NoMemory,
        );
        heaps.iter().for_each(|&heap| failure.describe(heap));
        failure.to_string()
    }

    #[test]
    fn the_largest_hole_speaks_for_all_heaps_that_have_holes() {
        let lacking = SkipReason::Lacks(Caps::DMA | Caps::BIT8);
        let heaps = [
            heap(2, "D/IRAM", 0x3FFE_0440, fragmented(9000, 4000, 1)),
            heap(1, "DRAM", 0x3FFB_2EC8, fragmented(184_632, 73_523, 12)),
            heap(0, "DRAM", 0x3FFA_E6E0, SkipReason::TooSmall { bytes: 6432 }),
            heap(4, "IRAM", 0x4008_944C, lacking),
        ];
        assert_eq!(
            sentence(96 * 1024, Caps::DMA | Caps::BIT8, &heaps),
            "96.0 KiB with 8BIT|DMA: no heap has a hole that big; largest is 71.8 KiB in DRAM at 0x3FFB2EC8 \
             (180.3 KiB free in 12 holes); IRAM at 0x4008944C lacks 8BIT and DMA"
        );
    }

    #[test]
    fn a_reserve_beside_a_hole_that_is_too_small_is_reported_too() {
        let kept = SkipReason::Reserved {
            caps: Caps::DMA,
            bytes: 24 * 1024,
        };
        let heaps = [
            heap(0, "DRAM", 0x3FFB_2EC8, kept),
            heap(1, "PSRAM", 0x3F80_0000, fragmented(3_000_000, 90, 1)),
        ];
        assert_eq!(
            sentence(100, Caps::DEFAULT, &heaps),
            "100 B with DEFAULT: no heap has a hole that big; largest is 90 B in PSRAM at 0x3F800000 \
             (2.9 MiB free in 1 hole); DRAM at 0x3FFB2EC8 keeps 24.0 KiB for DMA"
        );
    }

    #[test]
    fn without_any_heap_the_order_of_things_is_asked_for() {
        assert_eq!(
            sentence(16, Caps::DEFAULT, &[]),
            "16 B with DEFAULT: there is no heap yet: was this before the heap was booted?"
        );
    }

    #[test]
    fn sizes_are_rounded_to_one_digit() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1075, "1.0 KiB"),
            (1076, "1.1 KiB"),
            (2047, "2.0 KiB"),
            (1 << 20, "1.0 MiB"),
            (0xFFFF_FFFE, "4096.0 MiB"),
            (usize::MAX, "4 GiB or more"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }
}
