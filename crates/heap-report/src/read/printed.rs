//! Lines of ESP-IDF's `heap_caps_print_heap_info`: figures of each heap, and no blocks.
//!
//! ```text
//!   Heap summary for capabilities 0x00000004:
//!     At 0x3ffae6e0 len 6432 free 4100 allocated 1600 min_free 3900
//!       largest_free_block 3968 alloc_blocks 30 free_blocks 1 total_blocks 31
//!     Totals:
//!       free 4100 allocated 1600 min_free 3900 largest_free_block 3968
//! ```
//! Each summary of a log becomes a mark, after which the heaps are as it says.

use soc_regions::Caps;

use crate::history::{Event, HeapDescription, History, Measured, Source, TimedEvent};
use crate::replay::HeapSample;
use crate::terminal::without_escapes;

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
    for line in lines {
        let line = without_escapes(line);
        if let Some((_, caps)) = line.split_once("Heap summary for capabilities 0x") {
            let digits = caps
                .split(|letter: char| !letter.is_ascii_hexdigit())
                .next();
            let bits = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
            all.push(Printed {
                caps: Caps::from_bits_retain(bits.unwrap_or(0)),
                heaps: Vec::new(),
            });
        } else if let Some(printed) = all.last_mut() {
            printed.add(&line);
        }
    }
    all.retain(|printed| !printed.heaps.is_empty());
    all
}

impl Printed {
    fn add(&mut self, line: &str) {
        if let Some(figures) = Figures::of_first_line(line) {
            self.heaps.push(figures);
        } else if let Some(last) = self.heaps.last_mut()
            && last.largest_free.is_none()
            && let Some(largest) = number_behind(line, "largest_free_block")
            && let Some(blocks) = number_behind(line, "alloc_blocks")
        {
            (last.largest_free, last.blocks) = (Some(largest), blocks);
        }
    }
}

impl Figures {
    fn of_first_line(line: &str) -> Option<Figures> {
        let (_, rest) = line.split_once("At 0x")?;
        let (start, rest) = rest.split_once(' ')?;
        Some(Figures {
            start: u32::from_str_radix(start, 16).ok()?,
            size: number_behind(rest, "len")?,
            free: number_behind(rest, "free")?,
            used: number_behind(rest, "allocated")?,
            least_free: number_behind(rest, "min_free")?,
            ..Figures::default()
        })
    }

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

/// The number that follows a word: `4100` of `len 6432 free 4100`.
fn number_behind(line: &str, word: &str) -> Option<u32> {
    let mut words = line.split_whitespace();
    words.find(|known| *known == word)?;
    words.next()?.parse().ok()
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
