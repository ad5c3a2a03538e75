//! Bytes as instructions of a campaign.

use alloc::vec::Vec;

use crate::random::Random;

/// What is left of an input; zeros behind its end.
#[derive(Clone, Debug)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// Returns the whole input.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Returns whether nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the next byte.
    pub const fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        byte
    }

    /// Returns the next two bytes.
    pub const fn short(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// Replaces the contents of `bytes` by `count` bytes that follow from `seed`.
    pub fn fill(bytes: &mut Vec<u8>, seed: u64, count: usize) {
        bytes.clear();
        let mut random = Random::new(seed | 1);
        let numbers = core::iter::repeat_with(|| random.next().to_le_bytes());
        bytes.extend(numbers.flatten().take(count));
    }
}
