//! Raw access to memory: a region as aligned 32-bit words.
//!
//! ```text
//!   region handed over       ..|b b b b|b b b b|b b b b|b b b b|..        any start, any size
//!   words of the arena          word 0  word 1  word 2  word 3            start rounded up, end rounded down to 4
//! ```
//!
//! Everything above this file is integer arithmetic on word indices. Every access, of canaries and
//! of single bytes too, is one aligned 32-bit load or store: memory that faults on narrower
//! accesses (ESP32's IRAM) is served by construction. The accesses are relaxed atomic ones. On
//! these processors they cost what plain ones do, but a compiler may neither narrow them to the
//! bytes that changed nor make a call of `memset` or `memcpy` of them.
//!
//! **Invariant of the callers:** an index given to [`Arena::get`] or [`Arena::set`] is below
//! [`Arena::words`]. Indices come from two sources: constants of the control structure, whose
//! presence construction has checked, and block indices, which are compared with the heap's end
//! wherever they are read from memory (`pool.rs`). Debug builds assert it on every access.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};

/// A region as an array of words that only its heap (and whoever holds an allocated block) touches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arena {
    base: NonNull<u32>,
    words: u32,
}

// SAFETY: the contract of `Arena::new` makes the heap the region's only user, whichever thread it
// is on; nothing in it is bound to a thread.
unsafe impl Send for Arena {}

// SAFETY: through a shared reference a heap only reads, and fills blocks that the caller owns
// exclusively.
unsafe impl Sync for Arena {}

impl Arena {
    /// Returns the whole words inside `region`, or its usable size in words as an error when it
    /// exceeds `max_words` by more than one: one word more is left out, so that a region of a round
    /// size will do.
    ///
    /// # Safety
    /// - The region is valid for reads and writes of aligned 32-bit words as long as the arena or a
    ///   copy of it is used.
    /// - Nothing else accesses it meanwhile, except users of blocks that were handed out, within
    ///   their blocks.
    pub(crate) unsafe fn new(region: NonNull<[u8]>, max_words: u32) -> Result<Self, usize> {
        let lead = region.cast::<u8>().addr().get().wrapping_neg() % 4;
        let words = region.len().saturating_sub(lead) / 4;
        match u32::try_from(words) {
            Ok(words) if words <= max_words.saturating_add(1) => {
                // SAFETY: `lead` ≤ 3; where the region is shorter, `words` is 0 and the pointer is
                // never used.
                let base = unsafe { region.cast::<u8>().add(lead.min(region.len())) };
                Ok(Self {
                    base: base.cast(),
                    words: words.min(max_words),
                })
            }
            _ => Err(words),
        }
    }

    /// Returns the words of a block of `bytes` bytes, a last one that is not whole included.
    ///
    /// # Safety
    /// As [`Arena::new`], for the words of the block; `block` is a multiple of 4.
    pub(crate) const unsafe fn over(block: NonNull<u8>, bytes: u32) -> Self {
        Self {
            base: block.cast(),
            words: bytes.div_ceil(4),
        }
    }

    /// Returns the number of words.
    pub(crate) const fn words(self) -> u32 {
        self.words
    }

    /// Returns the index that word 0 would have if words were counted from address 0, modulo 2³²:
    /// shows alignments.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "alignments are below 2^28 bytes: the low 32 bits of the word number decide"
    )]
    pub(crate) fn phase(self) -> u32 {
        (self.base.addr().get() / 4) as u32
    }

    /// Reads one word.
    #[inline(always)]
    pub(crate) fn get(self, index: u32) -> u32 {
        u32::from_le(self.word(index).load(Ordering::Relaxed))
    }

    /// Writes one word.
    #[inline(always)]
    pub(crate) fn set(self, index: u32, value: u32) {
        self.word(index).store(value.to_le(), Ordering::Relaxed);
    }

    #[inline(always)]
    fn word<'region>(self, index: u32) -> &'region AtomicU32 {
        debug_assert!(index < self.words, "word {index} of {}", self.words);
        // SAFETY: the index is inside the region (invariant of the callers).
        let word = unsafe { self.base.add(index as usize) };
        // SAFETY: the word is aligned, readable and writable as long as the arena is used (contract
        // of `new`). Whoever else accesses it does not do so at the same time: it is the heap's, or
        // it is in a block of which the caller has charge.
        unsafe { AtomicU32::from_ptr(word.as_ptr()) }
    }

    /// Returns the address of a byte of the region; `offset` is at most the region's size.
    pub(crate) fn pointer(self, offset: u32) -> NonNull<u8> {
        debug_assert!(offset <= self.words * 4);
        // SAFETY: the place lies inside the region or just behind it (invariant of the callers).
        unsafe { self.base.cast::<u8>().add(offset as usize) }
    }

    /// Returns the distance of `pointer` from the region's first byte; `None` outside the region.
    pub(crate) fn offset_of(self, pointer: *const u8) -> Option<u32> {
        let distance = pointer.addr().checked_sub(self.base.addr().get())?;
        let offset = u32::try_from(distance).ok()?;
        (offset < self.words * 4).then_some(offset)
    }
}

