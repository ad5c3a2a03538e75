//! Text of a trace dump: ESP-IDF's, of every version, and that of `heap_trace::Trace::dump`.
//!
//! ```text
//!   lines ──► items ──► dumps ──► the last one, or the last ones of one kind of memory each ──► History
//!                                 and: does its trailer agree with what was read?
//! ```
//! What else stands in a log is passed over. Of several dumps the last one counts: blocks of an
//! earlier one would count twice.

mod events;
pub(super) mod line;

pub use line::{Record, SourceLine, Total};

use heap_trace::MemoryKind;

use crate::history::{Gaps, History, Source};
use crate::read::lines;
use crate::summary::{bytes, counted};
use crate::symbols::Identity;
use line::Item;

/// A dump as it is printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dump {
    /// How many records its first line says the trace has; of a dump of one kind of memory others
    /// are among them.
    pub announced: Option<u64>,
    /// Build of the program, if it says so.
    pub build: Option<Identity>,
    /// The records that could be read.
    pub records: Vec<Record>,
    /// How many could not.
    pub unreadable: u64,
    /// What its trailer says is not freed.
    pub total: Option<Total>,
    /// Frees while the trace ran, as its trailer counts them: in leaks mode their blocks are not
    /// listed.
    pub frees: Option<u64>,
    /// Its remarks.
    pub notes: Vec<String>,
}

/// Returns all dumps in these lines of a log, in order. O(length).
#[must_use]
pub fn dumps(lines: &[String]) -> Vec<Dump> {
    let mut dumps: Vec<Dump> = Vec::new();
    for item in lines::items::<Item>(lines) {
        let begins = matches!(item, Item::Begin { .. });
        if begins || dumps.is_empty() {
            dumps.push(Dump::default());
        }
        if let Some(dump) = dumps.last_mut() {
            dump.add(item);
        }
    }
    dumps
        .retain(|dump| dump.announced.is_some() || dump.unreadable > 0 || !dump.records.is_empty());
    dumps
}

/// Returns what these lines contain; `None` if there is no dump in them.
pub(super) fn read(lines: &[String]) -> Option<History> {
    let mut dumps = dumps(lines);
    let count = dumps.len();
    let mut parts: Vec<Dump> = dumps.pop().into_iter().collect();
    while let Some(before) =
        dumps.pop_if(|before| parts.iter().all(|part| before.complements(part)))
    {
        parts.push(before);
    }
    parts.reverse();
    let reported = parts.len();
    let mut notes: Vec<String> = parts
        .iter()
        .flat_map(|part| &part.notes)
        .map(|note| format!("the dump says: {note}"))
        .collect();
    notes.dedup();
    if reported > 1 {
        notes.push(format!(
            "the last {reported} dumps are of different kinds of memory: they are reported together"
        ));
    }
    if count > reported {
        notes.push(format!(
            "there are {count} dumps in this log: the last one is reported"
        ));
    }
    (!parts.is_empty()).then(|| history(&parts, notes))
}

impl Dump {
    fn add(&mut self, item: Item) {
        match item {
            Item::Begin { records } => self.announced = Some(records),
            Item::Build(build) => self.build = Some(build),
            Item::Record(record) => self.records.push(record),
            Item::FreedBy(callers) => match self.records.last_mut() {
                Some(last) if last.freed_by.is_none() => last.freed_by = Some(callers),
                _ => self.unreadable += 1,
            },
            Item::Unreadable => self.unreadable += 1,
            Item::Total(total) => self.total = Some(total),
            Item::Frees(frees) => self.frees = Some(frees),
            Item::Note(note) => self.notes.push(note),
        }
    }

    /// Returns what its records that are not freed come to.
    #[must_use]
    pub fn live(&self) -> Total {
        let live = self
            .records
            .iter()
            .filter(|record| record.freed_by.is_none());
        live.fold(Total::default(), |sum, record| Total {
            bytes: sum.bytes + u64::from(record.size),
            blocks: sum.blocks + 1,
        })
    }

    /// Returns the kind of memory of all its records, where they are of one.
    fn only_kind(&self) -> Option<MemoryKind> {
        let first = self.records.first()?.memory;
        self.records
            .iter()
            .all(|record| record.memory == first)
            .then_some(first)
    }

