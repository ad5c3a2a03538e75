//! What an image of a program's memory has besides its blocks: damage, failures, what is missing.

use serde::Serialize;

use crate::history::History;

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
    /// What is wrong with the heaps in an image, in sentences.
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
    fn sentence(&self, history: &History) -> String {
        let around = self.around.iter().enumerate().map(|(number, block)| {
            let separator = if number == 0 { "; " } else { ", " };
            format!("{separator}{} {}", block.relation, block.in_words(history))
        });
        let lost = match self.lost {
            0 => String::new(),
            lost => format!("; the {lost} bytes behind it could not be read"),
        };
        format!("{}{}{lost}", self.fault, around.collect::<String>())
    }
}

impl NearbyBlock {
    fn in_words(&self, history: &History) -> String {
        let of = match self.owner {
            0 => String::new(),
            owner => format!(" of {}", history.owner_name(owner)),
        };
        let from = match history.site(self.site).filter(|_| self.site != 0) {
            Some(site) => format!(" from {}", site.label()),
            None => String::new(),
        };
        format!("{} bytes at {:#010x}{of}{from}", self.size, self.address)
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
        let damage = Damage {
            fault: "at 0x3ffae8d4 in DRAM: CORRUPT HEAP".to_owned(),
            around: vec![nearby],
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
        history.sites.push(Site {
            callers: vec![0x400E_57B7],
            ..Site::default()
        });
        let sentence = |history: &History| history.damage().collect::<String>();
        assert_eq!(
            sentence(&history),
            "at 0x3ffae8d4 in DRAM: CORRUPT HEAP; the last block that begins before it is 24 bytes \
             at 0x3ffae8bc from 0x400e57b7; the 96 bytes behind it could not be read"
        );
        history.name_callers(|_| {
            vec![Frame {
                function: "remember".to_owned(),
                file: "src/main.rs".to_owned(),
                line: 135,
            }]
        });
        let named = sentence(&history);
        assert!(
            named.contains(" from src/main.rs:135 remember; "),
            "{named}"
        );
    }
}
