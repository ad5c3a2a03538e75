//! Start detection: a mark in `.bss` that is cleared once, when the program starts.
//!
//! ```text
//!   claim, in `.data`   taken?        mark, in `.bss`    what it means
//!   no                                zeros              the program has started, or memory is zero by chance
//!   no                                anything else      what the program before left: nothing is cleared yet
//!   yes                               set                the claim is this program's, and taken
//!   yes                               zeros              cleared since it was taken, and the heap with it
//! ```

use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

/// Four words, so that memory that nobody has cleared does not look cleared by chance.
const WORDS: usize = 4;
/// Of no other use, and unlike an address, a size or text.
const SET: u32 = 0xC1A1_3ED5;

/// Words in `.bss` that are zero when a program starts, until its claim is taken. Their symbol is
/// in a program once.
pub struct Mark([AtomicU32; WORDS]);

impl Mark {
    /// As start-up code leaves it.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "for a static that a macro writes"
    )]
    pub const fn new() -> Mark {
        Mark([const { AtomicU32::new(0) }; WORDS])
    }

    pub(super) fn is_cleared(&self) -> bool {
        self.words().all(|word| word == 0)
    }

    pub(super) fn set(&self) {
        self.0
            .iter()
            .for_each(|word| word.store(SET, Ordering::Relaxed));
    }

    /// What start-up code does.
    #[cfg(test)]
    pub(super) fn clear(&self) {
        self.0
            .iter()
            .for_each(|word| word.store(0, Ordering::Relaxed));
    }

    fn words(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().map(|word| word.load(Ordering::Relaxed))
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.words()).finish()
    }
}
