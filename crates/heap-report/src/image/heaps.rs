//! One heap of an image: blocks, figures and damage, by `multi_heap`'s own walk.

use std::fmt::Write as _;

use multi_heap::{Block, BlockState, Corruption, DamagedBlock, Heap, HeapImage, Misuse, Poison};
use soc_regions::Caps;

use super::{Found, Ledger, MemoryImage};
use crate::crash::{NearbyBlock, PastEvent};
use crate::history::HeapDescription;
use crate::replay::HeapSample;
use crate::summary::counted;

/// More faults of one heap are not listed one by one.
const MOST_FAULTS: usize = 16;
/// Older events beside a fault are not listed.
const MOST_EVENTS: usize = 6;

/// A used block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UsedBlock {
    pub(super) address: u32,
    pub(super) size: u32,
}

/// Something that is wrong with a heap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damage {
    /// Where, an address.
    at: u32,
    corruption: Corruption,
    /// How many bytes behind it could not be read, because where the next block begins is unknown.
    lost: u32,
}

/// A heap as the image has it.
#[derive(Debug, Clone)]
pub(super) struct HeapState {
    pub(super) described: HeapDescription,
    pub(super) used: Vec<UsedBlock>,
    pub(super) damage: Vec<Damage>,
    pub(super) sample: HeapSample,
    /// Why it could not be walked: then only blocks that the ledger knows are read, if any.
    pub(super) missing: Option<String>,
    /// Where the image has it.
    base: u64,
}

/// Returns the heap with this number; `None` if there is none.
pub(super) fn state<P: Poison>(
    memory: &MemoryImage,
    found: &Found,
    number: u32,
) -> Option<HeapState> {
    let set = &found.set;
    let slot = found.at + u64::from(set.slots) + u64::from(set.slot_bytes) * u64::from(number);
    let base = memory.pointer(slot + u64::from(set.base), found.pointer_bytes)?;
    if base == 0 {
        return None;
    }
    let start = memory.word(slot + u64::from(set.start))?;
    let words = memory.word(slot + u64::from(set.words))?;
    let canaries = match set.level() {
        0 => [0; 2],
        _ => {
            let place = slot + u64::from(set.slack);
            [memory.word(place)?, memory.word(place + 4)?]
        }
    };
    let details =
        found.at + u64::from(set.details) + u64::from(set.detail_bytes) * u64::from(number);
    let column = |priority| memory.word(details + u64::from(set.columns) + 4 * u64::from(priority));
    let bits = (0..set.priorities)
        .filter_map(column)
        .fold(0, |all, bits| all | bits);
    let name = memory.text(details + u64::from(set.name), found.pointer_bytes);
    let mut state = HeapState {
        described: HeapDescription {
            index: u8::try_from(number).unwrap_or(u8::MAX),
            start,
            size: words.saturating_mul(4),
            caps: Caps::from_bits_retain(bits),
            name: name.unwrap_or_else(|| format!("heap {number}")),
        },
        used: Vec::new(),
        damage: Vec::new(),
        sample: HeapSample::default(),
        missing: None,
        base,
    };
    let image = memory.words(base, words as usize);
    match image {
        Some(mut image) => match HeapImage::<P>::new(&mut image, canaries) {
            Ok(heap) => state.walk(&heap),
            Err(cause) => {
                state.missing = Some(format!(
                    "{} at {start:#010x}: {cause}",
                    state.described.name
                ));
            }
        },
        None => {
            state.missing = Some(format!(
                "{} at {start:#010x} ({} bytes) is not wholly in the image",
                state.described.name,
                words.saturating_mul(4)
            ));
        }
    }
    Some(state)
}

impl HeapState {
    /// Of a heap that is not wholly in the image, the used blocks that are: the ledger knows where
    /// they begin. ESP-IDF's core dumps have the memory of used blocks, each as a segment of its
    /// own, and neither their headers nor free memory.
    pub(super) fn list_used(&mut self, memory: &MemoryImage, found: &Found, ledger: &Ledger) {
        /// Bytes of a canary and the size in front of a block's user, and of a canary behind.
        const HEAD: u32 = 8;
        const TAIL: u32 = 4;
        let Some(missing) = &mut self.missing else {
            return;
        };
        let (head, tail) = match found.set.level() {
            0 => (0, 0),
            _ => (HEAD, TAIL),
        };
        let (start, base) = (self.described.start, self.base);
        let in_image = |address: u32| {
            // A damaged heap can begin at the end of all addresses, and go on at their beginning.
            let offset = u64::from(address.wrapping_sub(start));
            let at = (base + offset).checked_sub(u64::from(head))?;
            let whole = u32::try_from(memory.piece(at)?.len()).ok()?;
            let size = whole.checked_sub(head + tail)?;
            Some(UsedBlock { address, size })
        };
        let known = ledger.blocks_in(&self.described);
        self.used = known
            .iter()
            .filter_map(|address| in_image(*address))
            .collect();
        if !self.used.is_empty() {
            let _ = write!(
                missing,
                "; of {} in it that the ledger knows {} are",
                counted(known.len() as u64, "block"),
                self.used.len()
            );
        }
    }

