//! One number for many results.

/// FNV-1a over the bytes of all results.
pub(super) struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }
}

impl Hash {
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    pub(super) fn number(&mut self, number: u128) {
        self.bytes(&number.to_le_bytes());
    }

    pub(super) fn truth(&mut self, truth: bool) {
        self.bytes(&[u8::from(truth)]);
    }

    pub(super) const fn value(&self) -> u64 {
        self.0
    }
}
