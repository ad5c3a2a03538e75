//! Lines of a heap guard: forbidden writes, as `heap_guard::Caught` prints them.
//!
//! ```text
//!   heap guard: write to 0x3FFB3010 by 0x400D1234, called from 0x400D2222, for owner 2: 0 bytes behind the block 0x3FFB2FB0 (96 bytes); …
//!   heap guard: 0x3FFB2FC8 was changed to 0x00000007: byte 8 of the freed block 0x3FFB2FC0 (96 bytes); …
//!                   …; allocated by owner 1 at src/tls.rs:88:9, called from 0x400D0001, 0x400D0002; freed by owner 3, called from 0x400D0003
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::history::{Frame, History, Site};
use crate::summary::counted;

/// What stands before it in a line.
const MARK: &str = "heap guard: ";

/// Functions that write on behalf of whoever calls them.
const COPYING: [&str; 9] = [
    "memcpy", "memmove", "memset", "strcpy", "strncpy", "strcat", "strncat", "sprintf", "snprintf",
];

/// A write that a guard caught, or a change that it saw later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caught {
    /// Where it was written, where that is known.
    pub address: Option<u32>,
    /// The writer; `None`: not seen.
    pub writer: Option<Writer>,
    /// Where that is, seen from the block.
    pub place: WrittenAt,
    /// Bytes of the block.
    pub size: u32,
    /// Where the block was allocated.
    pub allocated: Option<Origin>,
    /// Where it was freed.
    pub freed: Option<Origin>,
}

/// The writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// The address of the instruction.
    pub counter: u32,
    /// That instruction and its caller, and once they are named, their functions and lines.
    pub site: Site,
    /// On whose behalf.
    pub owner: u8,
}

/// Where a block was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WrittenAt {
    /// This many bytes behind its end.
    Behind(u32),
    /// Somewhere behind its end.
    SomewhereBehind,
    /// This byte of it, when it was free.
    Freed(u32),
    /// Somewhere in it, when it was free.
    SomewhereFreed,
}

/// Origin of an allocation or a free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// On whose behalf.
    pub owner: u8,
    /// Where.
    pub site: Site,
}

/// Returns what these lines of a log contain.
pub(crate) fn read(lines: &[String]) -> Vec<Caught> {
    let reported = lines.iter().filter_map(|line| line.split_once(MARK));
    reported
        .filter_map(|(_, reported)| parsed(reported))
        .collect()
}

fn parsed(reported: &str) -> Option<Caught> {
    let (who, rest) = reported.split_once(": ")?;
    let mut parts = rest.split("; ");
    let (place, size) = place(parts.next()?)?;
    let (mut allocated, mut freed) = (None, None);
    for part in parts {
        if let Some(by) = part.strip_prefix("allocated by ") {
            allocated = Some(origin(by)?);
        } else if let Some(by) = part.strip_prefix("freed by ") {
            freed = Some(origin(by)?);
        }
    }
    let (address, writer) = who_wrote(who)?;
    Some(Caught {
        address,
        writer,
        place,
        size,
        allocated,
        freed,
    })
}

/// `write to 0x3FFB3010 by 0x400D1234, called from 0x400D2222, for owner 2 on core 1`, `0x3FFB2FC8
/// was changed to 0x00000007`
fn who_wrote(text: &str) -> Option<(Option<u32>, Option<Writer>)> {
    let Some(write) = text.strip_prefix("write") else {
        let (address, _) = text.split_once(" was changed to ")?;
        return Some((Some(number(address)?), None));
    };
    let (address, write) = write.split_once(" by ")?;
    let address = match address.strip_prefix(" to ") {
        Some(address) => Some(number(address)?),
        None => None,
    };
    let (writer, owner) = write.split_once(", for ")?;
    let owner = owner.split(" on core ").next()?;
    let (counter, caller) = match writer.split_once(", called from ") {
        Some((counter, caller)) => (number(counter)?, Some(number(caller)?)),
        None => (number(writer)?, None),
    };
    // As a return address, which is looked up in front of it.
    let behind = counter.wrapping_add(1);
    let site = Site {
        callers: [behind].into_iter().chain(caller).collect(),
        ..Site::default()
    };
    let writer = Writer {
        counter,
        site,
        owner: owner_number(owner)?,
    };
    Some((address, Some(writer)))
}