/// Bytes and runs of bytes, by words.
impl Arena {
    pub(crate) const BASE_AT: usize = core::mem::offset_of!(Self, base);
    pub(crate) const WORDS_AT: usize = core::mem::offset_of!(Self, words);

    /// Copies `words` words from index `from` to index `to` of an arena, upwards.
    pub(crate) fn copy_words(self, from: u32, target: Self, to: u32, words: u32) {
        const AT_ONCE: u32 = 4;
        let copy = |word| target.set(to + word, self.get(from + word));
        let rest = words % AT_ONCE;
        for first in (0..words - rest).step_by(AT_ONCE as usize) {
            (first..first + AT_ONCE).for_each(copy);
        }
        (words - rest..words).for_each(copy);
    }

    /// Reads the byte at `offset`.
    pub(crate) fn byte(self, offset: u32) -> u8 {
        self.get(offset / 4).to_le_bytes()[(offset % 4) as usize]
    }

    /// Writes the byte at `offset`; the three bytes around it keep their values.
    pub(crate) fn set_byte(self, offset: u32, value: u8) {
        let mut bytes = self.get(offset / 4).to_le_bytes();
        bytes[(offset % 4) as usize] = value;
        self.set(offset / 4, u32::from_le_bytes(bytes));
    }

    /// Writes `value` into all bytes of `start..end`.
    pub(crate) fn fill(self, start: u32, end: u32, value: u8) {
        let (head, words, tail) = split(start, end);
        head.chain(tail).for_each(|at| self.set_byte(at, value));
        words.for_each(|index| self.set(index, u32::from_ne_bytes([value; 4])));
    }

    /// Place of the first byte in `start..end` that differs from `value`.
    pub(crate) fn first_other(self, start: u32, end: u32, value: u8) -> Option<u32> {
        let (mut head, mut words, mut tail) = split(start, end);
        let differs = |at: &u32| self.byte(*at) != value;
        let pattern = u32::from_ne_bytes([value; 4]);
        head.find(differs)
            .or_else(|| {
                let word = words.find(|&index| self.get(index) != pattern)?;
                (word * 4..word * 4 + 4).find(differs)
            })
            .or_else(|| tail.find(differs))
    }
}

type Range = core::ops::Range<u32>;

/// Returns the bytes before the first whole word of `start..end`, the indices of its whole words,
/// the bytes behind the last one.
fn split(start: u32, end: u32) -> (Range, Range, Range) {
    let first = start.next_multiple_of(4).min(end);
    let last = (end & !3).max(first);
    (start..first, first / 4..last / 4, last..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    fn on(bytes: &mut [u8]) -> Arena {
        // SAFETY: the tests keep the buffer alive and touch it through the arena only.
        unsafe { Arena::new(NonNull::from(bytes), u32::MAX) }.unwrap()
    }

    #[test]
    fn words_lie_between_the_first_and_the_last_boundary() {
        let mut memory = vec![0_u32; 8];
        let bytes: &mut [u8] = bytes_of(&mut memory);
        for (start, end, words) in [
            (0, 32, 8),
            (1, 32, 7),
            (3, 31, 6),
            (4, 4, 0),
            (5, 7, 0),
            (1, 2, 0),
        ] {
            assert_eq!(on(&mut bytes[start..end]).words(), words, "{start}..{end}");
        }
    }

    #[test]
    fn filling_touches_exactly_the_bytes_asked_for() {
        for start in 0..12_u32 {
            for end in start..=12 {
                let mut memory = vec![0x1111_1111_u32; 3];
                let arena = on(bytes_of(&mut memory));
                arena.fill(start, end, 0xFE);
                let bytes: Vec<u8> = (0..12).map(|at| arena.byte(at)).collect();
                let expected: Vec<u8> = (0..12)
                    .map(|at| {
                        if (start..end).contains(&at) {
                            0xFE
                        } else {
                            0x11
                        }
                    })
                    .collect();
                assert_eq!(bytes, expected);
                assert_eq!(arena.first_other(start, end, 0xFE), None);
                for at in start..end {
                    let kept = arena.byte(at);
                    arena.set_byte(at, 0);
                    assert_eq!(arena.first_other(start, end, 0xFE), Some(at));
                    arena.set_byte(at, kept);
                }
            }
        }
    }

    fn bytes_of(words: &mut [u32]) -> &mut [u8] {
        let length = words.len() * 4;
        // SAFETY: any word is four valid bytes.
        unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), length) }
    }
}
