//! Faults, as they are done to a program.

use alloc::vec::Vec;

use heap_caps::BlockView;
use multi_heap::Poison;
use soc_regions::Span;

use super::arena::{Arena, REGIONS};
use super::kind::FaultKind;
use super::layout::Layout;
use super::program::{Detection, Live, Program};

/// How many bytes a wild write has at most.
const WILD_BYTES: u32 = 64;
/// How often a program asks until freed memory comes back to it.
const TRIES: u32 = 12;

/// A byte that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) address: u32,
}

/// Whom a finding has to name.
#[derive(Clone, Copy, Debug)]
pub(super) enum TargetBlock {
    /// A block of the program's: written past its end, or its header was hit.
    Live(Live),
    /// The memory of a block that is free.
    Memory(Span),
    /// The heap's own structure.
    Structure,
    /// An address that was handed back.
    Address(u32),
}

/// A fault that was done.
pub(super) struct Done {
    /// Where everything lay before.
    pub(super) layout: Layout,
    pub(super) target: TargetBlock,
    /// What changed, none where an address was handed back.
    pub(super) hits: Vec<Hit>,
    /// What the heap said to an address.
    pub(super) answer: Option<Result<(), Detection>>,
    /// Who will use the memory next: the block concerned, the one that has its memory now.
    pub(super) concerned: Option<Live>,
}

impl<P: Poison> Program<P> {
    /// Does it; `None` where the program has no block for it.
    pub(super) fn commit(&mut self, kind: FaultKind) -> Option<Done> {
        match kind {
            FaultKind::Overrun => self.overrun(),
            FaultKind::Underrun => self.underrun(),
            FaultKind::WriteAfterFree => self.write_after_free(),
            FaultKind::StaleWrite => self.stale_write(),
            FaultKind::DoubleFree => self.double_free(),
            FaultKind::LateDoubleFree => self.late_double_free(),
            FaultKind::ForeignFree => self.foreign_free(),
            FaultKind::HeaderBits => self.header(Self::flipped),
            FaultKind::HeaderWord => self.header(Self::replaced),
            FaultKind::FreeBlock => self.free_block(),
            FaultKind::Control => self.control(),
        }
    }
}

/// Wild writes.
impl<P: Poison> Program<P> {
    fn overrun(&mut self) -> Option<Done> {
        let (block, count) = (self.any()?, self.wild_bytes());
        let layout = Layout::of(self);
        let hits = self.scribble(block.end(), count);
        Some(wrote(layout, TargetBlock::Live(block), hits, Some(block)))
    }

    fn underrun(&mut self) -> Option<Done> {
        let (block, count) = (self.any()?, self.wild_bytes());
        let layout = Layout::of(self);
        let hits = self.scribble(block.address - count, count);
        Some(wrote(layout, TargetBlock::Live(block), hits, Some(block)))
    }

    fn write_after_free(&mut self) -> Option<Done> {
        let block = self.freed()?;
        let layout = Layout::of(self);
        let (start, count) = self.part_of(block.address, block.end());
        let hits = self.scribble(start, count);
        let target = TargetBlock::Memory(Span::from_size(start, count)?);
        Some(wrote(layout, target, hits, None))
    }

    fn stale_write(&mut self) -> Option<Done> {
        let block = self.freed()?;
        let heir = self.heir(&block, Live::overlaps)?;
        let layout = Layout::of(self);
        let (start, end) = (block.address.max(heir.address), block.end().min(heir.end()));
        let (start, count) = self.part_of(start, end);
        let hits = self.scribble(start, count);
        Some(wrote(layout, TargetBlock::Live(heir), hits, Some(heir)))
    }

    fn header(&mut self, changed: fn(&mut Self, &Layout, u32) -> u32) -> Option<Done> {
        let layout = Layout::of(self);
        let block = *self.one_of(layout.blocks())?;
        self.smash(layout, block, block.whole.start(), changed)
    }

    fn free_block(&mut self) -> Option<Done> {
        let layout = Layout::of(self);
        let free = layout.blocks().iter().filter(|block| !block.used);
        let free: Vec<BlockView> = free.copied().collect();
        let block = *self.one_of(&free)?;
        let words = block.whole.size() / 4;
        let places = match words {
            1 => [0, 0, 0],
            2 => [0, 1, 1],
            _ => [1, 2, words - 1],
        };
        let word = *self.one_of(&places)?;
        self.smash(
            layout,
            block,
            block.whole.start() + word * 4,
            Self::replaced,
        )
    }

    fn control(&mut self) -> Option<Done> {
        let layout = Layout::of(self);
        let region = self.one_of(&REGIONS)?.start;
        let first = layout
            .blocks()
            .iter()
            .filter(|block| block.whole.start() > region);
        let words = first
            .map(|block| (block.whole.start() - region) / 4)
            .min()?;
        let address = region + self.random.below(words) * 4;
        let value = match self.random.below(2) {
            0 => self.flipped(&layout, address),
            _ => self.replaced(&layout, address),
        };
        let hits = self.write_word(address, value);
        Some(wrote(layout, TargetBlock::Structure, hits, None))
    }

    /// Returns a word of a block that is the heap's, overwritten.
    fn smash(
        &mut self,
        layout: Layout,
        block: BlockView,
        address: u32,
        changed: fn(&mut Self, &Layout, u32) -> u32,
    ) -> Option<Done> {
        let value = changed(self, &layout, address);
        let hits = self.write_word(address, value);
        let owner = layout.live_in(&block).copied();
        let target = owner.map_or(TargetBlock::Memory(block.whole), TargetBlock::Live);
        Some(wrote(layout, target, hits, owner))
    }

