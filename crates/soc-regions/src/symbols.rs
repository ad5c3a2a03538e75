//! Where the linker put things.
//!
//! A reservation may end "where the program's data ends", which only the linked program knows. Firmware answers with the
//! addresses of its linker symbols, a host tool with those of an ELF file, a test with a list.

/// Answers the address of a linker symbol.
///
/// Implemented for closures, for lists of name and address, and for pairs: the first that knows the name answers.
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
    /// The address of `name`; `None` if there is no such symbol.
    fn address(&self, name: &str) -> Option<u32>;
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
