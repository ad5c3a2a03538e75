//! Grammar of the lines of a trace dump.
//!
//! ```text
//!   anything ====== Heap Trace: 2 records (100 capacity) ======            before v5: 2 allocations trace (100 entry buffer)
//!   anything program build: 3f1c09ab…                                      ours only
//!   anything     96 bytes (@ 0x3ffb3f00, Internal) allocated CPU 0 ccount 0x00001234 caller 0x400d1234:0x400d2345: at src/main.rs:14:5
//!            └ size      └ address    └ memory              └ core    └ clock               └ callers                └ place, ours only
//!   anything freed by 0x400d1234:0x400d2345                                or ` freed` behind a record without callers
//!   anything 104 bytes 'leaked' in trace (2 allocations)                   the trailer: what was printed, added up
//! ```
//! All lines are found by the same rule: whatever stands in front of the payload, a time or the
//! name of a file, is passed over.

use std::ops::Range;

use heap_trace::MemoryKind;

use crate::read::lines;
use crate::symbols::Identity;
use crate::terminal::printable;

/// A record as it is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Bytes asked for.
    pub size: u32,
    /// Where the block is; of a 64-bit host's pointer the low half.
    pub address: u32,
    /// What kind of memory that is.
    pub memory: MemoryKind,
    /// The core that allocated it.
    pub core: u8,
    /// When, without the lowest two bits, which are not kept.
    pub clock: u32,
    /// Return addresses of the allocation, the innermost first.
    pub callers: Vec<u32>,
    /// The line that allocated it, if the program sent it.
    pub place: Option<SourceLine>,
    /// Return addresses of the free; `None`: it is not freed.
    pub freed_by: Option<Vec<u32>>,
}

/// A place in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLine {
    /// The file as the compiler named it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

/// The trailer's sum of the blocks that were printed and are not freed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    /// Bytes asked for.
    pub bytes: u64,
    /// How many blocks.
    pub blocks: u64,
}

/// What a line of a dump says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::read) enum Item {
    /// A dump begins: how many records the trace has, of any kind of memory.
    Begin { records: u64 },
    /// Build of the program.
    Build(Identity),
    /// A record.
    Record(Record),
    /// The record before was freed.
    FreedBy(Vec<u32>),
    /// A record begins and cannot be read.
    Unreadable,
    /// The trailer's sum.
    Total(Total),
    /// Frees while the trace ran.
    Frees(u64),
    /// A remark.
    Note(String),
}

impl lines::Item for Item {
    fn of(line: &str) -> Option<(Self, bool)> {
        let (item, rest) = parsed(line)?;
        Some((item, rest.trim().is_empty()))
    }

    fn is_unreadable(&self) -> bool {
        *self == Item::Unreadable
    }
}

fn parsed(line: &str) -> Option<(Item, &str)> {
    if let Some(start) = line.find(" bytes (@ ") {
        let (before, behind) = line.split_at(start);
        return Some(match record(before, behind) {
            Some((record, rest)) => (Item::Record(record), rest),
            None => (Item::Unreadable, ""),
        });
    }
    freed_by(line)
        .or_else(|| begin(line))
        .or_else(|| build(line))
        .or_else(|| total(line))
        .or_else(|| frees(line))
        .or_else(|| note(line))
}

fn record<'a>(before: &str, behind: &'a str) -> Option<(Record, &'a str)> {
    let size = u32::try_from(number_at_end(before)?).ok()?;
    let (address, rest) = pointer(behind.strip_prefix(" bytes (@ ")?)?;
    let (label, rest) = rest.split_once(')')?;
    let memory = match label.strip_prefix(',').map(str::trim_start) {
        None if label.is_empty() => MemoryKind::Other,
        Some("Internal") => MemoryKind::Internal,
        Some("PSRAM") => MemoryKind::External,
        _ => return None,
    };
    let (core, rest) = decimal(rest.strip_prefix(" allocated CPU ")?)?;
    let (clock, rest) = hexadecimal(rest.strip_prefix(" ccount ")?)?;
    let (callers, rest) = match rest.strip_prefix(" caller") {
        Some(rest) => Callers::of(rest).all()?,
        None => (Vec::new(), rest),
    };
    let (place, rest) = match rest.trim_start().strip_prefix("at ") {
        Some(rest) => place(rest).map(|(place, rest)| (Some(place), rest))?,
        None => (None, rest),
    };
    let (freed_by, rest) = match rest.trim_start().strip_prefix("freed") {
        Some(rest) if ends_word(rest) => (Some(Vec::new()), rest),
        _ => (None, rest),
    };
    let record = Record {
        size,
        address,
        memory,
        core: u8::try_from(core).ok()?,
        clock: clock & !3,
        callers,
        place,
        freed_by,
    };
    Some((record, rest))
}