    /// Returns whether its first line counts records that it does not have.
    fn is_partial(&self) -> bool {
        self.announced
            .is_some_and(|announced| announced > self.found())
    }

    fn found(&self) -> u64 {
        self.records.len() as u64 + self.unreadable
    }

    /// Returns whether both are parts of one, each of another kind of memory.
    fn complements(&self, other: &Dump) -> bool {
        let kinds = self.only_kind().zip(other.only_kind());
        self.is_partial() && other.is_partial() && kinds.is_some_and(|(a, b)| a != b)
    }

    /// Frees that its trailer counts and that are not listed.
    fn unlisted_frees(&self) -> u64 {
        let listed = self
            .records
            .iter()
            .filter(|record| record.freed_by.is_some());
        self.frees
            .unwrap_or(0)
            .saturating_sub(listed.count() as u64)
    }

    /// Returns why what was read is not what was printed.
    fn contradiction(&self) -> Option<String> {
        let (read, unreadable) = (self.live(), self.unreadable);
        if let Some(announced) = self.announced.filter(|announced| *announced < self.found()) {
            return Some(format!(
                "the dump's first line counts {}, and below it {} were found",
                counted(announced, "record"),
                self.found()
            ));
        }
        if self.records.is_empty() && unreadable > 0 {
            return Some(format!(
                "nothing can be read of a dump with {}",
                counted(unreadable, "record")
            ));
        }
        let total = self.total.filter(|total| *total != read)?;
        Some(format!(
            "the dump's last lines count {} in {}, and {} in {} were read above them",
            bytes(total.bytes),
            counted(total.blocks, "block"),
            bytes(read.bytes),
            counted(read.blocks, "block")
        ))
    }

    /// Records that were announced and neither printed nor explained by the trailer.
    fn missed(&self) -> u64 {
        match (self.total, self.announced) {
            (None, Some(announced)) => announced.saturating_sub(self.found()),
            _ => 0,
        }
    }
}

fn history(parts: &[Dump], mut notes: Vec<String>) -> History {
    let sum = |of: fn(&Dump) -> u64| parts.iter().map(of).sum::<u64>();
    // Of several parts each announces all records.
    let announced = parts.iter().filter_map(|part| part.announced).max();
    let missed = match parts {
        [one] => one.missed(),
        _ if parts.iter().all(|part| part.total.is_some()) => 0,
        _ => announced.unwrap_or(0).saturating_sub(sum(Dump::found)),
    };
    if missed > 0 {
        notes.push(format!(
            "the dump announces {} than it has: it is cut off, or of one kind of memory only",
            counted(missed, "more record")
        ));
    }
    let frees = sum(Dump::unlisted_frees);
    if frees > 0 {
        notes.push(format!(
            "the dump counts {} than it lists: it has what was not freed yet, and not what comes and goes",
            counted(frees, "more free")
        ));
    }
    let mut doubts: Vec<String> = parts.iter().filter_map(Dump::contradiction).collect();
    if announced > Some(0) && sum(Dump::found) == 0 && parts.iter().all(|part| part.total.is_none())
    {
        doubts.push("a dump begins, and no record follows".to_owned());
    }
    let mut history = History {
        source: Source::Dump,
        build: parts.iter().find_map(|part| part.build.clone()),
        notes,
        doubts,
        gaps: Gaps {
            missed,
            unreadable_records: sum(|part| part.unreadable),
            ..Gaps::default()
        },
        ..History::default()
    };
    events::write(parts.iter().flat_map(|part| &part.records), &mut history);
    history
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Event, Site};
    use crate::replay::Replayed;

    fn read_text(text: &str) -> Option<History> {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        read(&lines)
    }

    fn live(history: &History) -> Vec<(u32, u32, String)> {
        let live = Replayed::of(history).live;
        live.iter()
            .map(|block| (block.address, block.size, history.sites[block.site].label()))
            .collect()
    }

    /// ESP-IDF v5: labels, a hash map, colons behind the last caller.
    const V5: &str = "\
I (312) main: dump follows
====== Heap Trace: 3 records (100 capacity) ======
    96 bytes (@ 0x3ffb3f00, Internal) allocated CPU 0 ccount 0x00001234 caller 0x400d1234:0x400d2345
     8 bytes (@ 0x3f800010,    PSRAM) allocated CPU 1 ccount 0x00001335 caller 0x400d1234:
    16 bytes (@ 0x3ffb4000, Internal) allocated CPU 0 ccount 0x00001400 caller 0x400d1234:0x400d2345