    /// Returns the word with 1 to 3 bits flipped.
    fn flipped(&mut self, _: &Layout, address: u32) -> u32 {
        let count = 1 + self.random.below(3);
        let mut value = self.word(address);
        for _ in 0..count {
            value ^= 1 << self.random.below(32);
        }
        value
    }

    /// Returns what a program may write there: nothing, ones, a number, text, an address, or what
    /// stands in such a place elsewhere.
    fn replaced(&mut self, layout: &Layout, _: u32) -> u32 {
        match self.random.below(6) {
            0 => 0,
            1 => u32::MAX,
            2 => self.random.below(1000),
            3 => u32::from_le_bytes(*b"text"),
            4 => REGIONS[0].start + self.random.below(2048) * 4,
            _ => {
                let other = self
                    .one_of(layout.blocks())
                    .map(|block| block.whole.start());
                let word = self.random.below(3);
                other.map_or(0, |header| self.word(header + word * 4))
            }
        }
    }
}

/// Wrong frees.
impl<P: Poison> Program<P> {
    fn double_free(&mut self) -> Option<Done> {
        let block = self.freed()?;
        for _ in 0..self.random.below(4) {
            self.freed()?;
        }
        Some(self.free_address(block.address, None))
    }

    fn late_double_free(&mut self) -> Option<Done> {
        let block = self.freed()?;
        let heir = self.heir(&block, |heir, block| heir.address == block.address)?;
        Some(self.free_address(block.address, Some(heir)))
    }

    fn foreign_free(&mut self) -> Option<Done> {
        let block = self.any()?;
        let beside = 4 + 4 * self.random.below(2);
        let address = match self.random.below(6) {
            0 => block.address + 4 * (1 + self.random.below(block.size.div_ceil(4).max(1))),
            1 => block.address + beside,
            2 => block.address - beside,
            3 => block.address + 1 + self.random.below(3),
            4 => self.in_another_heap(block.address)?,
            _ => 0x4000_0000 + self.random.below(0x1_0000) * 4,
        };
        let is_a_block = self.live.iter().any(|live| live.address == address);
        (!is_a_block).then(|| self.free_address(address, Some(block)))
    }

    fn in_another_heap(&mut self, address: u32) -> Option<u32> {
        let here = Arena::region_at(address)?.start;
        let others: Vec<_> = REGIONS
            .iter()
            .filter(|region| region.start != here)
            .collect();
        let region = *self.one_of(&others)?;
        Some(region.start + self.random.below(region.bytes / 4) * 4)
    }

    fn free_address(&mut self, address: u32, concerned: Option<Live>) -> Done {
        let layout = Layout::of(self);
        let answer = self.heaps.free(address).map_err(Detection::Address);
        Done {
            layout,
            target: TargetBlock::Address(address),
            hits: Vec::new(),
            answer: Some(answer),
            concerned,
        }
    }
}

/// The pieces of a fault.
impl<P: Poison> Program<P> {
    fn wild_bytes(&mut self) -> u32 {
        1 + self.random.below(WILD_BYTES)
    }

    /// Returns a block that the program has just freed.
    fn freed(&mut self) -> Option<Live> {
        let block = self.any()?;
        self.free(block).ok().map(|()| block)
    }

    /// Returns a block that got memory of `block` after it was freed.
    fn heir(&mut self, block: &Live, is_heir: fn(&Live, &Live) -> bool) -> Option<Live> {
        let asked = (0..TRIES).map_while(|_| self.allocate(block.size).ok()?);
        asked.into_iter().find(|heir| is_heir(heir, block))
    }

    /// Some bytes between `start` and `end`.
    fn part_of(&mut self, start: u32, end: u32) -> (u32, u32) {
        let from = start + self.random.below(end - start);
        let count = self.wild_bytes().min(end - from);
        (from, count)
    }

    /// Writes zeros, ones, one letter, or noise; what lies outside of the regions is not written.
    fn scribble(&mut self, start: u32, count: u32) -> Vec<Hit> {
        let pattern = [Some(0), Some(0xFF), Some(b'A'), None][self.random.below(4) as usize];
        let mut hits = Vec::new();
        for address in start..start + count {
            let value = pattern.unwrap_or_else(|| self.random.next() as u8);
            hits.extend(self.write_byte(address, value));
        }
        hits
    }

    fn write_word(&self, address: u32, value: u32) -> Vec<Hit> {
        let bytes = (address..).zip(value.to_le_bytes());
        bytes
            .filter_map(|(address, value)| self.write_byte(address, value))
            .collect()
    }

    /// Writes a byte; returns whether that changed it.
    fn write_byte(&self, address: u32, value: u8) -> Option<Hit> {
        let changes = self.arena.byte(address) != value;
        (changes && self.arena.set_byte(address, value)).then_some(Hit { address })
    }

    fn word(&self, address: u32) -> u32 {
        let byte = |index| self.arena.byte(address + index);
        u32::from_le_bytes([byte(0), byte(1), byte(2), byte(3)])
    }

    fn one_of<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        let count = u32::try_from(choices.len())
            .ok()
            .filter(|&count| count > 0)?;
        choices.get(self.random.below(count) as usize)
    }
}

fn wrote(layout: Layout, target: TargetBlock, hits: Vec<Hit>, concerned: Option<Live>) -> Done {
    Done {
        layout,
        target,
        hits,
        answer: None,
        concerned,
    }
}
