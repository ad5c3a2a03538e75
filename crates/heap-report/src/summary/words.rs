//! Numbers in sentences: digits in groups, plurals.

use crate::history::History;
use crate::replay::FailureNote;

/// `1,234`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1,234 bytes`.
#[must_use]
pub fn bytes(number: u64) -> String {
    counted(number, "byte")
}

/// `1 block`, `2 blocks`, `2 entries`: `what` is one of them.
#[must_use]
pub fn counted(number: u64, what: &str) -> String {
    let number_is = grouped(number);
    match what.strip_suffix('y') {
        _ if number == 1 => format!("{number_is} {what}"),
        Some(start) => format!("{number_is} {start}ies"),
        None => format!("{number_is} {what}s"),
    }
}

/// `12 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// `0.125 s`, or `event 17` where no clock is known.
pub(crate) fn when(history: &History, event: usize, ticks: u64) -> String {
    match history.seconds(ticks) {
        Some(seconds) => format!("{seconds:.3} s"),
        None => format!("event {event}"),
    }
}

/// Returns a size that was asked for.
pub(crate) fn size(asked: u32) -> String {
    match asked {
        u32::MAX => "more bytes than there are addresses".to_owned(),
        asked => bytes(asked.into()),
    }
}

/// Refused requests: when, for which owner, and why.
pub(crate) fn failure(history: &History, failure: &FailureNote) -> String {
    let size = size(failure.size);
    let whose = match failure.owner {
        0 => String::new(),
        owner => format!(" for {}", history.owner_name(owner)),
    };
    let when = when(history, failure.event, failure.ticks);
    format!(
        "at {when}: {size} with {}{whose}: {}",
        failure.caps, failure.sentence
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use soc_regions::Caps;

    #[test]
    fn numbers_are_grouped_and_counted() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [0, 1, 2].map(|number| counted(number, "block")),
            ["0 blocks", "1 block", "2 blocks"]
        );
        assert_eq!(
            [1, 2000].map(|number| counted(number, "entry")),
            ["1 entry", "2,000 entries"]
        );
    }

    #[test]
    fn a_failure_is_a_sentence_with_its_time() {
        let note = FailureNote {
            event: 7,
            ticks: 500,
            size: 4096,
            caps: Caps::DMA,
            owner: 3,
            sentence: "fragmented".to_owned(),
            cause: crate::replay::RefusalCause::Unknown,
        };
        let mut history = History::default();
        assert_eq!(
            failure(&history, &note),
            "at event 7: 4,096 bytes with DMA for owner 3: fragmented"
        );
        history.ticks_per_second = 1000;
        let endless = FailureNote {
            size: u32::MAX,
            owner: 0,
            ..note
        };
        assert_eq!(
            failure(&history, &endless),
            "at 0.500 s: more bytes than there are addresses with DMA: fragmented"
        );
    }
}
