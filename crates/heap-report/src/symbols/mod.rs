//! Symbolisation: function and line of the source for a return address.
//!
//! ```text
//!   0x800D_1237  as Xtensa keeps it: the top two bits are the size of the call
//!   0x400D_1237  the bits of the program's code instead: where the call returns to
//!   0x400D_1236  inside of the call: the line that calls, not the one after it
//!       │ DWARF: the function there, and those that are inlined in it, the innermost first
//!   multi_heap::take     heap-caps/src/allocate.rs:251    ┐ the heap's own: left out
//!   HeapCaps::malloc     heap-caps/src/lib.rs:80          ┘
//!   mqtt::publish        src/mqtt.rs:78                     the line that the report names
//! ```

mod elf;
mod identity;
mod names;
mod own;

pub use elf::{SymbolError, Symbols};
pub use identity::{Identities, Identity};

use std::collections::{BTreeSet, HashMap};

use crate::caught::Caught;
use crate::crash::Damage;
use crate::history::{Event, Frame, History, Site};

/// How many return addresses were looked up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Named {
    /// How many there are, each once for each site.
    pub asked: usize,
    /// Those that are of the program.
    pub found: usize,
    /// Those of them that are in code without a name.
    pub nameless: usize,
    /// Call stacks that end inside of the heap: the caller is not on them.
    pub too_short: usize,
}

impl History {
    /// Names the callers of all sites: `resolve` returns the functions at a return
    /// address, the innermost first, and none for an address that is not of its program. Frames of
    /// the heap's own code are left out, and sites that are then the same become one.
    pub fn name_callers(&mut self, mut resolve: impl FnMut(u32) -> Vec<Frame>) -> Named {
        let mut named = Named::default();
        let caught = self.caught.iter_mut().flat_map(Caught::sites_mut);
        for site in self.sites.iter_mut().chain(caught) {
            let of_site = site.name_callers(&mut resolve);
            named.asked += of_site.asked;
            named.found += of_site.found;
            named.nameless += of_site.nameless;
            named.too_short += of_site.too_short;
        }
        self.spell_files_alike();
        self.merge_sites();
        named
    }

    /// One file has one spelling: where a program sent the end of a path, and the ELF file knows
    /// the whole one, that is it.
    fn spell_files_alike(&mut self) {
        let known: BTreeSet<String> = self
            .sites
            .iter()
            .flat_map(|site| &site.frames)
            .map(|frame| frame.file.clone())
            .collect();
        for site in &mut self.sites {
            let recorded = site.file.trim_start_matches('/').to_owned();
            let mut whole = known
                .iter()
                .filter(|file| !recorded.is_empty() && is_end_of(&recorded, file));
            if let (Some(file), None) = (whole.next(), whole.next()) {
                site.file.clone_from(file);
            }
        }
    }

    /// Sites that are the same become one; events name it.
    fn merge_sites(&mut self) {
        let mut kept: Vec<Site> = Vec::new();
        let mut places: HashMap<Key, usize> = HashMap::new();
        let mut moved = Vec::with_capacity(self.sites.len());
        for site in std::mem::take(&mut self.sites) {
            let place = *places.entry(Key::of(&site)).or_insert(kept.len());
            if place == kept.len() {
                kept.push(site);
            }
            moved.push(place);
        }
        self.sites = kept;
        let new_place = |site: &mut usize| *site = moved.get(*site).copied().unwrap_or(0);
        for timed in &mut self.events {
            if let Event::Allocated { site, .. } | Event::Resized { site, .. } = &mut timed.event {
                new_place(site);
            }
        }
        let damage = self.crash.iter_mut().flat_map(|crash| &mut crash.damage);
        damage.flat_map(Damage::sites_mut).for_each(new_place);
    }
}

/// What makes sites the same.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    caps: u32,
    alignment: u32,
    file: String,
    line: u32,
    stack: Vec<(String, String, u32)>,
    /// Where there are no names.
    callers: Vec<u32>,
}

impl Key {
    fn of(site: &Site) -> Key {
        let stack = site.frames.iter();
        Key {
            caps: site.caps.bits(),
            alignment: site.alignment,
            file: site.file.clone(),
            line: site.line,
            stack: stack
                .map(|frame| (frame.function.clone(), frame.file.clone(), frame.line))
                .collect(),
            callers: if site.frames.is_empty() {
                site.callers.clone()
            } else {
                Vec::new()
            },
        }
    }
}

impl Site {
    /// Names the callers of this site alone, see [`History::name_callers`].
    pub fn name_callers(&mut self, mut resolve: impl FnMut(u32) -> Vec<Frame>) -> Named {
        let callers = self.callers.iter();
        let stack: Vec<Vec<Frame>> = callers.map(|caller| resolve(*caller)).collect();
        let found = stack.iter().filter(|frames| !frames.is_empty()).count();
        let asked = stack.len();
        let stack = stack.concat();
        let is_nameless = |frame: &&Frame| frame.function.starts_with("0x");
        let nameless = stack.iter().filter(is_nameless).count();
        let outermost = stack.last().cloned();
        self.frames = own::without_heap(stack);
        let is_short = self.frames.is_empty() && outermost.is_some() && self.file.is_empty();
        if let Some(frame) = outermost.filter(|_| is_short) {
            self.frames.push(Frame {
                function: format!("{} (the stack ends inside of the heap)", frame.function),
                ..frame
            });
        }
        self.correct_line();
        Named {
            asked,
            found,
            nameless,
            too_short: is_short.into(),
        }
    }

