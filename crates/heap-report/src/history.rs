//! History of a program's heaps, in order: the common form of every input.
//!
//! ```text
//!   heaps, owners, sites     who and where: what the numbers in the events mean
//!   events                   0        1        2        …
//!                            Came     Came     Went            event number n is what led from n events to n + 1
//!   measured                 at 0     at 500   …               states of the heaps after N events, where they were measured
//! ```

use std::collections::BTreeMap;
use std::fmt;

use heap_caps::PressureKind;
use serde::Serialize;
use soc_regions::Caps;

use crate::caught::Caught;
use crate::crash::Crash;
use crate::replay::HeapSample;
use crate::symbols::Identity;

/// What happened to a program's heaps.
///
/// Invariants, upheld by the readers:
/// 1. `sites` is not empty: number 0 is the unknown site, and every site of an event is a number in
///    it.
/// 2. Ticks never go back, but at [`Event::Restarted`].
#[derive(Debug, Clone)]
pub struct History {
    /// Chip and program, in the program's words; empty if unknown.
    pub program: String,
    /// Ticks of the program's clock in a second; 0: unknown, then times are event numbers or raw
    /// ticks.
    pub ticks_per_second: u32,
    /// The program's heaps.
    pub heaps: Vec<HeapDescription>,
    /// What owners are called. Owner 0 is nobody.
    pub owners: BTreeMap<u8, String>,
    /// Call sites; the index is the site's number, 0 is unknown.
    pub sites: Vec<Site>,
    /// What happened, in order.
    pub events: Vec<TimedEvent>,
    /// What is missing.
    pub gaps: Gaps,
    /// What kind of input this was.
    pub source: Source,
    /// What a reader of the report should know, in sentences.
    pub notes: Vec<String>,
    /// Why no verdict can rest on this, in sentences: what was found could not be read, or its own
    /// totals contradict it. Empty: nothing speaks against it.
    pub doubts: Vec<String>,
    /// States of the heaps that were measured, ascending; empty where only the events are known.
    pub measured: Vec<Measured>,
    /// What an image of memory has besides blocks.
    pub crash: Option<Box<Crash>>,
    /// What guards on watchpoints caught, in order.
    pub caught: Vec<Caught>,
    /// Build of the program, if known.
    pub build: Option<Identity>,
}

impl Default for History {
    /// Nothing happened, nothing is known.
    fn default() -> History {
        History {
            program: String::new(),
            ticks_per_second: 0,
            heaps: Vec::new(),
            owners: BTreeMap::new(),
            sites: vec![Site::default()],
            events: Vec::new(),
            gaps: Gaps::default(),
            source: Source::Stream,
            notes: Vec::new(),
            doubts: Vec::new(),
            measured: Vec::new(),
            crash: None,
            caught: Vec::new(),
            build: None,
        }
    }
}

impl History {
    /// Returns what an owner is called: its name, else `owner 7`; `nobody` for 0.
    #[must_use]
    pub fn owner_name(&self, owner: u8) -> String {
        match (self.owners.get(&owner), owner) {
            (Some(name), _) => name.clone(),
            (None, 0) => "nobody".to_owned(),
            (None, number) => format!("owner {number}"),
        }
    }

    /// Returns the site with this number, the unknown one where there is none.
    #[must_use]
    pub fn site(&self, number: usize) -> Option<&Site> {
        self.sites.get(number).or_else(|| self.sites.first())
    }

    /// Returns the names of the sites, by number. Sites of one place are distinguished: by who
    /// called them, by what they ask for, by their numbers.
    #[must_use]
    pub fn labels(&self) -> Vec<String> {
        let mut labels: Vec<String> = self.sites.iter().map(Site::label).collect();
        for detail in [
            Site::caller_label,
            |site: &Site, _| Some(site.caps.to_string()),
            |_: &Site, number| Some(format!("site {number}")),
        ] {
            let mut count: BTreeMap<String, usize> = BTreeMap::new();
            for label in &labels {
                *count.entry(label.clone()).or_default() += 1;
            }
            let sites = self.sites.iter().enumerate().zip(&mut labels);
            for ((number, site), label) in
                sites.filter(|(_, label)| count.get(*label).is_some_and(|count| *count > 1))
            {
                if let Some(detail) = detail(site, number) {
                    *label = format!("{label} ({detail})");
                }
            }
        }
        labels
    }

    /// Seconds, if the program sent its clock rate.
    #[must_use]
    pub fn seconds(&self, ticks: u64) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a time for people")]
        (self.ticks_per_second > 0).then(|| ticks as f64 / f64::from(self.ticks_per_second))
    }
}

