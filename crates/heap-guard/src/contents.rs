//! Bytes that nobody may write: filled with a pattern, compared later. Whole aligned words only, as
//! some memory demands.

use core::ops::Range;
use core::ptr::NonNull;

/// What stands in them. As an address it leads nowhere on the chips.
pub const PATTERN: u32 = 0xD9D9_D9D9;

/// Words of a block that nobody may write, the last word of the user's part with them as far as it
/// is not the user's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forbidden {
    block: NonNull<u32>,
    /// Bytes from the block's start that are the user's.
    size: u32,
    /// Bytes of the block.
    room: u32,
}

impl Forbidden {
    /// Returns what lies behind the first `size` of a block's `room` bytes.
    ///
    /// # Safety
    /// - `block` is a multiple of 4, and `room` bytes from it on are memory of one block.
    /// - For as long as this is used, nobody is meant to use what lies behind `size`, and nobody
    ///   frees the block.
    pub(crate) unsafe fn behind(block: NonNull<u8>, size: u32, room: u32) -> Self {
        Self {
            block: block.cast(),
            size,
            room,
        }
    }

    /// Returns the words, as distances from the block's start in words, and of each the bits that
    /// nobody may write.
    fn words(self) -> (Option<(usize, u32)>, Range<usize>) {
        let used = self.size as usize; // widening
        let partial = (!used.is_multiple_of(4)).then(|| (used / 4, u32::MAX << (8 * (used % 4))));
        (partial, used.div_ceil(4)..self.room as usize / 4) // widening
    }

    /// Fills it. O(room - size).
    pub(crate) fn fill(self) {
        let (partial, words) = self.words();
        if let Some((word, mask)) = partial {
            let value = self.read(word) & !mask | PATTERN & mask;
            self.write(word, value);
        }
        words.for_each(|word| self.write(word, PATTERN));
    }

    /// Returns the first word that is not as it was filled: its distance from the block's start in
    /// bytes, and what it is now. O(room - size).
    pub(crate) fn changed(self) -> Option<(u32, u32)> {
        let (partial, words) = self.words();
        let partial = partial.into_iter();
        let mut words = partial.chain(words.map(|word| (word, u32::MAX)));
        words.find_map(|(word, mask)| {
            let found = self.read(word);
            let distance = u32::try_from(word * 4).ok()?;
            ((found ^ PATTERN) & mask != 0).then_some((distance, found))
        })
    }

    fn read(self, word: usize) -> u32 {
        // SAFETY: a word of the block (contract of `behind`).
        let word = unsafe { self.block.add(word) };
        // SAFETY: the same; volatile, since forbidden writes may happen there.
        unsafe { word.read_volatile() }
    }

    fn write(self, word: usize, value: u32) {
        // SAFETY: a word of the block (contract of `behind`).
        let word = unsafe { self.block.add(word) };
        // SAFETY: the same, and nobody is meant to use these bits.
        unsafe { word.write_volatile(value) };
    }
}

/// Returns whether a block begins as one in quarantine does. One that does not is in none.
///
/// # Safety
/// `block` is a block of the heap, or in quarantine, and has at least a word.
pub(crate) unsafe fn begins_with_pattern(block: NonNull<u8>) -> bool {
    // SAFETY: blocks begin on the word grid; the caller promises the word.
    unsafe { block.cast::<u32>().read_volatile() == PATTERN }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forbidden(block: &mut [u32; 4], size: u32) -> Forbidden {
        // SAFETY: the array has 16 bytes, and each test uses it through this meanwhile.
        unsafe { Forbidden::behind(NonNull::from(block).cast(), size, 16) }
    }

    #[test]
    fn the_users_bytes_stay() {
        let mut block = [0x0403_0201; 4];
        forbidden(&mut block, 6).fill();
        assert_eq!(block, [0x0403_0201, 0xD9D9_0201, PATTERN, PATTERN]);
    }

    #[test]
    fn the_first_change_behind_the_user_is_found_and_none_before() {
        for (byte, found) in [
            (0, None),
            (5, None),
            (6, Some(4)),
            (9, Some(8)),
            (15, Some(12)),
        ] {
            let mut block = [0; 4];
            forbidden(&mut block, 6).fill();
            let bytes: *mut u8 = (&raw mut block).cast();
            // SAFETY: a byte of the array.
            let byte = unsafe { bytes.add(byte) };
            // SAFETY: the same.
            unsafe { byte.write(1) };
            let changed = forbidden(&mut block, 6).changed();
            assert_eq!(changed.map(|(distance, _)| distance), found);
        }
    }
}
