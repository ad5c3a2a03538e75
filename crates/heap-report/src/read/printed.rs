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
//! in front of a line.

use soc_regions::Caps;

use crate::history::{Event, HeapDescription, History, Measured, Source, TimedEvent};
use crate::read::lines;
use crate::replay::HeapSample;

/// What a line of a summary says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    /// A summary begins: of heaps with these capabilities.
    Begin(Caps),
    /// A heap's first line.
    Heap(Figures),
    /// A heap's second line.
    Blocks { largest_free: u32, blocks: u32 },
}

/// A summary as it was printed.
#[derive(Debug, Default)]
struct Printed {
    caps: Caps,
    heaps: Vec<Figures>,
}

/// The figures of a heap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Figures {
    start: u32,
    size: u32,
    free: u32,
    used: u32,
    least_free: u32,
    /// Of its second line, which may be missing.
    largest_free: Option<u32>,
    blocks: u32,
}

/// What the summaries in these lines contain; `None` if there is none.
pub(super) fn read(lines: &[String]) -> Option<History> {
    let printed = printed(lines);
    (!printed.is_empty()).then(|| history(&printed))
}

fn printed(lines: &[String]) -> Vec<Printed> {
    let mut all: Vec<Printed> = Vec::new();
    for item in lines::items(lines) {
        match (item, all.last_mut()) {
            (Item::Begin(caps), _) => all.push(Printed {
                caps,
                heaps: Vec::new(),
            }),
            (item, Some(printed)) => printed.add(item),
            (_, None) => {}
        }
    }
    all.retain(|printed| !printed.heaps.is_empty());
    all
}

impl Printed {
    fn add(&mut self, item: Item) {
        match item {
            Item::Heap(figures) => self.heaps.push(figures),
            Item::Blocks {
                largest_free,
                blocks,
            } => {
                if let Some(last) = self.heaps.last_mut()
                    && last.largest_free.is_none()
                {
                    (last.largest_free, last.blocks) = (Some(largest_free), blocks);
                }
            }
            Item::Begin(_) => {}
        }
    }
}

impl lines::Item for Item {
    fn of(line: &str) -> Option<(Self, bool)> {
        let (item, rest) = begin(line)
            .or_else(|| heap(line))
            .or_else(|| blocks(line))?;
        Some((item, rest.trim().is_empty()))
    }
}

fn begin(line: &str) -> Option<(Item, &str)> {
    let (_, caps) = line.split_once("Heap summary for capabilities 0x")?;
    let (bits, rest) = hexadecimal(caps);
    let caps = Caps::from_bits_retain(bits.unwrap_or(0));
    Some((Item::Begin(caps), rest.strip_prefix(':').unwrap_or(rest)))
}

fn heap(line: &str) -> Option<(Item, &str)> {
    let (_, rest) = line.split_once("At 0x")?;
    let (start, rest) = hexadecimal(rest);
    let (size, rest) = labelled("len", rest)?;
    let (free, rest) = labelled("free", rest)?;
    let (used, rest) = labelled("allocated", rest)?;
    let (least_free, rest) = labelled("min_free", rest)?;
    let figures = Figures {
        start: start?,
        size,
        free,
        used,
        least_free,
        ..Figures::default()
    };
    Some((Item::Heap(figures), rest))
}

/// The line of the totals has no `alloc_blocks`.
fn blocks(line: &str) -> Option<(Item, &str)> {
    let start = line.find("largest_free_block")?;
    let (largest_free, rest) = labelled("largest_free_block", line.get(start..)?)?;
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

/// The number behind `label`, with which `text` begins: 6432 of ` len 6432 free 4100`.
fn labelled<'a>(label: &str, text: &'a str) -> Option<(u32, &'a str)> {
    let number = text.trim_start().strip_prefix(label)?.strip_prefix(' ')?;
    let end = number
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(number.len());
    let (digits, rest) = number.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest))
}

fn hexadecimal(text: &str) -> (Option<u32>, &str) {
    let end = text
        .find(|letter: char| !letter.is_ascii_hexdigit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    (u32::from_str_radix(digits, 16).ok(), rest)
}

impl Figures {
    fn sample(&self) -> HeapSample {
        let largest_free = self.largest_free.unwrap_or(0).min(self.free);
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
    let mut history = History {
        source: Source::Printed,
        heaps: heaps(all),
        ..History::default()
    };
    let mut states = vec![HeapSample::default(); history.heaps.len()];
    for (number, printed) in all.iter().enumerate() {
        for figures in &printed.heaps {
            let place = history
                .heaps
                .iter()
                .position(|heap| heap.start == figures.start);
            if let Some(state) = place.and_then(|place| states.get_mut(place)) {
                *state = figures.sample();
            }
        }
        history.events.push(TimedEvent {
            ticks: 0,
            event: Event::Mark {
                name: format!("summary {}", number + 1),
            },
        });
        let first = (number == 0).then_some(0);
        for event in first.into_iter().chain([number + 1]) {
            let heaps = states.clone();
            history.measured.push(Measured { event, heaps });
        }
    }
    let least = all.last().map_or(0, |printed| {
        let least = printed.heaps.iter().map(|heap| u64::from(heap.least_free));
        least.sum()
    });
    history.notes.push(format!(
        "the last summary says that each heap had, at its own worst moment, {least} bytes free in sum"
    ));
    history
}

/// Every heap that any summary has, by address.
fn heaps(all: &[Printed]) -> Vec<HeapDescription> {
    let mut heaps: Vec<HeapDescription> = Vec::new();
    for printed in all {
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
    use super::read;
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
        let rebuilt = Replayed::of(&history);
        let text = Summary::new(&history, &rebuilt).to_string();
        for line in [
            "No verdict: summaries of heaps have no blocks, so nobody can be named; from the first of \
             2 prints to the last, free bytes went from 184,100 to 24,100, the largest free block has \
             3,968.",
            "a program: 2 prints of its heaps' figures (heap_caps_print_heap_info)",
            "184,632  164,000  20,000         1,500        92 %",
            "each heap had, at its own worst moment, 18000 bytes free in sum",
        ] {
            assert!(text.contains(line), "{line}\n\n{text}");
        }
        for word in ["peak", "leak", "by site", "refused"] {
            assert!(!text.to_lowercase().contains(word), "{word}\n\n{text}");
        }
    }

    #[test]
    fn a_log_without_a_whole_heap_line_has_no_summary() {
        assert!(
            read(&lines(
                "Heap summary for capabilities 0x4:\n  At 0x3ffae6e0 len x\n"
            ))
            .is_none()
        );
        assert!(
            read(&lines(
                "At 0x3ffae6e0 len 1 free 1 allocated 1 min_free 1\n"
            ))
            .is_none()
        );
    }
}
