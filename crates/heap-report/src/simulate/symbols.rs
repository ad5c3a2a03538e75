//! Linker symbols of a simulated program, by name.

use std::collections::BTreeMap;

use soc_regions::Symbols;

/// Linker symbols and their addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkerSymbols(BTreeMap<String, u32>);

impl<Name: Into<String>> FromIterator<(Name, u32)> for LinkerSymbols {
    fn from_iter<I: IntoIterator<Item = (Name, u32)>>(symbols: I) -> LinkerSymbols {
        let named = symbols.into_iter();
        LinkerSymbols(
            named
                .map(|(name, address)| (name.into(), address))
                .collect(),
        )
    }
}

impl Symbols for LinkerSymbols {
    fn address(&self, name: &str) -> Option<u32> {
        self.0.get(name).copied()
    }
}
