//! Reads of stack words: the one place that makes pointers of them.

use core::ops::Range;

use super::walk::Words;

/// The memory in which stacks lie.
#[derive(Clone, Debug)]
pub struct StackMemory {
    range: Range<usize>,
}

impl StackMemory {
    /// Returns the addresses of `range`.
    ///
    /// # Safety
    /// - Aligned words between its ends can be read at any time: it is RAM.
    #[must_use]
    pub const unsafe fn new(range: Range<usize>) -> Self {
        Self { range }
    }
}

impl Words for StackMemory {
    fn word(&self, address: u32) -> Option<u32> {
        let address = usize::try_from(address).ok()?;
        let last = self.range.end.checked_sub(size_of::<u32>())?;
        if !address.is_multiple_of(4) || !(self.range.start..=last).contains(&address) {
            return None;
        }
        let word: *const u32 = core::ptr::with_exposed_provenance(address);
        // SAFETY: aligned and inside of memory that can be read (contract of `new`). Volatile: it
        // belongs to other functions' frames.
        Some(unsafe { word.read_volatile() })
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    #[test]
    fn addresses_outside_of_the_range_and_off_the_grid_are_not_read() {
        // SAFETY: nothing of it is ever read.
        let memory = unsafe { StackMemory::new(0x1000..0x1003) };
        for address in [0, 0x0FFC, 0x1000, 0x1001, 0x1004, u32::MAX] {
            assert_eq!(memory.word(address), None, "{address:#x}");
        }
    }
}
