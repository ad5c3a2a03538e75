//! A recorded program as words, so that a chip can be handed one.
//!
//! ```text
//!   word 0      number of steps          word 1      number of slots
//!   then two words a step:
//!     | kind 2 bits | log2 of the alignment 6 bits | slot 24 bits |      | size, 0 for free |
//! ```

/// What the recorded program asked of its heap. Sizes and alignments are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceStep {
    /// The block in this slot now has this size.
    Allocate {
        /// Which block.
        slot: u32,
        /// Bytes.
        size: u32,
        /// A power of two.
        alignment: u32,
    },
    /// The block in this slot is to have another size.
    Reallocate {
        /// Which block.
        slot: u32,
        /// Bytes.
        size: u32,
    },
    /// The block in this slot is freed.
    Free {
        /// Which block.
        slot: u32,
    },
}

const SLOT_BITS: u32 = 24;
const ALIGNMENT_BITS: u32 = 6;

impl TraceStep {
    /// Returns the step as two words; `None` for more slots than there are numbers.
    #[must_use]
    pub const fn to_words(self) -> Option<[u32; 2]> {
        let (kind, logarithm, slot, size) = match self {
            Self::Free { slot } => (0, 0, slot, 0),
            Self::Reallocate { slot, size } => (1, 0, slot, size),
            Self::Allocate {
                slot,
                size,
                alignment,
            } => (2, alignment.trailing_zeros(), slot, size),
        };
        if slot >> SLOT_BITS != 0 {
            return None;
        }
        let head = kind << (SLOT_BITS + ALIGNMENT_BITS) | logarithm << SLOT_BITS | slot;
        Some([head, size])
    }

    /// Decodes a step from two words; `None` if they encode none.
    #[must_use]
    pub const fn from_words([head, size]: [u32; 2]) -> Option<Self> {
        let slot = head & ((1 << SLOT_BITS) - 1);
        let logarithm = head >> SLOT_BITS & ((1 << ALIGNMENT_BITS) - 1);
        match head >> (SLOT_BITS + ALIGNMENT_BITS) {
            0 => Some(Self::Free { slot }),
            1 => Some(Self::Reallocate { slot, size }),
            2 if logarithm < u32::BITS => Some(Self::Allocate {
                slot,
                size,
                alignment: 1 << logarithm,
            }),
            _ => None,
        }
    }
}

/// A whole recorded program.
#[derive(Clone, Copy, Debug)]
pub struct Trace<'a> {
    slots: usize,
    steps: &'a [[u32; 2]],
}

impl<'a> Trace<'a> {
    /// Returns what the words say; `None` if there are fewer than they say.
    #[must_use]
    pub fn from_words(words: &'a [u32]) -> Option<Self> {
        let ([steps, slots], rest) = words.split_first_chunk()?;
        let (pairs, _) = rest.as_chunks();
        Some(Self {
            slots: usize::try_from(*slots).ok()?,
            steps: pairs.get(..usize::try_from(*steps).ok()?)?,
        })
    }

    /// Returns the places that a replay needs to remember blocks.
    #[must_use]
    pub const fn slots(&self) -> usize {
        self.slots
    }

    /// Returns the steps, in order.
    pub(crate) fn steps(&self) -> impl Iterator<Item = TraceStep> + 'a {
        self.steps.iter().copied().filter_map(TraceStep::from_words)
    }
}

#[cfg(test)]
mod tests {
    use super::{Trace, TraceStep};

    const STEPS: [TraceStep; 3] = [
        TraceStep::Allocate {
            slot: 7,
            size: 100,
            alignment: 64,
        },
        TraceStep::Reallocate { slot: 7, size: 4 },
        TraceStep::Free { slot: 7 },
    ];

    #[test]
    fn steps_become_words_and_steps_again() {
        for step in STEPS {
            assert_eq!(TraceStep::from_words(step.to_words().unwrap()), Some(step));
        }
    }

    #[test]
    fn a_slot_without_a_number_is_refused() {
        assert_eq!(TraceStep::Free { slot: 1 << 24 }.to_words(), None);
    }

    #[test]
    fn a_trace_ends_where_it_says() {
        let mut words = std::vec![3, 8];
        words.extend(STEPS.iter().flat_map(|step| step.to_words().unwrap()));
        words.push(0xFFFF_FFFF);
        let trace = Trace::from_words(&words).unwrap();
        assert_eq!(trace.slots(), 8);
        assert!(trace.steps().eq(STEPS));
        assert!(Trace::from_words(&words[..6]).is_none());
    }
}