/// Returns the addresses, or nothing at all, stand behind it: programs talk of other things that
/// are freed by somebody. Text of a log's end may follow the addresses; one that it ran into is
/// left out.
fn freed_by(line: &str) -> Option<(Item, &str)> {
    let behind = line.split_once("freed by").map(|(_, behind)| behind)?;
    if !behind.trim_start().starts_with("0x") {
        let is_bare = behind.trim().is_empty();
        return is_bare.then_some((Item::FreedBy(Vec::new()), ""));
    }
    let Callers { found, rest, .. } = Callers::of(behind);
    Some((Item::FreedBy(found), rest))
}

fn begin(line: &str) -> Option<(Item, &str)> {
    if let Some((_, behind)) = line.split_once("Heap Trace: ") {
        let (records, rest) = decimal(behind)?;
        let rest = rest.strip_prefix(" records (")?;
        return Some((
            Item::Begin { records },
            rest.split_once(')')?.1.trim_matches('='),
        ));
    }
    let (before, behind) = line.split_once(" allocations trace (")?;
    let records = number_at_end(before)?;
    Some((Item::Begin { records }, behind.split_once(')')?.1))
}

fn build(line: &str) -> Option<(Item, &str)> {
    let (_, behind) = line.split_once("program build: ")?;
    let end = behind
        .find(|letter: char| !letter.is_ascii_hexdigit())
        .unwrap_or(behind.len());
    let (digits, rest) = behind.split_at_checked(end)?;
    Some((Item::Build(Identity::of_text(digits.as_bytes())?), rest))
}

/// `104 bytes 'leaked' in trace (2 allocations)`, `104 bytes live in trace (2/7 allocations)`.
fn total(line: &str) -> Option<(Item, &str)> {
    let (before, behind) = [
        " bytes 'leaked' in trace (",
        " bytes leaked in trace (",
        " bytes live in trace (",
        " bytes alive in trace (", // until version 0.1
    ]
    .iter()
    .find_map(|words| line.split_once(words))?;
    let numbers = || {
        let (blocks, rest) = decimal(behind)?;
        let (_, rest) = rest.split_once(" allocations)")?;
        let bytes = number_at_end(before)?;
        Some((Item::Total(Total { bytes, blocks }), rest))
    };
    Some(numbers().unwrap_or((Item::Unreadable, "")))
}

/// `total frees: 5`; before v5 `total allocations 8 total frees 5`.
fn frees(line: &str) -> Option<(Item, &str)> {
    let (_, behind) = line.split_once("total frees")?;
    let (count, rest) = decimal(behind.trim_start_matches(':').trim_start())?;
    Some((Item::Frees(count), rest))
}

/// Returns the number with which `text` ends: `grep -n` and its like put `11:` in front without a
/// blank.
fn number_at_end(text: &str) -> Option<u64> {
    let word = text.split_whitespace().next_back()?;
    let separators = [':', '-', '|', '>', ']'];
    word.rsplit(separators).next()?.parse().ok()
}

fn note(line: &str) -> Option<(Item, &str)> {
    let (_, behind) = line.split_once("(NB: ")?;
    let (note, rest) = behind.rsplit_once(')')?;
    Some((Item::Note(printable(note).into_owned()), rest))
}

/// ` 0x400d1234:0x400d2345:`, or nothing at all; a colon may stand behind the last one.
struct Callers<'a> {
    found: Vec<u32>,
    rest: &'a str,
    /// Whether one follows that cannot be read.
    is_cut: bool,
}

