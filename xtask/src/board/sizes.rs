//! Size breakdown of a program by section and by crate.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::program::Program;
use esp_heap::table;

/// Crates with less than all these together are one row.
const ROWS: usize = 15;
const OTHERS: &str = "others";
/// Assembly, constants without a name, C.
const NO_CRATE: &str = "(no crate)";

/// A program's sizes, beside those of another if there is one.
pub(crate) struct Sizes<'a> {
    pub(crate) program: &'a Program,
    pub(crate) before: Option<&'a Program>,
}

impl fmt::Display for Sizes<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table(out, "section", by_section, usize::MAX)?;
        self.table(out, "crate", by_crate, ROWS)
    }
}

impl Sizes<'_> {
    fn table(
        &self,
        out: &mut fmt::Formatter<'_>,
        what: &str,
        measure: fn(&Program) -> BTreeMap<String, u64>,
        rows: usize,
    ) -> fmt::Result {
        let now = measure(self.program);
        match self.before {
            None => {
                let mut table = table::of_numbers([what, "bytes"]);
                for (name, bytes) in largest(now, rows) {
                    table.add_row([name, bytes.to_string()]);
                }
                writeln!(out, "{table}")
            }
            Some(before) => {
                let mut table = table::of_numbers([what, "before", "now", "difference"]);
                for (name, before, now) in changed(&measure(before), &now) {
                    let difference = i128::from(now) - i128::from(before);
                    table.add_row([
                        name,
                        before.to_string(),
                        now.to_string(),
                        format!("{difference:+}"),
                    ]);
                }
                writeln!(out, "{table}")
            }
        }
    }
}

fn by_section(program: &Program) -> BTreeMap<String, u64> {
    let pieces = program.firmware.pieces.iter();
    pieces
        .map(|piece| {
            (
                format!("{} ({})", piece.name, piece.content.name()),
                piece.span.size().into(),
            )
        })
        .collect()
}

fn by_crate(program: &Program) -> BTreeMap<String, u64> {
    let mut sizes = BTreeMap::new();
    for (name, bytes) in &program.items {
        *sizes.entry(crate_of(name)).or_default() += bytes;
    }
    sizes
}

/// Returns the crate that a symbol comes from: the first word of its path that names one.
pub(crate) fn crate_of(symbol: &str) -> String {
    let Ok(path) = rustc_demangle::try_demangle(symbol) else {
        return NO_CRATE.to_owned();
    };
    let path = format!("{path:#}");
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut words = path.split(|c: char| !is_part(c));
    let is_crate = |word: &&str| {
        let starts = word.starts_with(|c: char| c.is_lowercase() || c == '_');
        starts && !KEYWORDS.contains(word)
    };
    words.find(is_crate).unwrap_or(NO_CRATE).to_owned()
}

/// What stands before a path in the name of an implementation for a reference, a slice, a function
/// or a plain type.
const KEYWORDS: [&str; 21] = [
    "as", "impl", "mut", "const", "dyn", "fn", "unsafe", "extern", "for", "u8", "u16", "u32",
    "u64", "u128", "usize", "i32", "i64", "isize", "str", "char", "bool",
];

/// Returns the `rows` largest, and the rest in one row.
fn largest(sizes: BTreeMap<String, u64>, rows: usize) -> Vec<(String, u64)> {
    let mut sorted: Vec<_> = sizes.into_iter().collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let rest: u64 = sorted.iter().skip(rows).map(|(_, bytes)| bytes).sum();
    sorted.truncate(rows);
    if rest > 0 {
        sorted.push((OTHERS.to_owned(), rest));
    }
    sorted
}

/// Returns the names whose size is another than before, and the sum.
fn changed(before: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>) -> Vec<(String, u64, u64)> {
    let size = |sizes: &BTreeMap<String, u64>, name: &str| sizes.get(name).copied().unwrap_or(0);
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let all = names
        .into_iter()
        .map(|name| (name.clone(), size(before, name), size(now, name)));
    let mut rows: Vec<_> = all.filter(|(_, before, now)| before != now).collect();
    rows.push(("all".to_owned(), before.values().sum(), now.values().sum()));
    rows
}

#[cfg(test)]
mod tests {
    use super::{NO_CRATE, Program, Sizes, changed, crate_of, largest};
    use crate::sample;
    use esp_heap::firmware::Firmware;
    use object::elf;
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    /// A program with so much code, of which a crate called `demo` has so much.
    fn program(code: u32, demo: u64) -> Program {
        let sections = [sample::text(".text", 0x400D_0020, code)];
        let elf = sample::bytes(elf::EM_XTENSA, &sections, &[]);
        Program {
            file: PathBuf::from("demo"),
            firmware: Firmware::parse("demo", &elf).unwrap(),
            entry: 0,
            segments: Vec::new(),
            contents: Vec::new(),
            items: vec![("_ZN4demo4main17h0123456789abcdefE".to_owned(), demo)],
        }
    }

    #[test]
    fn two_programs_are_compared_by_section_and_by_crate() {
        let (before, now) = (program(64, 10), program(48, 26));
        let sizes = Sizes {
            program: &now,
            before: Some(&before),
        };
        let words = |line: &str| line.replace(['│', '┆'], " ");
        let shown: Vec<String> = sizes
            .to_string()
            .lines()
            .map(|line| words(line).split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|line| line.ends_with(char::is_numeric))
            .collect();
        assert_eq!(
            shown,
            [
                ".text (code) 64 48 -16",
                "all 64 48 -16",
                "demo 10 26 +16",
                "all 10 26 +16"
            ]
        );
    }

    fn sizes(of: &[(&str, u64)]) -> BTreeMap<String, u64> {
        of.iter()
            .map(|(name, bytes)| ((*name).to_owned(), *bytes))
            .collect()
    }

    #[test]
    fn a_symbol_belongs_to_the_crate_of_its_path() {
        let names = [
            (
                "_ZN15heap_caps_alloc4heap17h0123456789abcdefE",
                "heap_caps_alloc",
            ),
            (
                "_ZN50_$LT$$RF$mut$u20$W$u20$as$u20$core..fmt..Write$GT$9write_str17h0123456789abcdefE",
                "core",
            ),
            ("_RNvCsdVoMSwXXJa4_8demo_hal4main", "demo_hal"),
            ("uart_tx_one_char", NO_CRATE),
        ];
        for (symbol, name) in names {
            assert_eq!(crate_of(symbol), name, "{symbol}");
        }
    }

    #[test]
    fn small_crates_are_one_row() {
        let rows = largest(sizes(&[("a", 1), ("b", 30), ("c", 2)]), 1);
        assert_eq!(rows, [("b".to_owned(), 30), ("others".to_owned(), 3)]);
    }

    #[test]
    fn a_comparison_shows_what_changed_and_the_sum() {
        let rows = changed(
            &sizes(&[("same", 5), ("gone", 7)]),
            &sizes(&[("same", 5), ("new", 1)]),
        );
        let shown: Vec<_> = rows.iter().map(|(n, b, a)| (n.as_str(), *b, *a)).collect();
        assert_eq!(shown, [("gone", 7, 0), ("new", 0, 1), ("all", 12, 6)]);
    }
}
