//! What is missing in a history, and what its kind of input can never tell?

use crate::history::{Gaps, History, Source};

/// What is known to be missing, in sentences; nothing if nothing is.
pub(super) fn missing(gaps: &Gaps) -> Vec<String> {
    let Gaps {
        dropped,
        missed,
        broken_frames,
        broken_bytes,
        unknown_frees,
        lost_frees,
    } = *gaps;
    let sentences = [
        (
            dropped,
            format!(
                "{} dropped by the program, whose sink had no room.",
                several(dropped, "event")
            ),
        ),
        (
            missed,
            format!("{} got lost on the way.", several(missed, "event")),
        ),
        (
            broken_frames,
            format!(
                "{} of the input ({}) could not be read.",
                several(broken_frames, "piece"),
                several(broken_bytes, "byte")
            ),
        ),
        (
            unknown_frees,
            format!(
                "{} of blocks that were allocated unseen.",
                several(unknown_frees, "free")
            ),
        ),
        (
            lost_frees,
            format!(
                "{} must have gone unseen: another one came where they were.",
                several(lost_frees, "block")
            ),
        ),
    ];
    let some = sentences.into_iter().filter(|(number, _)| *number > 0);
    some.map(|(_, sentence)| sentence).collect()
}

/// What this kind of input does not tell.
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
            history.source != Source::Recorded && !has_names,
            "Functions have no names: they are in the program's ELF file (--elf).",
        ),
        (
            !is_exact && !history.heaps.is_empty(),
            "Free memory, the largest free block and fragmentation are rebuilt from the blocks that are alive, with 4 bytes in front of each: the heap's own words and canaries are not told and count as free.",
        ),
        (
            history.heaps.is_empty(),
            "Which heaps there are is not told: no map, no free memory, no fragmentation.",
        ),
        (
            history.ticks_per_second == 0,
            "How fast the program's clock goes is not told: moments are numbers of events.",
        ),
        (
            true,
            "There are at most some 240 moments: what came and went between two of them is in the sums, not in the pictures.",
        ),
    ];
    let notes = history.notes.iter().map(|note| sentence(note));
    let some = sentences.into_iter().filter(|(applies, _)| *applies);
    notes
        .chain(some.map(|(_, sentence)| sentence.to_owned()))
        .collect()
}

/// A reader's note, from its capital letter to its full stop.
fn sentence(note: &str) -> String {
    let mut letters = note.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    let text: String = first.into_iter().chain(letters).collect();
    format!("{}.", text.trim_end_matches('.'))
}

/// `1 event`, `2,345 events`.
pub(super) fn several(number: u64, one: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {one}{plural}", grouped(number))
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_where_nothing_is_missing() {
        assert!(missing(&Gaps::default()).is_empty());
    }

    #[test]
    fn what_is_missing_is_said_with_its_number() {
        let gaps = Gaps {
            dropped: 1,
            missed: 12_345,
            ..Gaps::default()
        };
        let expected = [
            "1 event dropped by the program, whose sink had no room.",
            "12,345 events got lost on the way.",
        ];
        assert_eq!(missing(&gaps), expected);
    }

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