impl<'a> Callers<'a> {
    fn of(text: &'a str) -> Self {
        let (mut found, mut rest) = (Vec::new(), text);
        while let Some((caller, behind)) = hexadecimal(rest.trim_start()) {
            found.push(caller);
            rest = behind;
            match behind.strip_prefix(':') {
                Some(behind) => rest = behind,
                None => {
                    return Self {
                        found,
                        rest,
                        is_cut: false,
                    };
                }
            }
        }
        let is_cut = rest.trim_start().starts_with("0x");
        Self {
            found,
            rest,
            is_cut,
        }
    }

    /// They and what stands behind; `None` if one cannot be read.
    fn all(self) -> Option<(Vec<u32>, &'a str)> {
        (!self.is_cut).then_some((self.found, self.rest))
    }
}

/// `src/my file.rs:14:5`.
fn place(text: &str) -> Option<(SourceLine, &str)> {
    let numbers = |colon: usize| {
        let (line, rest) = decimal(text.get(colon + 1..)?)?;
        let (column, rest) = decimal(rest.strip_prefix(':')?)?;
        let file = text.get(..colon).filter(|file| !file.is_empty())?;
        let place = SourceLine {
            file: printable(file).into_owned(),
            line: u32::try_from(line).ok()?,
            column: u32::try_from(column).ok()?,
        };
        ends_word(rest).then_some((place, rest))
    };
    text.match_indices(':')
        .find_map(|(colon, _)| numbers(colon))
}

fn ends_word(rest: &str) -> bool {
    !rest.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_')
}

fn decimal(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest))
}

/// `0x3ffb3f00`, and no letter behind it: an address that other text ran into is not
/// known.
fn hexadecimal(text: &str) -> Option<(u32, &str)> {
    let (number, rest) = wide(text)?;
    Some((number.try_into().ok()?, rest))
}

/// The same of a pointer to a block, which has 41 to 48 bits where a 64-bit host's programs lie:
/// its low half.
fn pointer(text: &str) -> Option<(u32, &str)> {
    const OF_HOSTS: Range<u64> = 1 << 40..1 << 48;
    let (number, rest) = wide(text)?;
    let is_one = number <= u64::from(u32::MAX) || OF_HOSTS.contains(&number);
    let low = u32::try_from(number & 0xFFFF_FFFF).ok()?;
    is_one.then_some((low, rest))
}

