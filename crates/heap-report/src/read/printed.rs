//! Lines of ESP-IDF's `heap_caps_print_heap_info`: figures of each heap, and no blocks.
//!
//! ```text
//!   Heap summary for capabilities 0x00000004:
//!     At 0x3ffae6e0 len 6432 free 4100 allocated 1600 min_free 3900
//!       largest_free_block 3968 alloc_blocks 30 free_blocks 1 total_blocks 31
//!     Totals:
//!       free 4100 allocated 1600 min_free 3900 largest_free_block 3968
//! ```
//! Each summary of a log becomes a mark, after which the heaps are as it says. Any text may stand
//! in front of a line. What begins as a line of a summary and cannot be read is counted, and a
//! summary with such lines is left out where another one is whole: its figures are not those of all
//! heaps.

use soc_regions::Caps;

use crate::history::{Event, Gaps, HeapDescription, History, Measured, Source, TimedEvent};
use crate::read::lines;
use crate::replay::HeapSample;
use crate::summary::{bytes, counted};

/// What a line of a summary says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    /// A summary begins: of heaps with these capabilities, if they can be read.
    Begin(Option<Caps>),
    /// A heap's first line.
    Heap(Figures),
    /// A heap's second line.
    Blocks { largest_free: u32, blocks: u32 },
    /// The totals follow.
    BeginTotals,
    /// The totals: free and allocated bytes of all these heaps.
    Totals { free: u32, used: u32 },
    /// A heap's first line begins and cannot be read.
    UnreadableHeap,
    /// A heap's second line or the totals, cut off or with something in between.
    Unreadable,
}

/// A summary as it was printed.
#[derive(Debug, Default)]
struct Printed {
    caps: Caps,
    heaps: Vec<Figures>,
    /// Heaps, first and last lines that cannot be read, or are missing.
    unread: u64,
    /// The heap whose second line has not come yet.
    open: Open,
    /// Free and allocated bytes of all its heaps, as it says itself.
    totals: Option<(u32, u32)>,
}

/// What the next line of a summary belongs to.
#[derive(Debug, Default, Clone, Copy)]
enum Open {
    #[default]
    Nothing,
    /// A heap whose first line was read.
    Heap(Figures),
    /// A heap that was counted as unread.
    Lost,
    /// The totals.
    Totals,
}

/// The figures of a heap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Figures {
    start: u32,
    size: u32,
    free: u32,
    used: u32,
    least_free: u32,
    largest_free: u32,
    blocks: u32,
}

/// Returns what the summaries in these lines contain; `None` if there is none.
pub(super) fn read(lines: &[String]) -> Option<History> {
    let printed = printed(lines);
    (!printed.is_empty()).then(|| history(&printed))
}

fn printed(lines: &[String]) -> Vec<Printed> {
    let mut all: Vec<Printed> = Vec::new();
    for item in lines::items(lines) {
        match (item, all.last_mut()) {
            (Item::Begin(caps), last) => {
                last.into_iter().for_each(Printed::end);
                all.push(Printed::with(caps));
            }
            (item, Some(printed)) if !printed.is_over() => printed.add(item),
            // Its first line is missing. Other texts have the other words, too.
            (Item::Heap(figures), _) => {
                let mut printed = Printed::with(None);
                printed.add(Item::Heap(figures));
                all.push(printed);
            }
            _ => {}
        }
    }
    all.last_mut().into_iter().for_each(Printed::end);
    // No heap may have the capabilities.
    all.retain(|printed| !printed.heaps.is_empty() || printed.unread > 0);
    all
}

impl Printed {
    fn with(caps: Option<Caps>) -> Self {
        Self {
            caps: caps.unwrap_or_default(),
            unread: u64::from(caps.is_none()),
            ..Self::default()
        }
    }