/// A heap of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeapDescription {
    /// Its number in the program.
    pub index: u8,
    /// Its first address.
    pub start: u32,
    /// Its size in bytes, its bookkeeping included.
    pub size: u32,
    /// Its capabilities.
    pub caps: Caps,
    /// The name of its memory.
    pub name: String,
}

impl HeapDescription {
    /// Returns whether `address` lies in it.
    #[must_use]
    pub const fn contains(&self, address: u32) -> bool {
        address.wrapping_sub(self.start) < self.size
    }
}

/// A place that asks for memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Site {
    /// Capabilities asked for.
    pub caps: Caps,
    /// Alignment asked for, in bytes.
    pub alignment: u32,
    /// Source file as the program sent it, empty if unknown.
    pub file: String,
    /// Line in it, 0 if unknown.
    pub line: u32,
    /// Return addresses, the innermost first.
    pub callers: Vec<u32>,
    /// The same as functions and lines, the innermost first, where an ELF file was there; frames of
    /// the heap's own code are left out.
    pub frames: Vec<Frame>,
}

impl Site {
    /// Returns where it is, in a line: `src/bin/events.rs:78 measure`, `0x400d1234` or `unknown`.
    #[must_use]
    pub fn label(&self) -> String {
        match (self.frames.first(), self.callers.first()) {
            (Some(frame), _) if frame.file.is_empty() => match self.location() {
                Some(place) => format!("{place} {}", frame.function),
                None => frame.to_string(),
            },
            (Some(frame), _) => frame.to_string(),
            (None, caller) => self
                .location()
                .or_else(|| caller.map(|caller| format!("{caller:#010x}")))
                .unwrap_or_else(|| "unknown".to_owned()),
        }
    }

    /// `called from src/main.rs:7 main`.
    fn caller_label(&self, _: usize) -> Option<String> {
        let caller = match (self.frames.get(1), self.callers.get(1)) {
            (Some(frame), _) => frame.to_string(),
            (None, Some(caller)) if self.frames.is_empty() => format!("{caller:#010x}"),
            _ => return None,
        };
        Some(format!("called from {caller}"))
    }

    /// Returns the place in the source as the program sent it.
    fn location(&self) -> Option<String> {
        match (self.file.as_str(), self.line) {
            ("", _) => None,
            (file, 0) => Some(file.to_owned()),
            (file, line) => Some(format!("{file}:{line}")),
        }
    }
}

/// A function on a call stack, and the line in it that called the next inner one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Frame {
    /// Name of the function, demangled.
    pub function: String,
    /// Source file, empty if unknown.
    pub file: String,
    /// Line in it, 0 if unknown.
    pub line: u32,
}

impl fmt::Display for Frame {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.is_empty(), self.line) {
            (true, _) => out.write_str(&self.function),
            (false, 0) => write!(out, "{} {}", self.file, self.function),
            (false, line) => write!(out, "{}:{line} {}", self.file, self.function),
        }
    }
}

/// An event and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedEvent {
    /// Ticks of the program's clock.
    pub ticks: u64,
    /// What happened.
    pub event: Event,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A block was allocated.
    Allocated {
        /// Its address.
        address: u32,
        /// Bytes asked for.
        size: u32,
        /// Where, an index of [`History::sites`].
        site: usize,
        /// On whose behalf.
        owner: u8,
    },
    /// A block was freed.
    Freed {
        /// Its address.
        address: u32,
    },
    /// A block was resized, in place or by moving.
    Resized {
        /// Its address before.
        old_address: u32,
        /// Its address now.
        address: u32,
        /// Bytes asked for.
        size: u32,
        /// Where, an index of [`History::sites`].
        site: usize,
        /// On whose behalf.
        owner: u8,
    },
    /// A request was refused.
    Failed {
        /// Bytes asked for; `u32::MAX`: that many or more.
        size: u32,
        /// Capabilities asked for.
        caps: Caps,
        /// On whose behalf.
        owner: u8,
        /// What the heap itself said, if it could be asked.
        sentence: Option<String>,
    },
    /// This many events are missing here: the program had no room for them.
    Dropped {
        /// How many.
        events: u32,
    },
    /// A moment that the program named.
    Mark {
        /// Its name.
        name: String,
    },
    /// Memory was short or back, or something was done about it.
    Pressure {
        /// The name of the gauge, shrinker, reserve or limit.
        name: String,
        /// What happened.
        kind: PressureKind,
    },
    /// The program restarted: nothing of what was before is live.
    Restarted,
}