/// `0 bytes behind the block 0x3FFB2FB0 (96 bytes)`
fn place(text: &str) -> Option<(WrittenAt, u32)> {
    let (where_, size) = text.split_once(" (")?;
    let size = size.strip_suffix(" bytes)")?.parse().ok()?;
    let (place, _) = where_.split_once("block 0x")?;
    let place = match place {
        "behind the " => WrittenAt::SomewhereBehind,
        "the freed " => WrittenAt::SomewhereFreed,
        _ => match place.strip_suffix(" bytes behind the ") {
            Some(bytes) => WrittenAt::Behind(bytes.parse().ok()?),
            None => {
                let byte = place.strip_prefix("byte ")?;
                WrittenAt::Freed(byte.strip_suffix(" of the freed ")?.parse().ok()?)
            }
        },
    };
    Some((place, size))
}

/// `owner 1 at src/tls.rs:88:9, called from 0x400D0001, 0x400D0002`
fn origin(text: &str) -> Option<Origin> {
    let (who, callers) = match text.split_once(", called from ") {
        Some((who, callers)) => (who, callers.split(", ").map(number).collect()),
        None => (text, Some(Vec::new())),
    };
    let (owner, place) = match who.split_once(" at ") {
        Some((owner, place)) => (owner, Some(place)),
        None => (who, None),
    };
    let mut site = Site {
        callers: callers?,
        ..Site::default()
    };
    if let Some(place) = place {
        let mut ends = place.rsplitn(3, ':');
        let (_column, line, file) = (ends.next()?, ends.next()?, ends.next()?);
        (site.file, site.line) = (file.to_owned(), line.parse().ok()?);
    }
    Some(Origin {
        owner: owner_number(owner)?,
        site,
    })
}

fn owner_number(text: &str) -> Option<u8> {
    match text {
        "nobody" => Some(0),
        _ => text.strip_prefix("owner ")?.parse().ok(),
    }
}

fn number(text: &str) -> Option<u32> {
    u32::from_str_radix(text.trim().strip_prefix("0x")?, 16).ok()
}

impl Caught {
    /// Returns the places whose addresses can be named.
    pub(crate) fn sites_mut(&mut self) -> impl Iterator<Item = &mut Site> {
        let writer = self.writer.iter_mut().map(|writer| &mut writer.site);
        let origins = self.allocated.iter_mut().chain(&mut self.freed);
        writer.chain(origins.map(|origin| &mut origin.site))
    }

    /// Returns where it was written, in words.
    #[must_use]
    pub fn place_in_words(&self) -> String {
        let size = counted(self.size.into(), "byte");
        match self.place {
            WrittenAt::Behind(0) => format!("right behind a block of {size}"),
            WrittenAt::Behind(bytes) => {
                format!("{} behind a block of {size}", counted(bytes.into(), "byte"))
            }
            WrittenAt::SomewhereBehind => format!("behind a block of {size}"),
            WrittenAt::Freed(byte) => format!("byte {byte} of a freed block of {size}"),
            WrittenAt::SomewhereFreed => format!("a freed block of {size}"),
        }
    }

    /// Returns the writer: the innermost line that does not just copy for others.
    #[must_use]
    pub fn culprit(&self, history: &History) -> String {
        let Some(Writer {
            counter,
            site,
            owner,
        }) = &self.writer
        else {
            return "nobody saw who".to_owned();
        };
        let mut frames = site.frames.iter().skip_while(|frame| is_copying(frame));
        let owner = match owner {
            0 => String::new(),
            owner => format!(", for {}", history.owner_name(*owner)),
        };
        match (frames.next(), frames.next(), site.callers.get(1)) {
            (Some(frame), Some(caller), _) => format!("{frame}, called from {caller}{owner}"),
            (Some(frame), None, _) => format!("{frame}{owner}"),
            (None, _, Some(caller)) => {
                format!("{counter:#010x}, called from {caller:#010x}{owner}")
            }
            (None, _, None) => format!("{counter:#010x}{owner}"),
        }
    }

    /// `allocated by owner 1 at src/tls.rs:88 connect`, and who freed it.
    #[must_use]
    pub fn origins(&self, history: &History) -> Vec<String> {
        let did = [("allocated", &self.allocated), ("freed", &self.freed)];
        let known = did
            .into_iter()
            .filter_map(|(did, origin)| Some((did, origin.as_ref()?)));
        known
            .map(|(did, Origin { owner, site })| {
                let place = match site.label() {
                    label if label == "unknown" => String::new(),
                    label => format!(" at {label}"),
                };
                format!("{did} by {}{place}", history.owner_name(*owner))
            })
            .collect()
    }
}