    fn add(&mut self, item: Item) {
        match item {
            Item::Heap(figures) => {
                self.lose_open();
                self.open = Open::Heap(figures);
            }
            Item::UnreadableHeap => {
                self.lose_open();
                self.unread += 1;
                self.open = Open::Lost;
            }
            Item::Blocks {
                largest_free,
                blocks,
            } => match std::mem::take(&mut self.open) {
                Open::Heap(figures) => self.heaps.push(Figures {
                    largest_free,
                    blocks,
                    ..figures
                }),
                Open::Lost => {}
                Open::Nothing | Open::Totals => self.unread += 1,
            },
            Item::Unreadable => match std::mem::take(&mut self.open) {
                Open::Lost => {}
                Open::Heap(_) | Open::Nothing | Open::Totals => self.unread += 1,
            },
            Item::BeginTotals => {
                self.lose_open();
                self.open = Open::Totals;
            }
            Item::Totals { free, used } => {
                if let Open::Heap(_) = std::mem::take(&mut self.open) {
                    self.unread += 1;
                }
                self.totals = Some((free, used));
            }
            Item::Begin(_) => {}
        }
    }

    /// Another line comes in the place of a heap's second one, or of the totals.
    fn lose_open(&mut self) {
        if let Open::Heap(_) | Open::Totals = std::mem::take(&mut self.open) {
            self.unread += 1;
        }
    }

    /// Nothing of it follows any more.
    fn end(&mut self) {
        self.lose_open();
        let is_empty = self.heaps.is_empty() && self.unread == 0 && self.totals.is_none();
        self.unread += u64::from(is_empty);
    }

    fn is_over(&self) -> bool {
        self.totals.is_some()
    }

    /// Returns why what was read is not what was printed. Each heap is asked again for the totals,
    /// so other tasks may have allocated meanwhile: what is free and allocated together stays
    /// nearly as it is.
    fn contradiction(&self) -> Option<String> {
        /// Headers of what came meanwhile; nearly every heap has more.
        const MOST_BETWEEN: u64 = 1024;
        let (free, used) = self.totals?;
        let sum = u64::from(free) + u64::from(used);
        let each = self.heaps.iter();
        let read: u64 = each
            .map(|heap| u64::from(heap.free) + u64::from(heap.used))
            .sum();
        (sum.abs_diff(read) > MOST_BETWEEN).then(|| {
            format!(
                "the totals of a summary of heap_caps_print_heap_info count {}, and {} were read \
                 above them",
                bytes(sum),
                bytes(read)
            )
        })
    }
}

impl lines::Item for Item {
    fn of(line: &str) -> Option<(Self, bool)> {
        let (item, rest) = begin(line)
            .or_else(|| heap(line))
            .or_else(|| figures(line))
            .or_else(|| begin_totals(line))?;
        Some((item, rest.trim().is_empty()))
    }

    fn is_unreadable(&self) -> bool {
        matches!(
            self,
            Item::Begin(None) | Item::UnreadableHeap | Item::Unreadable
        )
    }
}

fn begin(line: &str) -> Option<(Item, &str)> {
    let (_, caps) = line.split_once("Heap summary for capabilities")?;
    let read = caps.strip_prefix(" 0x").and_then(hexadecimal);
    let whole = read.and_then(|(bits, rest)| Some((bits, rest.strip_prefix(':')?)));
    let (bits, rest) = whole.map_or((None, ""), |(bits, rest)| (Some(bits), rest));
    Some((Item::Begin(bits.map(Caps::from_bits_retain)), rest))
}

fn heap(line: &str) -> Option<(Item, &str)> {
    let (_, rest) = line.split_once("At 0x")?;
    Some(first_line(rest).unwrap_or((Item::UnreadableHeap, "")))
}

/// `3ffae6e0 len 6432 free 4100 allocated 1600 min_free 3900`.
fn first_line(text: &str) -> Option<(Item, &str)> {
    let (start, rest) = hexadecimal(text)?;
    let (size, rest) = labelled("len", rest)?;
    let (free, rest) = labelled("free", rest)?;
    let (used, rest) = labelled("allocated", rest)?;
    let (least_free, rest) = labelled("min_free", rest)?;
    let figures = Figures {
        start,
        size,
        free,
        used,
        least_free,
        ..Figures::default()
    };
    Some((Item::Heap(figures), rest))
}

fn begin_totals(line: &str) -> Option<(Item, &str)> {
    let (_, rest) = line.split_once("Totals:")?;
    Some((Item::BeginTotals, rest))
}

/// Returns a heap's second line, or the totals.
fn figures(line: &str) -> Option<(Item, &str)> {
    const SECOND: &str = "largest_free_block";
    const TOTALS: &str = "free ";
    let of_totals = || {
        line.match_indices(TOTALS)
            .find_map(|(at, _)| totals(line.get(at..)?))
    };
    if let Some(totals) = of_totals() {
        return Some(totals);
    }
    let start = line.find(SECOND)?;
    Some(second_line(line.get(start..)?).unwrap_or((Item::Unreadable, "")))
}

