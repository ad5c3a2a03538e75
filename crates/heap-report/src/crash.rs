//! Findings of a memory image beside its blocks: damage, failures, missing memory.

use heap_trace::PastEventKind;
use serde::Serialize;

use crate::history::History;
use crate::summary::bytes;

/// What an image of a program's memory has besides its blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    /// The heaps' poisoning: how closely they watched their blocks.
    pub poisoning: &'static str,
    /// What is wrong with the heaps; [`History::damage`] has it in sentences.
    pub damage: Vec<Damage>,
    /// The failure log, in sentences, the latest first.
    pub failures: Vec<String>,
    /// How many requests were refused since the program began; `None` where that is not in the
    /// image.
    pub refused: Option<u32>,
    /// Heaps that are not in the image, in sentences.
    pub missing: Vec<String>,
}

/// A fault of a heap, and the blocks around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Where it is and what: `at 0x3ffae8d4 in DRAM: CORRUPT HEAP: …`.
    pub fault: String,
    /// The block that it is in or in front of, and the one before it.
    pub around: Vec<NearbyBlock>,
    /// What happened there before, the latest first, of the last events that the program
    /// remembered.
    pub before: Vec<PastEvent>,
    /// How many bytes behind it could not be read.
    pub lost: u32,
}

/// A block beside a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NearbyBlock {
    /// What it is to the fault: `the block is`.
    pub relation: &'static str,
    /// Its address.
    pub address: u32,
    /// Bytes asked for.
    pub size: u32,
    /// The site that allocated it, an index of [`History::sites`]; 0 if unknown.
    pub site: usize,
    /// On whose behalf; 0: nobody's.
    pub owner: u8,
}

/// An event that the program remembered when it crashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PastEvent {
    /// What happened.
    pub kind: PastEventKind,
    /// The block's address.
    pub address: u32,
    /// Bytes that could be used.
    pub size: u32,
    /// The program's clock.
    pub ticks: u32,
    /// The line and its caller, an index of [`History::sites`]; 0 if unknown.
    pub site: usize,
    /// On whose behalf; 0: nobody's.
    pub owner: u8,
}

/// [`Crash`] as the JSON object has it: in words.
#[derive(Debug, Serialize)]
pub(crate) struct InWords<'a> {
    poisoning: &'static str,
    damage: Vec<String>,
    failures: &'a [String],
    refused: Option<u32>,
    missing: &'a [String],
}

impl History {
    /// Returns what is wrong with the heaps in an image, in sentences.
    pub fn damage(&self) -> impl Iterator<Item = String> {
        let damage = self.crash.iter().flat_map(|crash| &crash.damage);
        damage.map(|damage| damage.sentence(self))
    }

    pub(crate) fn crash_in_words(&self) -> Option<InWords<'_>> {
        let crash = self.crash.as_ref()?;
        Some(InWords {
            poisoning: crash.poisoning,
            damage: self.damage().collect(),
            failures: &crash.failures,
            refused: crash.refused,
            missing: &crash.missing,
        })
    }
}

impl Damage {
    /// Returns the sites that its sentence names.
    pub(crate) fn sites_mut(&mut self) -> impl Iterator<Item = &mut usize> {
        let around = self.around.iter_mut().map(|block| &mut block.site);
        around.chain(self.before.iter_mut().map(|event| &mut event.site))
    }

    fn sentence(&self, history: &History) -> String {
        let around = self.around.iter().enumerate().map(|(number, block)| {
            let separator = if number == 0 { "; " } else { ", " };
            format!("{separator}{} {}", block.relation, block.in_words(history))
        });
        let lost = match self.lost {
            0 => String::new(),
            lost => format!("; of what follows {} could not be read", bytes(lost.into())),
        };
        let before = self.before.iter().enumerate().map(|(number, event)| {
            let separator = if number == 0 { "; before: " } else { "; " };
            format!("{separator}{}", event.in_words(history))
        });
        let (around, before): (String, String) = (around.collect(), before.collect());
        format!("{}{around}{before}{lost}", self.fault)
    }
}

/// ` from src/mqtt.rs:12 connect`; nothing of an unknown site.
fn from_site(history: &History, site: usize) -> String {
    match history.site(site).filter(|_| site != 0) {
        Some(site) => format!(" from {}", site.label()),
        None => String::new(),
    }
}

impl PastEvent {
    /// `at tick 812 mqtt freed 64 bytes at 0x3ffb3010 from src/mqtt.rs:12 connect`
    fn in_words(&self, history: &History) -> String {
        let Self {
            address,
            size,
            ticks,
            ..
        } = self;
        let who = history.owner_name(self.owner);
        let did = match self.kind {
            PastEventKind::Allocated => "allocated",
            PastEventKind::Freed => "freed",
        };
        let from = from_site(history, self.site);
        let size = bytes((*size).into());
        format!("at tick {ticks} {who} {did} {size} at {address:#010x}{from}")
    }
}

impl NearbyBlock {
    fn in_words(&self, history: &History) -> String {
        let of = match self.owner {
            0 => String::new(),
            owner => format!(" of {}", history.owner_name(owner)),
        };
        let from = from_site(history, self.site);
        let size = bytes(self.size.into());
        format!("{size} at {:#010x}{of}{from}", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Frame, Site};

    #[test]
    fn damage_names_the_lines_that_the_elf_file_has() {
        let nearby = NearbyBlock {
            relation: "the last block that begins before it is",
            address: 0x3FFA_E8BC,
            size: 24,
            site: 1,
            owner: 0,
        };
        let freed = PastEvent {
            kind: PastEventKind::Freed,
            address: 0x3FFA_E8D8,
            size: 48,
            ticks: 812,
            site: 3,
            owner: 0,
        };
        let damage = Damage {
            fault: "at 0x3ffae8d4 in DRAM: CORRUPT HEAP".to_owned(),
            around: vec![nearby],
            before: vec![freed],
            lost: 96,
        };
        let mut history = History {
            crash: Some(Box::new(Crash {
                poisoning: "none",
                damage: vec![damage],
                failures: Vec::new(),
                refused: None,
                missing: Vec::new(),
            })),
            ..History::default()
        };
        // The second and the third are one, once the line of both is known.
        let site = |caller| Site {
            callers: vec![caller],
            ..Site::default()
        };
        let sites = [0x400E_57B7, 0x400E_57B7, 0x400E_5801].map(site);
        history.sites.extend(sites);
        let sentence = |history: &History| history.damage().collect::<String>();
        assert_eq!(
            sentence(&history),
            "at 0x3ffae8d4 in DRAM: CORRUPT HEAP; the last block that begins before it is 24 bytes \
             at 0x3ffae8bc from 0x400e57b7; before: at tick 812 nobody freed 48 bytes at \
             0x3ffae8d8 from 0x400e5801; of what follows 96 bytes could not be read"
        );
        history.name_callers(|caller| {
            let function = if caller == 0x400E_57B7 {
                "remember"
            } else {
                "close"
            };
            vec![Frame {
                function: function.to_owned(),
                file: "src/main.rs".to_owned(),
                line: caller % 0x1000,
            }]
        });
        let named = sentence(&history);
        for line in [
            " from src/main.rs:1975 remember; before:",
            " from src/main.rs:2049 close; ",
        ] {
            assert!(named.contains(line), "{named}");
        }
    }
}
