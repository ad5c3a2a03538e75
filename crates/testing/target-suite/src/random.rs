//! The numbers that checks are made of.

/// Marsaglia's xorshift64: the same sequence on every machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// One of `0..bound`; `bound` fits into 32 bits.
    pub(crate) const fn below(&mut self, bound: u32) -> u32 {
        let high = (self.next() >> 32) * bound as u64; // below 2^64: both factors are below 2^32
        (high >> 32) as u32
    }
}