    fn walk<P: Poison>(&mut self, heap: &Heap<P>) {
        let mut free: Vec<u32> = Vec::new();
        for found in heap.sound_blocks() {
            match found {
                Ok(block) => self.block(heap, &block, &mut free),
                Err(block) => self.lose(heap, &block),
            }
        }
        // Lists, counters, freed bytes: what no single block shows.
        if let Err(corruption) = heap.check()
            && !self
                .damage
                .iter()
                .any(|known| known.corruption == corruption)
        {
            self.fault(corruption, 0);
        }
        self.sample = self.sample(heap, &free);
    }

    /// By the heap's own counters; of a damaged one by the blocks that could be read.
    fn sample<P: Poison>(&self, heap: &Heap<P>, free: &[u32]) -> HeapSample {
        let sum = |sizes: &mut dyn Iterator<Item = u32>| sizes.fold(0, u32::saturating_add);
        let (used, all, largest) = if self.damage.is_empty() {
            let info = heap.info();
            let (used, free) = (info.total_allocated_bytes, info.total_free_bytes);
            (used, free, info.largest_free_block)
        } else {
            let used = sum(&mut self.used.iter().map(|block| block.size));
            let largest = free.iter().max().copied().unwrap_or(0);
            (used, sum(&mut free.iter().copied()), largest)
        };
        HeapSample {
            used,
            free: all,
            largest_free: largest,
            holes: all.saturating_sub(largest),
            blocks: u32::try_from(self.used.len()).unwrap_or(u32::MAX),
            cells: Vec::new(),
        }
    }

    fn block<P: Poison>(&mut self, heap: &Heap<P>, block: &Block, free: &mut Vec<u32>) {
        if block.state == BlockState::Free {
            free.push(block.size);
            return;
        }
        self.used.push(UsedBlock {
            address: self.described.start.wrapping_add(block.offset.get()),
            size: block.size,
        });
        if let Err(Misuse::Corrupt(corruption)) = heap.usable_size(block.offset)
            && self.damage.len() < MOST_FAULTS
        {
            self.fault(corruption, 0);
        }
    }

    fn lose<P: Poison>(&mut self, heap: &Heap<P>, block: &DamagedBlock) {
        self.fault(
            block.corruption,
            heap.region_bytes().saturating_sub(block.start),
        );
    }

    fn fault(&mut self, corruption: Corruption, lost: u32) {
        self.damage.push(Damage {
            at: self.described.start.wrapping_add(corruption.offset),
            corruption,
            lost,
        });
    }
}

impl Damage {
    /// Damage, its place, the blocks around it, and what happened to these, of `past`.
    pub(super) fn described(
        &self,
        state: &HeapState,
        ledger: &Ledger,
        past: &[PastEvent],
    ) -> crate::Damage {
        let nearby = |relation, block: &UsedBlock| {
            let (site, owner) = ledger.of_block(block.address);
            NearbyBlock {
                relation,
                address: block.address,
                size: block.size,
                site,
                owner,
            }
        };
        let behind = state.used.partition_point(|block| block.address <= self.at);
        let nearest = behind
            .checked_sub(1)
            .and_then(|place| state.used.get(place));
        let next = state
            .used
            .get(behind)
            .filter(|block| block.address.wrapping_sub(self.at) <= 8);
        let before = match next {
            Some(_) => "the one in front of it",
            None => "the last block that begins before it is",
        };
        let start = nearest.map_or(self.at, |block| block.address);
        let end = next.map_or(self.at, |block| block.address.saturating_add(block.size));
        let end = end.max(self.at.saturating_add(1));
        let is_here = |event: &&PastEvent| {
            event.address < end && start < event.address.saturating_add(event.size)
        };
        let next = next.map(|block| nearby("the block is", block));
        let nearest = nearest.map(|block| nearby(before, block));
        crate::Damage {
            fault: format!(
                "at {:#010x} in {}: {}",
                self.at, state.described.name, self.corruption
            ),
            around: next.into_iter().chain(nearest).collect(),
            before: past
                .iter()
                .filter(is_here)
                .take(MOST_EVENTS)
                .copied()
                .collect(),
            lost: self.lost,
        }
    }
}