/// `largest_free_block 3968 alloc_blocks 30 free_blocks 1 total_blocks 31`.
fn second_line(text: &str) -> Option<(Item, &str)> {
    let (largest_free, rest) = labelled("largest_free_block", text)?;
    let (blocks, rest) = labelled("alloc_blocks", rest)?;
    let others = labelled("free_blocks", rest)
        .and_then(|(_, rest)| labelled("total_blocks", rest))
        .map_or(rest, |(_, rest)| rest);
    let item = Item::Blocks {
        largest_free,
        blocks,
    };
    Some((item, others))
}

/// `free 4100 allocated 1600 min_free 3900 largest_free_block 3968`.
fn totals(text: &str) -> Option<(Item, &str)> {
    let (free, rest) = labelled("free", text)?;
    let (used, rest) = labelled("allocated", rest)?;
    let (_, rest) = labelled("min_free", rest)?;
    let (_, rest) = labelled("largest_free_block", rest)?;
    Some((Item::Totals { free, used }, rest))
}

/// Returns the number behind `label`, with which `text` begins: 6432 of ` len 6432 free 4100`.
fn labelled<'a>(label: &str, text: &'a str) -> Option<(u32, &'a str)> {
    let number = text.trim_start().strip_prefix(label)?.strip_prefix(' ')?;
    let end = number
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(number.len());
    let (digits, rest) = number.split_at_checked(end)?;
    // The number may go on where a letter ran into it.
    let is_whole = !rest.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_');
    Some((digits.parse().ok().filter(|_| is_whole)?, rest))
}

fn hexadecimal(text: &str) -> Option<(u32, &str)> {
    let end = text
        .find(|letter: char| !letter.is_ascii_hexdigit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}

impl Figures {
    fn sample(&self) -> HeapSample {
        let largest_free = self.largest_free.min(self.free);
        HeapSample {
            used: self.used,
            free: self.free,
            largest_free,
            holes: self.free - largest_free,
            blocks: self.blocks,
            cells: Vec::new(),
        }
    }
}

fn history(all: &[Printed]) -> History {
    let whole = all.iter().filter(|printed| printed.unread == 0).count();
    let reported: Vec<(usize, &Printed)> = all
        .iter()
        .enumerate()
        .filter(|(_, printed)| whole == 0 || printed.unread == 0)
        .collect();
    let unread = all.iter().map(|printed| printed.unread).sum();
    let mut history = History {
        source: Source::Printed,
        heaps: heaps(&reported),
        gaps: Gaps {
            unreadable_records: unread,
            ..Gaps::default()
        },
        doubts: doubts(all, &reported, unread),
        ..History::default()
    };
    // A heap that another summary has first was there all the time.
    let mut states: Vec<HeapSample> = history
        .heaps
        .iter()
        .filter_map(|heap| figures_of(heap, &reported).map(Figures::sample))
        .collect();
    for (place, (number, printed)) in reported.iter().enumerate() {
        for (heap, state) in history.heaps.iter().zip(&mut states) {
            if let Some(figures) = figures_of(heap, &[(*number, printed)]) {
                *state = figures.sample();
            }
        }
        history.events.push(TimedEvent {
            ticks: 0,
            event: Event::Mark {
                name: format!("summary {}", number + 1),
            },
        });
        let first = (place == 0).then_some(0);
        for event in first.into_iter().chain([place + 1]) {
            let heaps = states.clone();
            history.measured.push(Measured { event, heaps });
        }
    }
    history.notes = notes(all, &reported);
    history
}

/// Returns why nothing can be concluded.
fn doubts(all: &[Printed], reported: &[(usize, &Printed)], unread: u64) -> Vec<String> {
    let none_is_whole = reported
        .iter()
        .all(|(_, printed)| printed.unread > 0)
        .then(|| {
            let unread = counted(unread, "line");
            format!("no summary of heap_caps_print_heap_info can be read whole (unread: {unread})")
        });
    let left_out = left_out(all, reported).filter(|_| is_too_much(all, reported));
    let contradictions = reported
        .iter()
        .filter_map(|(_, printed)| printed.contradiction());
    none_is_whole
        .into_iter()
        .chain(left_out)
        .chain(contradictions)
        .collect()
}

/// Returns what is said of summaries that cannot be read whole, if others can.
fn left_out(all: &[Printed], reported: &[(usize, &Printed)]) -> Option<String> {
    let left_out = all.len() - reported.len();
    (left_out > 0).then(|| {
        format!(
            "figures left out: {left_out} of {} of heap_caps_print_heap_info cannot be read whole",
            counted(all.len() as u64, "summary")
        )
    })
}

/// As of events: more than a twentieth.
fn is_too_much(all: &[Printed], reported: &[(usize, &Printed)]) -> bool {
    (all.len() - reported.len()) * 20 > all.len()
}

fn notes(all: &[Printed], reported: &[(usize, &Printed)]) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(left_out(all, reported).filter(|_| !is_too_much(all, reported)));
    let cut = reported.iter().filter(|(_, printed)| !printed.is_over());
    let cut = cut.count() as u64;
    if cut > 0 {
        notes.push(format!(
            "{} of heap_caps_print_heap_info without totals: heaps may be missing at the end",
            counted(cut, "summary")
        ));
    }
    if let Some((_, last)) = reported.last() {
        let least = last.heaps.iter().map(|heap| u64::from(heap.least_free));
        notes.push(format!(
            "the last summary says that each heap had, at its own worst moment, {} free in sum",
            bytes(least.sum())
        ));
    }
    notes
}

