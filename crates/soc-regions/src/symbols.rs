//! Linker symbols of a program: where its sections end, and which memory it keeps besides.
//!
//! A reservation may end "where the program's data ends", which only the linked program knows.
//! Firmware answers with the addresses of its linker symbols, a host tool with those of an ELF
//! file, a test with a list.

use crate::Reservation;

/// Answers the address of a linker symbol.
///
/// Implemented for closures, for lists of name and address, and for pairs: the first that knows the
/// name answers, the first that has reservations says which. [`Linked`] has reservations of the
/// program's own besides.
///
/// ```
/// use soc_regions::{ESP32, Symbols};
///
/// let usual = ESP32.sample_symbols(&ESP32.default_options());
/// let symbols = ([("_heap_start", 0x3FFC_0000)], usual);
/// assert_eq!(symbols.address("_heap_start"), Some(0x3FFC_0000));
/// assert_eq!(symbols.address("_data_start"), Some(0x3FFB_0000));
/// ```
pub trait Symbols {
    /// Returns the address of `name`; `None` if there is no such symbol.
    fn address(&self, name: &str) -> Option<u32>;

    /// Returns the memory that the program keeps besides what the chip's table reserves: a stack, a
    /// buffer at a fixed address. ESP-IDF's `SOC_RESERVE_MEMORY_REGION`.
    fn reservations(&self) -> &[Reservation] {
        &[]
    }
}

/// A program that keeps memory of its own: a stack at the top of the RAM, say, which its linker
/// script leaves there.
///
/// ```
/// use soc_regions::{Bound, Caps, ESP32, Linked, Reservation};
///
/// // 16 KiB below `_stack_top`
/// const TOP: Bound = Bound::symbol("_stack_top");
/// const STACK: Reservation =
///     Reservation::new("stack", TOP.plus(-0x4000), TOP);
/// let options = ESP32.default_options();
/// let symbols = ([("_stack_top", 0x3FFE_0000)], ESP32.sample_symbols(&options));
/// let program = Linked { symbols, reservations: &[STACK] };
/// let layout = ESP32.layout(&options, &program)?;
/// assert_eq!(layout.available_bytes(Caps::DMA), 319_976 - 0x4000);
/// # Ok::<(), soc_regions::LayoutError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Linked<'a, S> {
    /// Where the linker put things.
    pub symbols: S,
    /// What the program keeps besides.
    pub reservations: &'a [Reservation],
}

impl<S: Symbols> Symbols for Linked<'_, S> {
    fn address(&self, name: &str) -> Option<u32> {
        self.symbols.address(name)
    }

    fn reservations(&self) -> &[Reservation] {
        self.reservations
    }
}

impl<F: Fn(&str) -> Option<u32>> Symbols for F {
    fn address(&self, name: &str) -> Option<u32> {
        self(name)
    }
}

impl Symbols for [(&str, u32)] {
    fn address(&self, name: &str) -> Option<u32> {
        self.iter()
            .find(|(known, _)| *known == name)
            .map(|&(_, address)| address)
    }
}

impl<const N: usize> Symbols for [(&str, u32); N] {
    fn address(&self, name: &str) -> Option<u32> {
        self.as_slice().address(name)
    }
}

impl<A: Symbols, B: Symbols> Symbols for (A, B) {
    fn address(&self, name: &str) -> Option<u32> {
        self.0.address(name).or_else(|| self.1.address(name))
    }

    fn reservations(&self) -> &[Reservation] {
        match self.0.reservations() {
            [] => self.1.reservations(),
            first => first,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closures_and_lists_answer_and_the_first_of_a_pair_wins() {
        let list = [("_data_start", 1), ("_heap_start", 2)];
        let closure = |name: &str| (name == "_heap_start").then_some(3);
        assert_eq!(list.address("_heap_start"), Some(2));
        assert_eq!((closure, list).address("_heap_start"), Some(3));
        assert_eq!((closure, list).address("_data_start"), Some(1));
        assert_eq!((closure, list).address("_iram_end"), None);
    }
}
