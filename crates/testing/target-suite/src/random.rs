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

    /// Returns one of `0..bound`; `bound` fits into 32 bits.
    pub(crate) const fn below(&mut self, bound: u32) -> u32 {
        let high = (self.next() >> 32) * bound as u64; // below 2^64: both factors are below 2^32
        (high >> 32) as u32
    }
}

/// Steele, Lea and Flood's SplitMix64: neighbouring numbers become far ones.
pub(crate) const fn mixed(number: u64) -> u64 {
    let one = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let two = (one ^ one >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let three = (two ^ two >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    three ^ three >> 31
}