/// Returns whether a function writes for whoever calls it: of the C library, of the compiler's
/// runtime, of Rust's core.
fn is_copying(frame: &Frame) -> bool {
    let path = frame.file.replace('\\', "/");
    COPYING.contains(&frame.function.as_str())
        || path.contains("compiler-builtins")
        || path.contains("library/core/src/")
        || path.contains("library/alloc/src/")
}

/// Returns what guards caught, the same things together: in lines, each with how often it happened.
#[must_use]
pub(crate) fn lines(history: &History) -> Vec<String> {
    let mut counts: BTreeMap<Vec<String>, usize> = BTreeMap::new();
    for caught in &history.caught {
        let mut lines = vec![caught.culprit(history)];
        lines.push(format!("wrote {}", caught.place_in_words()));
        lines.extend(caught.origins(history));
        *counts.entry(lines).or_default() += 1;
    }
    let mut most_first: Vec<_> = counts.into_iter().collect();
    most_first.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let reported = most_first.into_iter().map(|(lines, count)| {
        let times = match count {
            1 => "once".to_owned(),
            count => counted(count as u64, "time"),
        };
        let mut lines = lines.into_iter();
        let mut text = format!("{times}: {}", lines.next().unwrap_or_default());
        for line in lines {
            let _ = write!(text, "\n      {line}"); // never fails
        }
        text
    });
    reported.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OVERRUN: &str = "I (12) app: heap guard: write to 0x3FFB3011 by 0x400D1234, called from \
                           0x400D2222, for owner 2 on core 1: 1 bytes behind the block 0x3FFB2FB0 \
                           (96 bytes); allocated by owner 1 at src/tls.rs:88:9, called from \
                           0x400D0001, 0x400D0002";
    const STALE: &str = "heap guard: 0x3FFB2FC8 was changed to 0x00000007: byte 8 of the freed \
                         block 0x3FFB2FC0 (96 bytes); freed by nobody, called from 0x400D0003";

    fn history(lines: &[&str]) -> History {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        History {
            caught: read(&lines),
            ..History::default()
        }
    }

    #[test]
    fn lines_are_read_with_all_that_they_say() {
        let history = history(&["boot", OVERRUN, STALE]);
        let [overrun, stale] = history.caught.as_slice() else {
            panic!("{history:?}")
        };
        let writer = overrun.writer.as_ref().unwrap();
        assert_eq!((writer.counter, writer.owner), (0x400D_1234, 2));
        assert_eq!(writer.site.callers, [0x400D_1235, 0x400D_2222]);
        assert_eq!(
            (overrun.address, overrun.place, overrun.size),
            (Some(0x3FFB_3011), WrittenAt::Behind(1), 96)
        );
        let allocated = overrun.allocated.as_ref().unwrap();
        assert_eq!((allocated.owner, allocated.site.line), (1, 88));
        assert_eq!(allocated.site.callers, [0x400D_0001, 0x400D_0002]);
        assert_eq!((&stale.writer, stale.place), (&None, WrittenAt::Freed(8)));
        assert_eq!(stale.freed.as_ref().unwrap().site.callers, [0x400D_0003]);
    }

    #[test]
    fn half_a_line_is_none() {
        let whole = OVERRUN.len();
        for length in 0..whole - 80 {
            let _ = history(&[&OVERRUN[..length]]);
        }
        assert!(history(&[&OVERRUN[..60]]).caught.is_empty());
    }

    #[test]
    fn the_culprit_is_not_who_copies_for_others() {
        let mut history = history(&[OVERRUN]);
        let frame = |function: &str, line| Frame {
            function: function.to_owned(),
            file: "src/web.rs".to_owned(),
            line,
        };
        let plain = history.caught[0].culprit(&history);
        assert_eq!(plain, "0x400d1234, called from 0x400d2222, for owner 2");
        for site in history.caught[0].sites_mut().take(1) {
            site.frames = vec![frame("memcpy", 1), frame("greet", 7), frame("main", 9)];
        }
        let named = history.caught[0].culprit(&history);
        assert_eq!(
            named,
            "src/web.rs:7 greet, called from src/web.rs:9 main, for owner 2"
        );
    }

    #[test]
    fn repeated_findings_are_reported_once() {
        let reported = lines(&history(&[STALE, OVERRUN, STALE]));
        assert_eq!(
            reported,
            [
                "2 times: nobody saw who\n      wrote byte 8 of a freed block of 96 bytes\n      \
                 freed by nobody at 0x400d0003",
                "once: 0x400d1234, called from 0x400d2222, for owner 2\n      wrote 1 byte behind \
                 a block of 96 bytes\n      allocated by owner 1 at src/tls.rs:88"
            ]
        );
    }
}
