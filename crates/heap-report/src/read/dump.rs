//! What does the text of a trace dump tell? ESP-IDF's, of every version, and that of `heap_trace::Trace::dump`.
//!
//! ```text
//!     96 bytes (@ 0x3ffb3f00, Internal) allocated CPU 0 ccount 0x00001234 caller 0x400d1234:0x400d2345: at src/main.rs:14:5
//!     └ size      └ address                                 └ clock               └ callers                └ place, ours only
//!   freed by 0x400d1234:0x400d2345          on a line of its own, or ` freed` at the end of the first
//! ```
//! What else stands in a log, also in front of a record, is passed over. Of several dumps the last one counts: blocks of an earlier one would count twice.

use std::collections::BTreeMap;

use crate::history::{Event, Gaps, History, Moment, Site, Source};

/// What the last dump in these lines tells; `None` if there is none.
pub(super) fn read(lines: &[String]) -> Option<History> {
    let starts = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| begins_dump(line));
    let starts: Vec<usize> = starts.map(|(number, _)| number).collect();
    let dump = lines.get(starts.last().copied().unwrap_or(0)..)?;
    let read = Dump::of(dump);
    (!read.records.is_empty() || read.promised.is_some()).then(|| read.history(starts.len()))
}

/// `====== Heap Trace: 2 records (100 capacity) ======`, or before v5: `2 allocations trace (100 entry buffer)`.
fn begins_dump(line: &str) -> bool {
    promised(line).is_some()
}

/// How many records the dump says it has.
fn promised(line: &str) -> Option<u64> {
    let newer = line
        .split_once("Heap Trace: ")
        .filter(|(_, rest)| rest.contains(" records ("));
    let older = || line.contains(" allocations trace (").then_some(line);
    let count = newer.map(|(_, rest)| rest).or_else(older)?;
    let word = count
        .split(" allocations trace")
        .next()?
        .split(" records")
        .next()?;
    word.split_whitespace().next_back()?.parse().ok()
}

/// A record as it is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    size: u32,
    address: u32,
    clock: u32,
    place: Site,
    freed: bool,
}

/// A dump as it is printed.
#[derive(Debug, Default)]
struct Dump {
    promised: Option<u64>,
    records: Vec<Record>,
    /// Lines that begin as a record and go on as none: their bytes.
    broken: Vec<usize>,
    notes: Vec<String>,
}

impl Dump {
    fn of(lines: &[String]) -> Dump {
        let mut dump = Dump::default();
        for line in lines {
            dump.read(line.trim_end());
        }
        dump
    }

    fn read(&mut self, line: &str) {
        if line.contains(" bytes (@ ") {
            match record(line) {
                Some(record) => self.records.push(record),
                None => self.broken.push(line.len()),
            }
        } else if line.trim_start().starts_with("freed by") {
            if let Some(last) = self.records.last_mut() {
                last.freed = true;
            }
        } else if let Some(count) = promised(line) {
            self.promised = Some(count);
        } else if let Some((_, note)) = line.split_once("(NB: ") {
            self.notes
                .push(format!("the dump says: {}", note.trim_end_matches(')')));
        }
    }

    fn history(self, dumps: usize) -> History {
        let mut notes = self.notes;
        if dumps > 1 {
            notes.push(format!(
                "there are {dumps} dumps in this log: the last one is told"
            ));
        }
        let found = (self.records.len() + self.broken.len()) as u64;
        let mut history = History {
            source: Source::Dump,
            notes,
            gaps: Gaps {
                missed: self.promised.unwrap_or(0).saturating_sub(found),
                broken_frames: self.broken.len() as u64,
                broken_bytes: self.broken.iter().sum::<usize>() as u64,
                ..Gaps::default()
            },
            ..History::default()
        };
        let mut writer = Writer::default();
        for record in self.records {
            writer.write(record, &mut history);
        }
        writer.free_all(&mut history);
        history
    }
}

/// Makes events of records, the oldest first.
#[derive(Default)]
struct Writer {
    ticks: u64,
    /// Blocks that were freed, nobody knows when: first and last address.
    freed: BTreeMap<u32, u64>,
}

impl Writer {
    fn write(&mut self, record: Record, history: &mut History) {
        self.ticks = later(self.ticks, record.clock);
        self.free_where(&record, history);
        let site = place_of(&record.place, history);
        if record.freed {
            self.freed.insert(record.address, end(&record));
        }
        let (address, size) = (record.address, record.size);
        self.push(
            history,
            Event::Allocated {
                address,
                size,
                site,
                owner: 0,
            },
        );
    }

    /// A block that was freed has gone before another one comes to its place.
    fn free_where(&mut self, record: &Record, history: &mut History) {
        let gone = self.freed.range(..).filter(|&(&start, &last)| {
            u64::from(start) < end(record) && u64::from(record.address) < last
        });
        let gone: Vec<u32> = gone.map(|(&start, _)| start).collect();
        for address in gone {
            self.freed.remove(&address);
            self.push(history, Event::Freed { address });
        }
    }

    fn free_all(&mut self, history: &mut History) {
        for address in std::mem::take(&mut self.freed).into_keys() {
            self.push(history, Event::Freed { address });
        }
    }

    fn push(&self, history: &mut History, event: Event) {
        history.events.push(Moment {
            ticks: self.ticks,
            event,
        });
    }
}

