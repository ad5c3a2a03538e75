//! Memory that faults on everything but aligned words, as the ESP32's IRAM does.
//!
//! The emulator's RAM takes any access. So the page of IRAM is closed to data, each access to it
//! traps, and the handler in `traps.S` does what the chip would: it carries out loads and stores of
//! aligned words and counts them; anything else ends the program with a report. Literals of code
//! lie in the same page and are loaded by words, so code goes on, and is counted too.

use super::assembly;

/// Accesses to IRAM's page since it was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WordsOnly {
    /// Aligned words read, literals of the code included.
    pub read: u32,
    /// Aligned words written.
    pub written: u32,
}

/// Runs `work` while IRAM takes aligned words only. Interrupts must be off.
pub fn words_only<R>(work: impl FnOnce() -> R) -> (R, WordsOnly) {
    let before = counts();
    // SAFETY: the handler carries out what the page no longer does.
    unsafe { assembly::iram_for_words_only(1) };
    let result = work();
    // SAFETY: opens the page again.
    unsafe { assembly::iram_for_words_only(0) };
    let after = counts();
    let counted = WordsOnly {
        read: after.read - before.read,
        written: after.written - before.written,
    };
    (result, counted)
}

fn counts() -> WordsOnly {
    let record = &raw const assembly::trap_record;
    // SAFETY: the handler alone writes it, and no trap comes in between that would.
    let record = unsafe { record.read_volatile() };
    WordsOnly {
        read: record.words_read,
        written: record.words_written,
    }
}
