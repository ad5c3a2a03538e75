//! Ledger of an image: owner and call site of each block.

use std::collections::{BTreeMap, HashMap};

use heap_trace::LedgerDescription;
use soc_regions::Caps;

use super::{Found, MemoryImage};
use crate::history::{HeapDescription, Site};

/// Larger tables are no ledger's.
const MOST_BLOCKS: u32 = 1 << 20;
/// Sites are numbered in 16 bits.
const MOST_SITES: u32 = 1 << 16;
/// More return addresses are no site's.
const DEEPEST: u32 = 64;

/// What a ledger knew.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    /// By number; 0 is unknown.
    pub(super) sites: Vec<Site>,
    pub(super) names: BTreeMap<u8, String>,
    blocks: HashMap<u32, (usize, u8)>,
    pub(super) notes: Vec<String>,
}

impl Ledger {
    pub(super) fn of(memory: &MemoryImage, found: &Found) -> Ledger {
        let mut ledger = Ledger {
            sites: vec![Site::default()],
            names: BTreeMap::new(),
            blocks: HashMap::new(),
            notes: Vec::new(),
        };
        let observer = &found.set.observer;
        let Some(tables) = LedgerDescription::of(observer) else {
            let note = "the program has no ledger (heap_trace::Ledger): owners and call sites of \
                        its blocks are unknown";
            ledger.notes.push(note.to_owned());
            return ledger;
        };
        let reader = Reader {
            memory,
            start: found.at + u64::from(observer.at),
            pointer_bytes: found.pointer_bytes,
            tables,
        };
        let sites = (0..tables.sites.min(MOST_SITES)).map_while(|number| reader.site(number));
        ledger.sites.extend(sites);
        let blocks = (0..tables.blocks.min(MOST_BLOCKS)).filter_map(|place| reader.block(place));
        ledger.blocks = blocks.collect();
        ledger.names = reader.names();
        if reader.lacks_names() {
            let note = "files and owners have no names: they are in the program's constants \
                        (--elf PROGRAM)";
            ledger.notes.push(note.to_owned());
        }
        if ledger.sites.len() <= tables.sites.min(MOST_SITES) as usize {
            let note = "the ledger is not wholly in the image: some owners and call sites are \
                        unknown";
            ledger.notes.push(note.to_owned());
        }
        ledger
    }

    /// Returns the addresses of the blocks that lie in this heap, ascending.
    pub(super) fn blocks_in(&self, heap: &HeapDescription) -> Vec<u32> {
        let known = self.blocks.keys().copied();
        let mut inside: Vec<u32> = known.filter(|address| heap.contains(*address)).collect();
        inside.sort_unstable();
        inside
    }

    /// Site and owner of a block; 0 for unknown ones.
    pub(super) fn of_block(&self, address: u32) -> (usize, u8) {
        let known = self.blocks.get(&address).copied();
        let (site, owner) = known.unwrap_or((0, 0));
        (if site < self.sites.len() { site } else { 0 }, owner)
    }
}

struct Reader<'a> {
    memory: &'a MemoryImage,
    start: u64,
    pointer_bytes: u32,
    tables: LedgerDescription,
}

impl Reader<'_> {
    fn entry(&self, table: u32, bytes: u32, number: u32) -> u64 {
        self.start + u64::from(table) + u64::from(bytes) * u64::from(number)
    }

    fn block(&self, place: u32) -> Option<(u32, (usize, u8))> {
        let tables = &self.tables;
        let entry = self.entry(tables.blocks_at, tables.block_bytes, place);
        let address = self.memory.word(entry + u64::from(tables.address))?;
        let site = self.memory.number(entry + u64::from(tables.site), 2)?;
        let owner = self.memory.number(entry + u64::from(tables.owner), 1)?;
        let whose = (usize::try_from(site).ok()?, u8::try_from(owner).ok()?);
        (address != 0).then_some((address, whose))
    }

    /// `None` where the table is not in the image.
    fn site(&self, number: u32) -> Option<Site> {
        let tables = &self.tables;
        let entry = self.entry(tables.sites_at, tables.site_bytes, number);
        let word = |place: u32| self.memory.word(entry + u64::from(place));
        if self.memory.number(entry + u64::from(tables.used), 1)? == 0 {
            return Some(Site::default());
        }
        let callers =
            (0..tables.depth.min(DEEPEST)).map_while(|step| word(tables.callers + 4 * step));
        let caller = self
            .memory
            .pointer(entry + u64::from(tables.caller), self.pointer_bytes);
        let place = caller.filter(|caller| *caller != 0);
        let line_at = u64::from(2 * self.pointer_bytes);
        Some(Site {
            caps: Caps::from_bits_retain(word(tables.caps).unwrap_or(0)),
            alignment: word(tables.alignment).unwrap_or(0),
            file: place
                .and_then(|place| self.memory.text(place, self.pointer_bytes))
                .unwrap_or_default(),
            line: place
                .and_then(|place| self.memory.word(place + line_at))
                .unwrap_or(0),
            callers: callers.take_while(|caller| *caller != 0).collect(),
            frames: Vec::new(),
        })
    }

    /// Returns where the list of names lies, and how many there are.
    fn list(&self) -> Option<(u64, u64)> {
        let field = self.start + u64::from(self.tables.names);
        let slice = self.memory.pointer(field, self.pointer_bytes)?;
        let first = self.memory.pointer(slice, self.pointer_bytes)?;
        let count = self
            .memory
            .number(slice + u64::from(self.pointer_bytes), self.pointer_bytes)?;
        Some((first, count))
    }

    fn names(&self) -> BTreeMap<u8, String> {
        let Some((first, count)) = self.list() else {
            return BTreeMap::new();
        };
        let step = u64::from(2 * self.pointer_bytes);
        let names = (1..=u8::MAX).zip(0..count);
        let names = names.map_while(|(owner, place)| {
            let name = self.memory.text(first + place * step, self.pointer_bytes)?;
            Some((owner, name))
        });
        names.collect()
    }

    fn lacks_names(&self) -> bool {
        let field = self.start + u64::from(self.tables.names);
        let has_names = self
            .memory
            .number(field, self.pointer_bytes)
            .is_some_and(|at| at != 0);
        has_names && self.list().is_none()
    }
}
