//! The numbers that workloads are made of.

/// Marsaglia's xorshift32: the same sequence everywhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Random(u32);

impl Random {
    pub(crate) const fn new(seed: u32) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }
}