/// The first address behind a block.
fn end(record: &Record) -> u64 {
    u64::from(record.address) + u64::from(record.size.max(1))
}

/// The time whose last 32 bits are `clock`, at or behind `ticks`; a clock that is a little behind is that of the other core.
fn later(ticks: u64, clock: u32) -> u64 {
    let [a, b, c, d, ..] = ticks.to_le_bytes();
    let ahead = clock.wrapping_sub(u32::from_le_bytes([a, b, c, d]));
    match ahead {
        0x8000_0000.. => ticks,
        _ => ticks + u64::from(ahead),
    }
}

fn place_of(place: &Site, history: &mut History) -> usize {
    match history.sites.iter().position(|site| site == place) {
        Some(known) => known,
        None => {
            history.sites.push(place.clone());
            history.sites.len() - 1
        }
    }
}

fn record(line: &str) -> Option<Record> {
    let (size, rest) = line.split_once(" bytes (@ ")?;
    let (address, rest) = rest.split_once(')')?;
    let (_, rest) = rest.split_once("ccount ")?;
    let (rest, freed) = match rest.strip_suffix(" freed") {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let (rest, place) = rest.split_once(" at ").unwrap_or((rest, ""));
    let (clock, callers) = rest.split_once(" caller ").unwrap_or((rest, ""));
    Some(Record {
        size: size.split_whitespace().next_back()?.parse().ok()?,
        address: number(address.split(',').next()?)?,
        clock: number(clock)?,
        place: site(callers, place)?,
        freed,
    })
}

/// Callers as `0x400d1234:0x400d2345:`, place as `src/main.rs:14:5`.
fn site(callers: &str, place: &str) -> Option<Site> {
    let callers = callers
        .split(':')
        .map(str::trim)
        .filter(|word| !word.is_empty());
    let (file, line) = file_and_line(place);
    Some(Site {
        file: file.to_owned(),
        line,
        callers: callers.map(number).collect::<Option<_>>()?,
        ..Site::default()
    })
}

fn file_and_line(place: &str) -> (&str, u32) {
    let mut words = place.trim().rsplitn(3, ':');
    let (column, line, file) = (words.next(), words.next(), words.next());
    let number = |word: Option<&str>| word.and_then(|word| word.parse::<u32>().ok());
    match (file, number(line), number(column)) {
        (Some(file), Some(line), Some(_)) => (file, line),
        _ => (place.trim(), 0),
    }
}

/// `0x3ffb3f00`.
fn number(word: &str) -> Option<u32> {
    u32::from_str_radix(word.trim().strip_prefix("0x")?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rebuild::Rebuilt;

    fn read_text(text: &str) -> Option<History> {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        read(&lines)
    }

    fn alive(history: &History) -> Vec<(u32, u32, String)> {
        let alive = Rebuilt::of(history).alive;
        alive
            .iter()
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
            alive(&history),
            [
                (0x3F80_0010, 8, label.clone()),
                (0x3FFB_3F00, 96, label.clone()),
                (0x3FFB_4000, 16, label)
            ]
        );
        assert_eq!(history.sites[1].callers, [0x400D_1234, 0x400D_2345]);
        assert_eq!(history.sites.len(), 3, "equal stacks are one site");
        let ticks: Vec<u64> = history.events.iter().map(|moment| moment.ticks).collect();
        assert_eq!(ticks, [0x1234, 0x1335, 0x1400]);
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
40 bytes alive in trace (1/2 allocations)
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
        assert_eq!(alive(&history).len(), 1);
        assert_eq!(
            history.notes,
            ["the dump says: Buffer has overflowed, so trace data is incomplete."]
        );
        assert_eq!(Rebuilt::of(&history).gaps, Gaps::default());
    }

    #[test]
    fn our_dump_names_the_line_and_depth_zero_has_no_callers() {
        let text = "====== Heap Trace: 2 records (32 capacity) ======\n    \
            16 bytes (@ 0x3ffae81c, Internal) allocated CPU 0 ccount 0x00181244 caller 0x400d8f34:0x400e2e0c: at src/bin/leaks.rs:47:5\n    \
            20 bytes (@ 0x3ffae850) allocated CPU 0 ccount 0x00181300 freed\n";
        let history = read_text(text).unwrap();
        assert_eq!(
            alive(&history),
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
            alive(&history).last().map(|block| block.0),
            Some(0x3FFB_5000)
        );
        assert_eq!((history.events.len(), history.notes.len()), (3, 1));
    }

    #[test]
    fn what_is_cut_off_or_damaged_is_counted() {
        let damaged = V5.replace("(@ 0x3f800010,", "(@ 0x3f8zz010,");
        let cut = damaged.split("    16 bytes").next().unwrap();
        let history = read_text(cut).unwrap();
        assert_eq!(history.events.len(), 1);
        assert_eq!((history.gaps.missed, history.gaps.broken_frames), (1, 1));
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
        assert_eq!((empty.events.len(), empty.gaps.is_empty()), (0, true));
    }

    #[test]
    fn a_clock_that_wraps_goes_on_and_that_of_the_other_core_does_not_turn_time_back() {
        assert_eq!(later(0xFFFF_FF00, 0x10), 0x1_0000_0010);
        assert_eq!(later(0x2000, 0x1FF0), 0x2000);
    }
}
