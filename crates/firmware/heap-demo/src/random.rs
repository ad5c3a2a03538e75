//! Pseudo-random numbers from a fixed seed.

/// Marsaglia's xorshift with 32 bits.
#[derive(Debug)]
pub(crate) struct Random(u32);

impl Random {
    /// Another seed, another sequence.
    pub(crate) const fn new(seed: u32) -> Self {
        // An odd number less an even one is not zero, which would stay zero.
        Self(0x2545_F491 ^ seed.wrapping_mul(2))
    }

    /// Returns a number below `limit`, which is not zero.
    pub(crate) const fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 % limit
    }
}