/// Returns what the first of these summaries that has this heap says of it.
fn figures_of<'a>(heap: &HeapDescription, of: &[(usize, &'a Printed)]) -> Option<&'a Figures> {
    let mut figures = of.iter().flat_map(|(_, printed)| &printed.heaps);
    figures.find(|figures| figures.start == heap.start)
}

/// Returns every heap that any summary has, by address.
fn heaps(all: &[(usize, &Printed)]) -> Vec<HeapDescription> {
    let mut heaps: Vec<HeapDescription> = Vec::new();
    for (_, printed) in all {
        for figures in &printed.heaps {
            match heaps.iter_mut().find(|heap| heap.start == figures.start) {
                Some(heap) => heap.caps |= printed.caps,
                None => heaps.push(HeapDescription {
                    index: 0,
                    start: figures.start,
                    size: figures.size,
                    caps: printed.caps,
                    name: "heap".to_owned(),
                }),
            }
        }
    }
    heaps.sort_by_key(|heap| heap.start);
    for (heap, index) in heaps.iter_mut().zip(0..=u8::MAX) {
        heap.index = index;
    }
    heaps
}

#[cfg(test)]
mod tests {
    use super::{Event, Measured, read};
    use crate::Replayed;
    use crate::summary::Summary;

    const LOG: &str = "\
I (300) app: before
Heap summary for capabilities 0x00000004:
  At 0x3ffae6e0 len 6432 free 4100 allocated 1600 min_free 3900
    largest_free_block 3968 alloc_blocks 30 free_blocks 1 total_blocks 31
  At 0x3ffb2ec8 len 184632 free 180000 allocated 4000 min_free 170000
    largest_free_block 180000 alloc_blocks 3 free_blocks 1 total_blocks 4
  Totals:
    free 184100 allocated 5600 min_free 173900 largest_free_block 180000
I (900) app: after
I (901) app: Heap summary for capabilities 0x00000004:
I (901) app:   At 0x3ffb2ec8 len 184632 free 20000 allocated 164000 min_free 18000
I (901) app:     largest_free_block 1500 alloc_blocks 300 free_blocks 70 total_blocks 370
";

    #[test]
    fn colour_codes_at_line_ends_are_no_part_of_a_number() {
        let coloured = LOG.replace('\n', "\x1B[0m\n");
        assert_eq!(
            read(&lines(&coloured)).unwrap().measured,
            read(&lines(LOG)).unwrap().measured
        );
    }

    #[test]
    fn a_terminal_of_any_width_wraps_what_is_read_as_if_it_had_not() {
        let whole = read(&lines(LOG)).unwrap();
        for (width, trim) in (30..90).flat_map(|width| [(width, false), (width, true)]) {
            let wrapped = read(&wrapped(LOG, width, trim)).unwrap();
            assert_eq!(wrapped.heaps, whole.heaps, "{width} columns, {trim}");
            assert_eq!(wrapped.measured, whole.measured, "{width} columns, {trim}");
            assert_eq!(wrapped.notes, whole.notes, "{width} columns, {trim}");
        }
    }

