//! References of code in RAM, from the relocations that `--emit-relocs` leaves in a program.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::Path;

use object::{
    File, Object, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget, SectionKind,
    SymbolKind,
};
use rustc_demangle::demangle;

use crate::error::Error;

/// The section that is kept in RAM.
const RAM: &str = ".iram1";

/// `R_XTENSA_32`.
const LITERAL: RelocationFlags = RelocationFlags::Elf {
    r_type: object::elf::RelocationType(1),
};

/// Copies and fills: of a chip's ROM, or kept in RAM by the C library.
const OF_ROM: [&str; 4] = ["memcpy", "memmove", "memset", "memcmp"];

/// What calls the program's own handler for a fault or a refusal, or ends the program: a wrong
/// pointer, a damaged heap, a lock acquired twice. A program without a handler gets there only
/// where it is wrong.
const TELLS: [&str; 11] = [
    "report_data",
    "report_in",
    "serve::report",
    "misuse_of",
    "Heap>::explain",
    "explain_within",
    "refused_as_corrupt",
    "heap_at", // which of several sets was met, for a hook
    "notify_refused",
    "reentered",
    "panicking",
];

/// What a program in C has: its critical section.
const OF_PROGRAM: [&str; 1] = ["_critical_section_1_0_"];

/// One use of something by code in RAM.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    from: String,
    to: String,
    section: String,
}

impl fmt::Display for Reference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, section } = self;
        write!(out, "{from} needs {to} in {section}")
    }
}

/// What code in RAM refers to.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Bytes of that code.
    pub(crate) bytes: u64,
    /// How many references there are.
    pub(crate) references: usize,
    /// Those that lead out of RAM.
    pub(crate) into_flash: BTreeSet<Reference>,
    /// Those that lead out of RAM to handlers of faults and refusals.
    pub(crate) telling: BTreeSet<Reference>,
}

/// Follows the references of a program's code in RAM.
///
/// # Errors
/// The file can't be read, or has no such code.
pub(crate) fn read(path: &Path) -> Result<Found, Error> {
    let bytes = fs::read(path).map_err(|cause| Error::file(path, cause))?;
    let file = File::parse(&*bytes).map_err(|cause| Error::file(path, cause))?;
    of(&file).ok_or_else(|| Error::file(path, format!("there is no code in {RAM}")))
}

fn of(file: &File<'_>) -> Option<Found> {
    let ram = file.section_by_name(RAM)?;
    let references = ram.relocations().filter_map(|(at, relocation)| {
        let RelocationTarget::Symbol(symbol) = relocation.target() else {
            return None;
        };
        // A literal is the address itself.
        if relocation.flags() == LITERAL {
            let word = ram.data_range(at, 4).ok()??;
            return Some((at, u32::from_le_bytes(word.try_into().ok()?).into()));
        }
        let symbol = file.symbol_by_index(symbol).ok()?;
        let to = symbol.address().wrapping_add_signed(relocation.addend());
        Some((at, to))
    });
    let flash = file.sections().filter(|section| {
        is_flash(section.kind()) && section.address() != 0 && section.address() != ram.address()
    });
    let flash = flash.map(|section| {
        let span = section.address()..section.address() + section.size();
        (span, section.name().unwrap_or_default().to_owned())
    });
    Some(followed(
        &references.collect::<Vec<_>>(),
        &(ram.address()..ram.address() + ram.size()),
        &flash.collect::<Vec<_>>(),
        &functions(file),
    ))
}

/// Sorts references, each from a place in `ram` to an address.
fn followed(
    references: &[(u64, u64)],
    ram: &Range<u64>,
    flash: &[(Range<u64>, String)],
    functions: &BTreeMap<u64, String>,
) -> Found {
    let mut found = Found {
        bytes: ram.end - ram.start,
        ..Found::default()
    };
    // A literal is used by the function that loads it.
    let loads = references.iter().filter(|(_, to)| ram.contains(to));
    let users: BTreeMap<u64, u64> = loads.map(|&(at, to)| (to, at)).collect();
    for &(at, to) in references.iter().filter(|(_, to)| !ram.contains(to)) {
        found.references += 1;
        let Some((_, section)) = flash.iter().find(|(span, _)| span.contains(&to)) else {
            continue; // data, a register, a number
        };
        let from = users.get(&at).copied().unwrap_or(at);
        let reference = Reference {
            from: named(functions, from),
            to: named(functions, to),
            section: section.clone(),
        };
        let leads_to = |names: &[&str]| names.iter().any(|name| reference.to.contains(name));
        if leads_to(&OF_ROM) || leads_to(&OF_PROGRAM) {
            continue;
        }
        if leads_to(&TELLS) {
            found.telling.insert(reference)
        } else {
            found.into_flash.insert(reference)
        };
    }
    found
}

/// Returns whether a section lies in flash on a chip: code and constants do.
fn is_flash(kind: SectionKind) -> bool {
    matches!(
        kind,
        SectionKind::Text | SectionKind::ReadOnlyData | SectionKind::ReadOnlyString
    )
}

fn functions(file: &File<'_>) -> BTreeMap<u64, String> {
    let symbols = file.symbols();
    let named = symbols.filter(|symbol| {
        matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data) && symbol.name() != Ok("")
    });
    named
        .map(|symbol| {
            let name = symbol.name().unwrap_or_default();
            (symbol.address(), format!("{:#}", demangle(name)))
        })
        .collect()
}

fn named(functions: &BTreeMap<u64, String>, address: u64) -> String {
    let before = functions.range(..=address).next_back();
    before.map_or_else(|| format!("0x{address:08x}"), |(_, name)| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAM: Range<u64> = 0x4008_0000..0x4008_1000;

    fn functions() -> BTreeMap<u64, String> {
        let names = [
            (0x4008_0100, "stay"),
            (0x4008_0200, "advance"),
            (0x400D_0000, "helper"),
            (0x400D_0100, "memcpy"),
            (0x400D_0200, "report_in"),
            (0x3F44_0000, "TABLE"),
        ];
        names.map(|(at, name)| (at, name.to_owned())).into()
    }

    fn follow(references: &[(u64, u64)]) -> Found {
        let flash = [
            (0x400D_0000..0x400E_0000, ".text".to_owned()),
            (0x3F44_0000..0x3F45_0000, ".rodata".to_owned()),
        ];
        followed(references, &RAM, &flash, &functions())
    }

    fn lines(found: &BTreeSet<Reference>) -> Vec<String> {
        found.iter().map(Reference::to_string).collect()
    }

    #[test]
    fn a_literal_is_of_the_function_that_loads_it() {
        let found = follow(&[(0x4008_0010, 0x400D_0004), (0x4008_0208, 0x4008_0010)]);
        let found = lines(&found.into_flash);
        assert_eq!(found, ["advance needs helper in .text"]);
    }

    #[test]
    fn jumps_and_constants_in_flash_are_found() {
        let found = follow(&[(0x4008_0104, 0x400D_0000), (0x4008_0204, 0x3F44_0008)]);
        let found = lines(&found.into_flash);
        let expected = [
            "advance needs TABLE in .rodata",
            "stay needs helper in .text",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn copies_data_and_fault_reports_are_no_fault() {
        let found = follow(&[
            (0x4008_0104, 0x400D_0100),
            (0x4008_0108, 0x3FFB_0000),
            (0x4008_010C, 0x400D_0200),
        ]);
        assert_eq!(lines(&found.into_flash), [""; 0]);
        assert_eq!(lines(&found.telling), ["stay needs report_in in .text"]);
        assert_eq!(found.references, 3);
    }
}