fn wide(text: &str) -> Option<(u64, &str)> {
    let text = text.strip_prefix("0x")?;
    let end = text
        .find(|letter: char| !letter.is_ascii_hexdigit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    let number = u64::from_str_radix(digits, 16).ok();
    Some((number.filter(|_| ends_word(rest))?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(line: &str) -> Option<(Item, bool)> {
        lines::Item::of(line)
    }

    const WHOLE: &str = "    96 bytes (@ 0x3ffb3f00, Internal) allocated CPU 1 ccount 0x00001235 caller 0x400d1234:0x400d2345: at src/my main.rs:14:5";

    fn record(line: &str) -> Record {
        match item(line) {
            Some((Item::Record(record), _)) => record,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_record_has_all_its_fields() {
        let expected = Record {
            size: 96,
            address: 0x3FFB_3F00,
            memory: MemoryKind::Internal,
            core: 1,
            clock: 0x1234,
            callers: vec![0x400D_1234, 0x400D_2345],
            place: Some(SourceLine {
                file: "src/my main.rs".to_owned(),
                line: 14,
                column: 5,
            }),
            freed_by: None,
        };
        assert_eq!(record(WHOLE), expected);
        assert_eq!(record(&format!("{WHOLE} freed")).freed_by, Some(vec![]));
    }

    #[test]
    fn line_numbers_of_grep_are_no_part_of_a_size() {
        let line = "123456 bytes (@ 0x3ffb3f00) allocated CPU 0 ccount 0x1";
        for prefix in ["", "11:", "device.log:11:", "11-", "I (3) app: "] {
            assert_eq!(record(&format!("{prefix}{line}")).size, 123_456, "{prefix}");
        }
        let unreadable = Some((Item::Unreadable, true));
        assert_eq!(item(&format!("x{line}")), unreadable);
        assert_eq!(
            item("9x9 bytes 'leaked' in trace (1 allocations)"),
            unreadable
        );
    }

    #[test]
    fn a_hosts_pointer_is_its_low_half_and_its_callers_are_whole() {
        let line = "24 bytes (@ 0x55d0c2a0e18c, Internal) allocated CPU 0 ccount 0x00000000 caller 0x12f3:";
        let record = record(line);
        assert_eq!(
            (record.address, record.callers),
            (0xC2A0_E18C, vec![0x12F3])
        );
        let too_long = line.replace("0x12f3", "0x55d0c2a0e18c");
        assert_eq!(item(&too_long), Some((Item::Unreadable, true)));
    }

    #[test]
    fn what_is_not_known_of_a_record_is_left_out() {
        let head = "8 bytes (@ 0x3f800010,    PSRAM) allocated CPU 0 ccount 0x00000000";
        for (line, callers, place, freed) in [
            (head.to_owned(), 0, false, false),
            (format!("{head} caller "), 0, false, false),
            (format!("{head} caller"), 0, false, false),
            (format!("{head} caller  at a.rs:1:2"), 0, true, false),
            (format!("{head} at a.rs:1:2 freed"), 0, true, true),
            (format!("{head} caller 0x1:"), 1, false, false),
            (format!("{head} freed"), 0, false, true),
        ] {
            let record = record(&line);
            let parsed = (
                record.callers.len(),
                record.place.is_some(),
                record.freed_by.is_some(),
            );
            assert_eq!(parsed, (callers, place, freed), "{line}");
            assert_eq!(record.memory, MemoryKind::External);
        }
    }

    #[test]
    fn a_record_that_is_cut_anywhere_is_unreadable_or_has_what_stands_there() {
        for end in WHOLE.find(" bytes (@ ").unwrap() + 10..WHOLE.len() {
            match item(&WHOLE[..end]) {
                Some((Item::Unreadable, _)) => {}
                Some((Item::Record(cut), _)) => {
                    let whole = record(WHOLE);
                    assert_eq!((cut.size, cut.address), (whole.size, whole.address));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn text_that_runs_into_an_address_makes_it_unknown() {
        for line in [
            "96 bytes (@ 0x3ffb3fxx) allocated CPU 0 ccount 0x1",
            "96 bytes (@ 0x3ffb3f00) allocated CPU 0 ccount 0x1 caller 0x400d1234I (10) wifi: up",
            "96 bytes (@ 0x123456789) allocated CPU 0 ccount 0x1",
        ] {
            assert_eq!(
                item(line).map(|(item, _)| item),
                Some(Item::Unreadable),
                "{line}"
            );
        }
    }

    #[test]
    fn only_addresses_may_stand_behind_freed_by() {
        let freed = |line: &str| item(line).map(|(item, _)| item);
        assert_eq!(
            freed("12:30:05 > freed by 0x1:0x2:"),
            Some(Item::FreedBy(vec![1, 2]))
        );
        assert_eq!(freed("freed by "), Some(Item::FreedBy(vec![])));
        for end in [" | app", "\"}", "\\r"] {
            assert_eq!(
                freed(&format!("freed by 0x1:0x2{end}")),
                Some(Item::FreedBy(vec![1, 2])),
                "{end}"
            );
        }
        assert_eq!(
            freed("freed by 0x1:0x400d5555I (123) wifi: connected"),
            Some(Item::FreedBy(vec![1]))
        );
        assert_eq!(freed("I (10) app: 12 buffers freed by the cleaner"), None);
    }

    #[test]
    fn headers_and_trailers_are_found_behind_prefixes() {
        let begins = |line| item(&format!("I (7) app: {line}"));
        let begin = |records| Some((Item::Begin { records }, true));
        assert_eq!(
            begins("====== Heap Trace: 2 records (100 capacity) ======"),
            begin(2)
        );
        assert_eq!(begins("7 allocations trace (100 entry buffer)"), begin(7));
        let total = |bytes, blocks| Some((Item::Total(Total { bytes, blocks }), true));
        assert_eq!(
            begins("104 bytes 'leaked' in trace (2 allocations)"),
            total(104, 2)
        );
        assert_eq!(
            begins("104 bytes live in trace (2/7 allocations)"),
            total(104, 2)
        );
        assert_eq!(begins("====== Heap Trace Summary ======"), None);
    }
}
