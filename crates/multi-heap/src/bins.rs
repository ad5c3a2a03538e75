//! Size classes: the free list of each block size.
//!
//! ```text
//!   words           2  3  4 ... 15 | 16-17 18-19 ... 30-31 | 32-35 ... 60-63 | 64-71 ...        8 lists for each power of two
//!   bin             2  3  4 ... 15 |  16    17        23   |  24        31   |  32  ...
//! ```
//!
//! Up to 15 words (60 bytes) a list holds blocks of one size. Above, its blocks differ by less than
//! 1/8 of their size.

/// log2 of the number of lists for each power of two.
const STEP_BITS: u32 = 3;
const STEPS: u32 = 1 << STEP_BITS;

/// Smallest block that is kept in a list, in words. A single word has room for a header only.
pub(crate) const MIN_BLOCK_WORDS: u32 = 2;

/// Largest block in words: 2²⁵ words are 128 MiB, and their list is the last one that the bitmap
/// has a bit for.
pub(crate) const MAX_BLOCK_WORDS: u32 = (1 << 25) - 1;

/// Number of words of the bitmap: one bit for each list.
pub(crate) const MAP_WORDS: u32 = 6;

const _: () = assert!(bin_of(MAX_BLOCK_WORDS) < MAP_WORDS * 32);

/// Returns the list that holds free blocks of `words`. Rises with `words`; `words` is at least 1.
#[inline(always)]
pub(crate) const fn bin_of(words: u32) -> u32 {
    let shift = octaves_above_steps(words);
    (shift << STEP_BITS) + (words >> shift)
}

/// Returns whether blocks of `words` and of `more`, which are at least as many, are in one list.
#[inline(always)]
pub(crate) const fn is_same_bin(words: u32, more: u32) -> bool {
    let shift = octaves_above_steps(words);
    words >> shift == more >> shift
}

/// Returns how many powers of two `words` lies above the sizes that have a list each.
#[inline(always)]
const fn octaves_above_steps(words: u32) -> u32 {
    (words | STEPS).ilog2() - STEP_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_sizes_have_a_list_each() {
        for words in 2..16 {
            assert_eq!(bin_of(words), words);
        }
        assert_eq!(
            [16, 17, 18, 31, 32, 35, 36, 63, 64].map(bin_of),
            [16, 16, 17, 23, 24, 24, 25, 31, 32]
        );
    }

    #[test]
    fn blocks_of_one_list_are_distinguished_from_others() {
        for words in 1..300 {
            for more in words..600 {
                assert_eq!(is_same_bin(words, more), bin_of(words) == bin_of(more));
            }
        }
    }

    #[test]
    fn lists_rise_one_by_one_and_are_an_eighth_wide_at_most() {
        let mut first_of_bin = 1;
        for words in 2..200_000 {
            match bin_of(words) - bin_of(words - 1) {
                0 => assert!((words - first_of_bin) * 8 < words),
                1 => first_of_bin = words,
                gap => panic!("{gap} lists skipped at {words}"),
            }
        }
    }
}