    fn wrapped(text: &str, width: usize, trim: bool) -> Vec<String> {
        let mut out = Vec::new();
        for line in text.lines() {
            let letters: Vec<char> = line.chars().collect();
            for piece in letters.chunks(width) {
                let piece: String = piece.iter().collect();
                out.push(if trim { piece.trim_end().into() } else { piece });
            }
        }
        out
    }

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn each_summary_is_a_state_of_the_heaps() {
        let history = read(&lines(LOG)).unwrap();
        let heaps: Vec<_> = history
            .heaps
            .iter()
            .map(|heap| (heap.start, heap.size))
            .collect();
        assert_eq!(heaps, [(0x3FFA_E6E0, 6432), (0x3FFB_2EC8, 184_632)]);
        let free: Vec<Vec<u32>> = history
            .measured
            .iter()
            .map(|measured| measured.heaps.iter().map(|heap| heap.free).collect())
            .collect();
        let first = vec![4100, 180_000];
        assert_eq!(free, [first.clone(), first, vec![4100, 20_000]]);
        assert_eq!(history.measured[2].heaps[1].blocks, 300);
    }

    #[test]
    fn the_report_has_the_figures_and_says_that_nobody_is_named() {
        let history = read(&lines(LOG)).unwrap();
        let replayed = Replayed::of(&history);
        let text = Summary::new(&history, &replayed).to_string();
        for line in [
            "No verdict: summaries of heaps have no blocks, so nobody can be named; from the first of \
             2 prints to the last, free bytes went from 184,100 to 24,100, the largest free block has \
             3,968.",
            "a program: 2 prints of its heaps' figures (heap_caps_print_heap_info)",
            "184,632  164,000  20,000         1,500        92 %",
            "each heap had, at its own worst moment, 18,000 bytes free in sum",
        ] {
            assert!(text.contains(line), "{line}\n\n{text}");
        }
        for word in ["peak", "leak", "by site", "refused"] {
            assert!(!text.to_lowercase().contains(word), "{word}\n\n{text}");
        }
    }

    /// A line of `LOG` as it came, and how many lines are unread then.
    #[test]
    fn a_line_that_cannot_be_read_is_counted_and_its_summary_left_out() {
        let whole = read(&lines(LOG)).unwrap();
        assert_eq!(whole.gaps.unreadable_records, 0);
        for (line, came, unread) in [
            (
                "At 0x3ffae6e0 len 6432 free 4100",
                "At 0x3ffae6e0 len 6432 free",
                1,
            ),
            (
                "At 0x3ffae6e0 len 6432",
                "At 0x3ffae6e0 len 64I (312) wifi: up",
                1,
            ),
            ("At 0x3ffae6e0", "At 0x3ffae6e0123", 1),
            ("At 0x3ffae6e0 len", "", 1),
            ("free 4100 allocated", "free 99999999999 allocated", 1),
            (
                "largest_free_block 3968 alloc",
                "largest_free_block 39alloc",
                1,
            ),
            (
                "    largest_free_block 3968 alloc_blocks 30 free_blocks 1 total_blocks 31\n",
                "",
                1,
            ),
            (
                "Heap summary for capabilities 0x00000004:\n  At 0x3ffae6e0",
                "  At 0x3ffae6e0",
                1,
            ),
            (
                "capabilities 0x00000004:\n  At 0x3ffae6e0",
                "capabi\n  At 0x3ffae6e0",
                1,
            ),
            (
                "capabilities 0x00000004:\n  At 0x3ffae6e0",
                "capabilities 0x0w\n  At 0x3ffae6e0",
                1,
            ),
            (
                "min_free 173900 largest_free_block 180000",
                "min_free 173900 largest_free_blo",
                1,
            ),
            (
                "min_free 173900 largest_free_block 180000",
                "min_free x largest_free_block 180000",
                1,
            ),
        ] {
            let log = LOG.replacen(line, came, 1);
            assert_ne!(log, LOG, "{line}");
            let history = read(&lines(&log)).unwrap();
            assert_eq!(history.gaps.unreadable_records, unread, "{log}");
            let reported = 2 - usize::try_from(unread).unwrap();
            assert_eq!(history.events.len(), reported, "{log}");
            let left_out = "figures left out: 1 of 2 summaries of heap_caps_print_heap_info cannot \
                            be read whole";
            assert_eq!(history.doubts, [left_out], "{log}");
        }
    }