/// What is missing of a history. All counts are of what is known to be missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Gaps {
    /// Events that the program dropped itself, because its sink had no room.
    pub dropped: u64,
    /// Events that the program sent and that did not arrive.
    pub missed: u64,
    /// Pieces of the input that are no frame.
    pub broken_frames: u64,
    /// How long they are together, in bytes.
    pub broken_bytes: u64,
    /// Records of a dump that cannot be read.
    pub unreadable_records: u64,
    /// Frees and resizes of blocks whose allocation was not seen.
    pub unknown_frees: u64,
    /// Blocks that were freed unseen: another one came where they were.
    pub lost_frees: u64,
}

impl Gaps {
    /// Returns whether nothing is missing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Gaps::default()
    }

    /// Returns the events, frames and records that are missing.
    pub(crate) const fn pieces(&self) -> u64 {
        self.dropped + self.missed + self.broken_frames + self.unreadable_records
    }

    /// Returns whether more than a twentieth of `events` is missing: then nothing found means
    /// nothing.
    pub(crate) const fn are_too_large(&self, events: usize) -> bool {
        self.pieces() * 20 > events as u64 // widening
    }
}

/// What kind of input a history comes from: it says what can be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// An event stream: everything from the time on at which the host listened.
    Stream,
    /// The text of a trace dump: blocks that were live when it was printed, or all that the
    /// trace's buffer held. No owners, no failures.
    Dump,
    /// Lines of ESP-IDF's `heap_caps_print_heap_info`: figures of each heap. No blocks, no owners.
    Printed,
    /// Lines of a heap guard, and nothing else. No blocks, no owners.
    Guard,
    /// An image of a program's memory: the blocks of one moment, and the heaps as they were.
    Image,
    /// A recorded program on a simulated chip: heaps are measured; no owners, and sizes stand in
    /// for call sites.
    Recorded,
}

impl Source {
    /// Returns whether the state of the heaps was measured, not computed from the events.
    #[must_use]
    pub const fn is_exact(self) -> bool {
        matches!(self, Source::Recorded | Source::Printed | Source::Image)
    }
}

/// The heaps after a number of events, as they were measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// How many events had happened.
    pub event: usize,
    /// In the order of [`History::heaps`].
    pub heaps: Vec<HeapSample>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_called_after_the_best_that_is_known_of_it() {
        let mut site = Site::default();
        assert_eq!(site.label(), "unknown");
        site.callers = vec![0x400D_1234, 0x400D_2345];
        assert_eq!(site.label(), "0x400d1234");
        site.file = "src/mqtt.rs".to_owned();
        site.line = 78;
        assert_eq!(site.label(), "src/mqtt.rs:78");
        site.frames = vec![Frame {
            function: "mqtt::publish".to_owned(),
            file: "src/mqtt.rs".to_owned(),
            line: 78,
        }];
        assert_eq!(site.label(), "src/mqtt.rs:78 mqtt::publish");
        site.frames[0].file.clear(); // an ELF file without lines
        assert_eq!(site.label(), "src/mqtt.rs:78 mqtt::publish");
        site.file.clear();
        assert_eq!(site.label(), "mqtt::publish");
    }

    #[test]
    fn sites_of_one_place_are_distinguished() {
        let site = |callers: &[u32], caps| Site {
            callers: callers.to_vec(),
            caps,
            ..Site::default()
        };
        let history = History {
            sites: vec![
                site(&[], Caps::empty()),
                site(&[0x100, 0x200], Caps::DMA),
                site(&[0x100, 0x300], Caps::DMA),
                site(&[0x500], Caps::DMA),
                site(&[0x500], Caps::EXEC),
                site(&[0x600], Caps::EXEC),
                site(&[0x600], Caps::EXEC),
            ],
            ..History::default()
        };
        assert_eq!(
            history.labels(),
            [
                "unknown",
                "0x00000100 (called from 0x00000200)",
                "0x00000100 (called from 0x00000300)",
                "0x00000500 (DMA)",
                "0x00000500 (EXEC)",
                "0x00000600 (EXEC) (site 5)",
                "0x00000600 (EXEC) (site 6)",
            ]
        );
    }

    #[test]
    fn owners_without_a_name_have_their_number() {
        let mut history = History::default();
        history.owners.insert(3, "mqtt".to_owned());
        let names = [0, 3, 4].map(|owner| history.owner_name(owner));
        assert_eq!(names, ["nobody", "mqtt", "owner 4"]);
    }

    #[test]
    fn a_heap_has_its_addresses_and_no_other() {
        let heap = HeapDescription {
            index: 0,
            start: 0x3FFB_0000,
            size: 0x100,
            caps: Caps::DMA,
            name: "DRAM".to_owned(),
        };
        let inside =
            [0x3FFA_FFFF, 0x3FFB_0000, 0x3FFB_00FF, 0x3FFB_0100].map(|at| heap.contains(at));
        assert_eq!(inside, [false, true, true, false]);
    }
}
