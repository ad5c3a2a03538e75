//! Watches: ranges of data breakpoints, and the processor's setup for them.

/// Memory that a data breakpoint watches for writes: a power of two of bytes, aligned to its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    start: u32,
    bytes: u32,
}

impl Watch {
    /// Returns the most that one breakpoint can watch from `start` on: at most `room` and `largest`
    /// bytes, and at least a word. `None` if there is no room for a word, or `start` lies off the
    /// word grid.
    #[must_use]
    pub const fn at(start: u32, room: u32, largest: u32) -> Option<Self> {
        if !start.is_multiple_of(4) || room < 4 || largest < 4 {
            return None;
        }
        let most = if room < largest { room } else { largest };
        let mut bytes = 1 << most.ilog2();
        while !start.is_multiple_of(bytes) {
            bytes /= 2;
        }
        Some(Self { start, bytes })
    }

    /// First address.
    #[must_use]
    pub const fn start(self) -> u32 {
        self.start
    }

    /// Returns how many bytes.
    #[must_use]
    pub const fn bytes(self) -> u32 {
        self.bytes
    }

    /// Returns whether an access to `bytes` bytes at `address` touches it.
    #[must_use]
    pub const fn touches(self, address: u32, bytes: u32) -> bool {
        // One of the two begins in the other.
        address.wrapping_sub(self.start) < self.bytes || self.start.wrapping_sub(address) < bytes
    }
}

/// The data breakpoints of the core that calls.
///
/// [`xtensa`](crate::xtensa) and [`riscv`](crate::riscv) know what is written into the registers;
/// the program writes it, because how that is done depends on its compiler and on the mode in
/// which it runs.
pub trait Watchpoints {
    /// The most bytes that one of them watches, a power of two.
    const LARGEST: u32;

    /// Returns how many the core has. At most [`SLOTS`](crate::SLOTS) are used.
    fn slots(&self) -> u8;

    /// Returns whether nobody has armed it: a debugger, what watches the stack.
    fn is_free(&self, slot: u8) -> bool;

    /// Arms it for writes, or disarms it; returns whether the processor took it. Called with the
    /// guards' lock held, and from the debug exception.
    fn set(&self, slot: u8, watch: Option<Watch>) -> bool;
}

/// None: a processor without data breakpoints, or a program that uses a quarantine only.
impl Watchpoints for () {
    const LARGEST: u32 = 4;

    fn slots(&self) -> u8 {
        0
    }

    fn is_free(&self, _: u8) -> bool {
        false
    }

    fn set(&self, _: u8, _: Option<Watch>) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::Watch;

    fn at(start: u32, room: u32, largest: u32) -> Option<(u32, u32)> {
        Watch::at(start, room, largest).map(|watch| (watch.start(), watch.bytes()))
    }

    #[test]
    fn a_watch_is_as_large_as_its_alignment_lets_it() {
        assert_eq!(at(0x3FFB_0040, 64, 64), Some((0x3FFB_0040, 64)));
        assert_eq!(at(0x3FFB_0040, 63, 64), Some((0x3FFB_0040, 32)));
        assert_eq!(at(0x3FFB_0040, 4096, 64), Some((0x3FFB_0040, 64)));
        assert_eq!(at(0x3FFB_0044, 64, 64), Some((0x3FFB_0044, 4)));
        assert_eq!(at(0x3FFB_0048, 64, 64), Some((0x3FFB_0048, 8)));
        assert_eq!(at(0x3FFB_0042, 64, 64), None);
        assert_eq!(at(0x3FFB_0040, 3, 64), None);
    }

    #[test]
    fn an_access_touches_it_if_they_share_a_byte() {
        let watch = Watch::at(0x1000, 16, 64).unwrap();
        let touching = (0xFF8..0x1018)
            .filter(|address| watch.touches(*address, 4))
            .collect::<std::vec::Vec<_>>();
        assert_eq!(touching, (0xFFD..0x1010).collect::<std::vec::Vec<_>>());
    }
}