====== Heap Trace Summary ======
Mode: Heap Trace Leaks
120 bytes 'leaked' in trace (3 allocations)
records: 3 (100 capacity, 7 high water mark)
hashmap: 64 capacity (5 hits, 1 misses)
total allocations: 8
total frees: 5
================================
";

    #[test]
    fn a_dump_of_esp_idf_v5_is_read() {
        let history = read_text(V5).unwrap();
        let label = "0x400d1234".to_owned();
        assert_eq!(
            live(&history),
            [
                (0x3F80_0010, 8, label.clone()),
                (0x3FFB_3F00, 96, label.clone()),
                (0x3FFB_4000, 16, label)
            ]
        );
        assert_eq!(history.sites[1].callers, [0x400D_1234, 0x400D_2345]);
        assert_eq!(history.sites.len(), 3, "equal stacks are one site");
        let ticks: Vec<u64> = history.events.iter().map(|timed| timed.ticks).collect();
        assert_eq!(
            ticks,
            [0x1234, 0x1334, 0x1400],
            "the last two bits are not kept"
        );
        assert_eq!(
            (history.source, history.gaps.is_empty()),
            (Source::Dump, true)
        );
    }

    /// ESP-IDF v4: no labels, frees on a line of their own.
    const V4: &str = "\
2 allocations trace (100 entry buffer)
36 bytes (@ 0x3ffb5f90) allocated CPU 0 ccount 0x0b26ea1e caller 0x400d2ef4:0x400d2e2e
freed by 0x400d2f08:0x400d2e2e
40 bytes (@ 0x3ffb5f94) allocated CPU 0 ccount 0x0b36ea1e caller 0x400d2ef4:0x400d2e2e
40 bytes live in trace (1/2 allocations)
total allocations 2 total frees 1
(NB: Buffer has overflowed, so trace data is incomplete.)
";

    #[test]
    fn a_dump_of_esp_idf_v4_is_read_frees_included() {
        let history = read_text(V4).unwrap();
        assert_eq!(history.events.len(), 3);
        assert_eq!(
            history.events[1].event,
            Event::Freed {
                address: 0x3FFB_5F90
            }
        );
        assert_eq!(live(&history).len(), 1);
        assert_eq!(
            history.notes,
            ["the dump says: Buffer has overflowed, so trace data is incomplete."]
        );
        assert_eq!(Replayed::of(&history).gaps, Gaps::default());
    }

    #[test]
    fn our_dump_names_the_line_and_depth_zero_has_no_callers() {
        let text = "====== Heap Trace: 2 records (32 capacity) ======\n    \
            16 bytes (@ 0x3ffae81c, Internal) allocated CPU 0 ccount 0x00181244 caller 0x400d8f34:0x400e2e0c: at src/bin/leaks.rs:47:5\n    \
            20 bytes (@ 0x3ffae850) allocated CPU 0 ccount 0x00181300 freed\n";
        let history = read_text(text).unwrap();
        assert_eq!(
            live(&history),
            [(0x3FFA_E81C, 16, "src/bin/leaks.rs:47".to_owned())]
        );
        assert_eq!(
            history.sites[0],
            Site::default(),
            "no place: the unknown site"
        );
    }

    #[test]
    fn of_several_dumps_the_last_one_counts() {
        let later = V5.replace("0x3ffb4000", "0x3ffb5000");
        let history = read_text(&[V5, "I (900) main: again\n", &later].concat()).unwrap();
        assert_eq!(
            live(&history).last().map(|block| block.0),
            Some(0x3FFB_5000)
        );
        assert_eq!((history.events.len(), history.notes.len()), (3, 2));
        assert!(history.notes[1].contains("5 more frees"), "in leaks mode"); // of eight allocations
    }

    #[test]
    fn what_is_cut_off_or_damaged_is_counted() {
        let damaged = V5.replace("(@ 0x3f800010,", "(@ 0x3f8zz010,");
        let cut = damaged.split("    16 bytes").next().unwrap();
        let history = read_text(cut).unwrap();
        assert_eq!(history.events.len(), 1);
        assert_eq!(
            (history.gaps.missed, history.gaps.unreadable_records),
            (1, 1)
        );
        assert!(history.doubts.is_empty(), "no trailer contradicts it");
    }

    #[test]
    fn a_trailer_that_counts_something_else_is_a_doubt() {
        let damaged = V5.replace("(@ 0x3f800010,", "(@ 0x3f8zz010,");
        let history = read_text(&damaged).unwrap();
        assert_eq!(
            history.doubts,
            [
                "the dump's last lines count 120 bytes in 3 blocks, and 112 bytes in 2 blocks were read above them"
            ]
        );
        let lost: String = V5
            .lines()
            .filter(|line| !line.contains("0x3ffb4000"))
            .map(|line| format!("{line}\n"))
            .collect();
        assert_eq!(read_text(&lost).unwrap().doubts.len(), 1);
        assert!(read_text(V5).unwrap().doubts.is_empty());
    }

    #[test]
    fn records_of_which_none_can_be_read_are_a_doubt() {
        let history = read_text(&V5.replace("ccount", "clock")).unwrap();
        assert!(
            history.doubts[0].starts_with("nothing can be read of a dump with 3 records"),
            "{:?}",
            history.doubts
        );
        let announced = read_text("====== Heap Trace: 3 records (100 capacity) ======\n").unwrap();
        assert_eq!(announced.doubts, ["a dump begins, and no record follows"]);
    }

    #[test]
    fn a_record_that_was_freed_is_freed_behind_any_prefix() {
        let history = read_text(
            "> ====== Heap Trace: 1 records (100 capacity) ======\n\
            >     96 bytes (@ 0x3ffb3f00, Internal) allocated CPU 0 ccount 0x00001234 caller 0x400d1234\n\
            > freed by 0x400d5555\n",
        )
        .unwrap();
        let total = Replayed::of(&history).total;
        assert_eq!((total.allocations, total.frees, total.bytes), (1, 1, 0));
    }

    #[test]
    fn two_dumps_by_capability_are_one() {
        let internal = "====== Heap Trace: 2 records (100 capacity) ======\n    \
            96 bytes (@ 0x3ffb3f00, Internal) allocated CPU 0 ccount 0x00001234 caller 0x400d1234\n";
        let external = internal.replace(
            "96 bytes (@ 0x3ffb3f00, Internal)",
            "50 bytes (@ 0x3f800010,    PSRAM)",
        );
        let history = read_text(&[internal, &external].concat()).unwrap();
        let total = Replayed::of(&history).total;
        assert_eq!(
            (total.bytes, total.blocks, history.gaps.is_empty()),
            (146, 2, true)
        );
        assert!(history.doubts.is_empty());
        let again = read_text(&[internal, &external, internal, &external].concat()).unwrap();
        assert_eq!(
            Replayed::of(&again).total.bytes,
            146,
            "the last of each kind"
        );
        let alone = read_text(internal).unwrap();
        assert_eq!((alone.gaps.missed, alone.notes.len()), (1, 1));
    }

    #[test]
    fn a_log_may_put_its_own_text_in_front_of_records() {
        let prefixed: String = V5
            .lines()
            .map(|line| format!("12:30:05.100 > {line}\n"))
            .collect();
        assert_eq!(read_text(&prefixed).unwrap().events.len(), 3);
    }

    #[test]
    fn a_log_without_a_dump_is_none() {
        assert!(read_text("I (10) boot: 12 bytes\n").is_none());
        let empty = read_text("====== Heap Trace: 0 records (100 capacity) ======\n").unwrap();
        assert!(empty.doubts.is_empty());
        assert_eq!((empty.events.len(), empty.gaps.is_empty()), (0, true));
    }
}