    /// The program itself sent the line on which it asks: that is where a macro is used, where
    /// debug information has the line inside of the macro.
    fn correct_line(&mut self) {
        let recorded =
            (!self.file.is_empty() && self.line > 0).then_some((self.file.as_str(), self.line));
        if let (Some((file, line)), Some(first)) = (recorded, self.frames.first_mut())
            && is_end_of(file.trim_start_matches('/'), &first.file)
        {
            first.line = line;
        }
    }
}

/// Returns whether `end` is the path `whole`, or its last folders and file.
fn is_end_of(end: &str, whole: &str) -> bool {
    whole
        .strip_suffix(end)
        .is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::TimedEvent;

    fn frame(function: &str, file: &str, line: u32) -> Frame {
        Frame {
            function: function.to_owned(),
            file: file.to_owned(),
            line,
        }
    }

    /// 1 to 9: the heap's own functions; 10 to 19: `publish`, inlined in `run`; others are unknown.
    fn resolve(address: u32) -> Vec<Frame> {
        match address {
            1..=9 => vec![frame("malloc", "crates/heap-caps/src/allocate.rs", address)],
            10..=19 => vec![
                frame("publish", "src/mqtt.rs", 78),
                frame("run", "src/main.rs", 7),
            ],
            _ => vec![],
        }
    }

    fn history(stacks: &[&[u32]]) -> History {
        let site = |callers: &&[u32]| Site {
            callers: callers.to_vec(),
            ..Site::default()
        };
        let allocated = |site: usize| TimedEvent {
            ticks: 0,
            event: Event::Allocated {
                address: 0,
                size: 1,
                site,
                owner: 0,
            },
        };
        History {
            sites: stacks.iter().map(site).collect(),
            events: (0..stacks.len()).map(allocated).collect(),
            ..History::default()
        }
    }

    fn sites_of_events(history: &History) -> Vec<usize> {
        let site = |timed: &TimedEvent| match timed.event {
            Event::Allocated { site, .. } => site,
            _ => panic!("{timed:?}"),
        };
        history.events.iter().map(site).collect()
    }

    #[test]
    fn the_heaps_own_frames_are_left_out_and_equal_stacks_are_one_site() {
        let mut history = history(&[&[], &[1, 10], &[2, 3, 11], &[99]]);
        let named = history.name_callers(resolve);
        let expected = Named {
            asked: 6,
            found: 5,
            ..Named::default()
        };
        assert_eq!(named, expected);
        let labels: Vec<String> = history.sites.iter().map(Site::label).collect();
        assert_eq!(labels, ["unknown", "src/mqtt.rs:78 publish", "0x00000063"]);
        assert_eq!(sites_of_events(&history), [0, 1, 1, 2]);
        assert_eq!(
            history.sites[1].frames.len(),
            2,
            "inlined functions have frames of their own"
        );
    }

    #[test]
    fn sites_for_other_capabilities_stay_apart() {
        let mut history = history(&[&[], &[10], &[10]]);
        history.sites[2].caps = soc_regions::Caps::DMA;
        history.name_callers(resolve);
        assert_eq!(history.sites.len(), 3);
    }

    #[test]
    fn the_line_that_the_program_sent_counts() {
        let mut history = history(&[&[], &[10], &[10]]);
        history.sites[1].file = "mqtt.rs".to_owned();
        history.sites[1].line = 80;
        history.sites[2].file = "other.rs".to_owned();
        history.sites[2].line = 80;
        history.name_callers(resolve);
        let labels: Vec<String> = history.sites.iter().map(Site::label).collect();
        assert_eq!(
            labels[1..],
            ["src/mqtt.rs:80 publish", "src/mqtt.rs:78 publish"]
        );
    }

    #[test]
    fn a_stack_that_ends_inside_of_the_heap_says_so() {
        let mut history = history(&[&[], &[1, 2]]);
        let named = history.name_callers(resolve);
        assert_eq!(
            history.sites[1].label(),
            "crates/heap-caps/src/allocate.rs:2 malloc (the stack ends inside of the heap)"
        );
        assert_eq!(named.too_short, 1);
    }

    #[test]
    fn one_file_has_one_spelling() {
        let mut history = history(&[&[], &[10], &[], &[]]);
        for (site, file) in [(2, "/mqtt.rs"), (3, "tt.rs")] {
            history.sites[site].file = file.to_owned();
            history.sites[site].line = 7;
        }
        history.name_callers(resolve);
        let labels: Vec<String> = history.sites.iter().map(Site::label).collect();
        assert_eq!(labels[2..], ["src/mqtt.rs:7", "tt.rs:7"]);
    }
}
