//! Fill patterns of simulated blocks, in which a single changed byte is found.
//!
//! Byte `i` of the block with stamp `s` is byte `i % 4` of `word(s, i / 4)`: every word of every
//! block is different. Memory is reached by aligned words, as the chip's word-only memory wants it;
//! a last partial word keeps the bytes behind the block's end, which belong to other blocks.

/// Memory that is read and written by aligned words.
pub(crate) trait Words {
    fn word(&self, address: u32) -> Option<u32>;
    /// False if there is no such word.
    fn set_word(&mut self, address: u32, value: u32) -> bool;
}

/// A block full of its pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PatternBlock {
    pub(crate) address: u32,
    pub(crate) size: u32,
    /// Makes its pattern its own.
    pub(crate) stamp: u32,
}

/// A word that is not what had been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) address: u32,
    pub(crate) expected: u32,
    /// `None`: the memory cannot be read.
    pub(crate) found: Option<u32>,
}

impl PatternBlock {
    /// Writes the pattern into every byte.
    pub(crate) fn write(self, memory: &mut impl Words) -> Result<(), Changed> {
        for (address, pattern, mask) in self.words(self.size) {
            let kept = if mask == u32::MAX {
                0
            } else {
                memory.word(address).unwrap_or(0) & !mask
            };
            if !memory.set_word(address, pattern & mask | kept) {
                return Err(Changed {
                    address,
                    expected: pattern & mask,
                    found: None,
                });
            }
        }
        Ok(())
    }

    /// Whether the first `bytes` bytes still hold the pattern.
    pub(crate) fn verify(self, bytes: u32, memory: &impl Words) -> Result<(), Changed> {
        for (address, pattern, mask) in self.words(bytes.min(self.size)) {
            let expected = pattern & mask;
            let found = memory.word(address).map(|word| word & mask);
            if found != Some(expected) {
                return Err(Changed {
                    address,
                    expected,
                    found,
                });
            }
        }
        Ok(())
    }

    /// Returns the address, pattern and the bits that belong to the block, word by word.
    fn words(self, bytes: u32) -> impl Iterator<Item = (u32, u32, u32)> {
        (0..bytes.div_ceil(4)).map(move |index| {
            let mask = match bytes - index * 4 {
                left @ 1..=3 => u32::from_le((1 << (8 * left)) - 1),
                _ => u32::MAX,
            };
            (
                self.address.wrapping_add(index * 4),
                word(self.stamp, index),
                mask,
            )
        })
    }
}

/// Returns a different word for each stamp and index: odd multiples of both, mixed.
fn word(stamp: u32, index: u32) -> u32 {
    let mixed = stamp.wrapping_mul(0x9E37_79B1) ^ index.wrapping_mul(0x85EB_CA77);
    mixed ^ (mixed >> 15)
}

#[cfg(test)]
mod tests {
    use super::{PatternBlock, Words};

    struct Ram(Vec<u32>);

    impl Words for Ram {
        fn word(&self, address: u32) -> Option<u32> {
            self.0.get(address as usize / 4).copied()
        }

        fn set_word(&mut self, address: u32, value: u32) -> bool {
            self.0
                .get_mut(address as usize / 4)
                .map(|word| *word = value)
                .is_some()
        }
    }

    const BLOCK: PatternBlock = PatternBlock {
        address: 4,
        size: 10,
        stamp: 7,
    };

    #[test]
    fn what_was_written_is_found_again() {
        let mut ram = Ram(vec![0; 8]);
        BLOCK.write(&mut ram).unwrap();
        assert_eq!(BLOCK.verify(10, &ram), Ok(()));
    }

    #[test]
    fn bytes_beside_the_block_are_left_alone() {
        let mut ram = Ram(vec![u32::MAX; 8]);
        BLOCK.write(&mut ram).unwrap();
        assert_eq!(ram.0[0], u32::MAX);
        assert_eq!(ram.0[3].to_le_bytes()[2..], [0xFF, 0xFF]);
        assert_eq!(ram.0[4..], [u32::MAX; 4]);
    }

    #[test]
    fn each_single_byte_that_changes_is_found() {
        for byte in 0..10 {
            let mut ram = Ram(vec![0; 8]);
            BLOCK.write(&mut ram).unwrap();
            ram.0[1 + byte / 4] ^= 1 << (8 * (byte % 4));
            let changed = BLOCK.verify(10, &ram).unwrap_err();
            assert_eq!(changed.address as usize, 4 + byte / 4 * 4);
        }
    }

    #[test]
    fn two_blocks_have_different_patterns() {
        let mut ram = Ram(vec![0; 8]);
        BLOCK.write(&mut ram).unwrap();
        assert!(PatternBlock { stamp: 8, ..BLOCK }.verify(10, &ram).is_err());
    }

    #[test]
    fn only_the_bytes_asked_for_are_verified() {
        let mut ram = Ram(vec![0; 8]);
        BLOCK.write(&mut ram).unwrap();
        ram.0[3] = !ram.0[3];
        assert_eq!(BLOCK.verify(8, &ram), Ok(()));
        assert!(BLOCK.verify(9, &ram).is_err());
    }
}
