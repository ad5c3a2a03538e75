//! Figures that a kind of input never contains.

use crate::history::{History, Source};

/// Returns what this kind of input does not contain.
pub(super) fn unknowns(history: &History) -> Vec<String> {
    let has_names = history.sites.iter().any(|site| !site.frames.is_empty());
    let is_exact = history.source.is_exact();
    let sentences = [
        (
            history.source == Source::Stream,
            "What was allocated before the stream began is not in it: all figures are of the blocks that it saw come.",
        ),
        (
            history.source == Source::Dump,
            "A dump has the blocks that were in the trace's buffer when it was printed: what was freed before, what did not fit, owners and failures are not in it.",
        ),
        (
            history.source == Source::Printed,
            "Summaries of heaps list no blocks: who holds memory, and where it lies, is not in them.",
        ),
        (
            history.source == Source::Image,
            "An image is of one point in time: what was freed before, the peak and what keeps growing are not in it.",
        ),
        (
            (!is_exact || history.sites.iter().any(|site| !site.callers.is_empty())) && !has_names,
            "Functions have no names: they are in the program's ELF file (--elf).",
        ),
        (
            !is_exact && !history.heaps.is_empty(),
            "Free memory, the largest free block and fragmentation are rebuilt from the blocks that are live, with 4 bytes in front of each: the heap's own words and canaries are not told and count as free.",
        ),
        (
            history.heaps.is_empty(),
            "The input does not name the heaps: no map, no free memory, no fragmentation.",
        ),
        (
            history.ticks_per_second == 0,
            "The rate of the program's clock is unknown: times are numbers of events.",
        ),
        (
            true,
            "There are at most some 240 samples: what came and went between two of them is in the sums, not in the pictures.",
        ),
    ];
    let notes = history.notes.iter().map(|note| sentence(note));
    let some = sentences.into_iter().filter(|(applies, _)| *applies);
    notes
        .chain(some.map(|(_, sentence)| sentence.to_owned()))
        .collect()
}

/// Returns a reader's note, from its capital letter to its full stop.
fn sentence(note: &str) -> String {
    let mut letters = note.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    let text: String = first.into_iter().chain(letters).collect();
    format!("{}.", text.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_measured_is_called_rebuilt() {
        let of = |source| {
            let history = History {
                source,
                heaps: vec![crate::history::HeapDescription {
                    index: 0,
                    start: 0x3FFB_0000,
                    size: 0x1000,
                    caps: soc_regions::Caps::DMA,
                    name: "DRAM".to_owned(),
                }],
                ..History::default()
            };
            unknowns(&history).join(" ")
        };
        assert!(of(Source::Stream).contains("rebuilt"));
        assert!(!of(Source::Recorded).contains("rebuilt"));
    }
}