    #[test]
    fn a_summary_of_many_that_cannot_be_read_is_no_doubt() {
        let log = LOG.repeat(10) + &LOG.replacen("len 6432", "len", 1);
        let history = read(&lines(&log)).unwrap();
        assert_eq!(history.doubts, [""; 0]);
        let note = "figures left out: 1 of 22 summaries of heap_caps_print_heap_info";
        assert!(history.notes[0].starts_with(note), "{:?}", history.notes);
        assert_eq!(history.events.len(), 21);
        assert_eq!(
            history.events[20].event,
            Event::Mark {
                name: "summary 22".to_owned()
            }
        );
    }

    #[test]
    fn where_no_summary_is_whole_there_is_no_verdict() {
        let cut = "Heap summary for capabilities 0x4:\n  At 0x3ffae6e0 len x\n";
        for log in [cut, "Heap summary for capabilities 0x4:\n", &LOG[..150]] {
            let history = read(&lines(log)).unwrap();
            assert!(history.gaps.unreadable_records > 0, "{log}");
            assert!(
                history.doubts[0].contains("can be read whole"),
                "{:?}",
                history.doubts
            );
        }
    }

    #[test]
    fn totals_that_contradict_the_heaps_are_told() {
        let second = LOG.find("  At 0x3ffb2ec8").unwrap();
        let totals = LOG.find("  Totals").unwrap();
        let without_a_heap = [&LOG[..second], &LOG[totals..]].concat();
        let history = read(&lines(&without_a_heap)).unwrap();
        assert_eq!(
            history.doubts,
            [
                "the totals of a summary of heap_caps_print_heap_info count 189,700 bytes, and 5,700 \
              bytes were read above them"
            ]
        );
        // What other tasks allocate between the heap's line and the totals.
        let later = LOG.replace("free 184100 allocated 5600", "free 183000 allocated 6620");
        assert_eq!(read(&lines(&later)).unwrap().doubts, [""; 0]);
    }

    #[test]
    fn no_heap_may_have_the_capabilities() {
        let none = "Heap summary for capabilities 0x00000400:\n  Totals:\n    free 0 allocated 0 \
                    min_free 0 largest_free_block 0\n";
        assert!(read(&lines(none)).is_none());
        let history = read(&lines(&format!("{none}{LOG}"))).unwrap();
        assert_eq!(
            (history.gaps.unreadable_records, history.events.len()),
            (0, 2)
        );
    }

    /// A print of internal memory and one of PSRAM: neither came while the program ran.
    #[test]
    fn a_heap_that_only_a_later_summary_has_was_there_before() {
        let psram = "Heap summary for capabilities 0x00000400:\n  At 0x3f800000 len 4194304 free \
                     4000000 allocated 194000 min_free 4000000\n    largest_free_block 3900000 \
                     alloc_blocks 9 free_blocks 1 total_blocks 10\n";
        let history = read(&lines(&format!("{LOG}{psram}"))).unwrap();
        let free = |measured: &Measured| measured.heaps.iter().map(|heap| heap.free).sum::<u32>();
        let all: Vec<u32> = history.measured.iter().map(free).collect();
        assert_eq!(all, [4_184_100, 4_184_100, 4_024_100, 4_024_100]);
    }

    #[test]
    fn words_of_other_texts_are_no_lines_of_a_summary() {
        for other in [
            "At 0x400d1234 the watchdog barked\n",
            "I (3) app: largest_free_block 1000\n",
            "free 1 allocated 1 min_free 1 largest_free_block 1\n",
            "At 3FFAE6E0 len 00001920 (6 KiB): DRAM\n",
        ] {
            assert!(read(&lines(other)).is_none(), "{other}");
            let totals = LOG.find("I (900)").unwrap();
            let log = [&LOG[..totals], other].concat();
            assert_eq!(
                read(&lines(&log)).unwrap().gaps.unreadable_records,
                0,
                "{other}"
            );
        }
    }
}
