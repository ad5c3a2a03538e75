//! The program in which faults are tried: blocks of many sizes in several heaps, with owners, that
//! come, go and are resized.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell;

use heap_caps::{Failure, FailureKind, HeapCaps, Misuse, ReallocateError};
use heap_trace::{Ledger, Owner, SiteId, TraceContext};
use multi_heap::Poison;
use soc_regions::Caps;

use super::arena::{Arena, REGIONS};
use crate::random::Random;

/// Steps by which a program gets to where its fault happens.
const LEAST_STEPS: u32 = 60;
const MORE_STEPS: u32 = 120;
/// Owners among whom the steps are spread.
const OWNERS: u32 = 7;

/// The owner that runs now.
#[derive(Clone, Default)]
pub(super) struct ActiveOwner(Rc<Cell<u8>>);

impl TraceContext for ActiveOwner {
    fn owner(&self) -> Owner {
        Owner(self.0.get())
    }
}

type Accounts = Ledger<ActiveOwner, (), 256, 16, 8>;
/// The heaps of a program.
pub(super) type Heaps<P> = HeapCaps<P, Accounts, 4>;

/// A block that the program has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Live {
    pub(super) address: u32,
    /// Bytes asked for.
    pub(super) size: u32,
    pub(super) owner: Owner,
    pub(super) site: SiteId,
    /// Tells its contents.
    seed: u32,
}

impl Live {
    pub(super) const fn end(&self) -> u32 {
        self.address + self.size
    }

    /// Returns whether some bytes are both blocks'.
    pub(super) const fn overlaps(&self, other: &Self) -> bool {
        self.address < other.end() && other.address < self.end()
    }

    /// Returns whether both are the same block, before and after a move.
    pub(super) const fn is(&self, other: &Self) -> bool {
        self.seed == other.seed
    }

    /// Returns what the program writes at `index`: numbers, addresses, text, as programs keep them.
    fn content(&self, index: u32) -> u8 {
        let word = index / 4;
        let hash = (self.seed ^ word.wrapping_mul(0x9E37_79B9)).wrapping_mul(0x85EB_CA6B);
        let value = match hash >> 29 {
            0 => 0,
            1 => hash >> 8 & 0xFF,
            2 => (hash >> 8 & 0xFF).wrapping_neg(),
            3 => REGIONS[0].start + (hash >> 8 & 0x1FFC),
            4 => 0x2020_2020 | hash & 0x5F5F_5F5F,
            _ => hash.rotate_left(13),
        };
        value.to_le_bytes()[(index % 4) as usize]
    }
}

/// What the heap found when it refused a call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Detection {
    /// An address.
    Address(Misuse),
    /// Memory that it was about to hand out.
    Memory,
}

/// What has gone wrong with the program's memory, as far as nobody can call it intended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Severity {
    /// Memory was handed out that another block has.
    pub(super) twice: bool,
    /// Memory was handed out that lies in no heap.
    pub(super) outside: bool,
}

/// A program at work.
pub(super) struct Program<P: Poison> {
    pub(super) heaps: Heaps<P>,
    pub(super) live: Vec<Live>,
    pub(super) random: Random,
    pub(super) severity: Severity,
    turn: ActiveOwner,
    /// Behind the heaps that lie in it: it goes last.
    pub(super) arena: Arena,
}

impl<P: Poison> Program<P> {
    /// Creates a program that has run for a while, as `seed` wants it; the same at all poisoning
    /// levels, as far as memory suffices.
    pub(super) fn started(seed: u64) -> Self {
        let (arena, turn) = (Arena::new(), ActiveOwner::default());
        let mut heaps = HeapCaps::new(Ledger::new(turn.clone(), ()));
        for region in &REGIONS {
            let span = soc_regions::Span::from_size(region.start, region.bytes).unwrap();
            // SAFETY: the program alone uses the arena, and drops it after the heaps.
            unsafe { heaps.add_region_with_caps(region.columns, span, &arena) }.unwrap();
        }
        let mut program = Self {
            heaps,
            live: Vec::new(),
            random: Random::new(seed),
            severity: Severity::default(),
            turn,
            arena,
        };
        let steps = LEAST_STEPS + program.random.below(MORE_STEPS);
        for _ in 0..steps {
            program.step().unwrap();
        }
        program
    }

    /// One step: a block comes, goes or is resized.
    pub(super) fn step(&mut self) -> Result<(), Detection> {
        self.turn.0.set(1 + self.random.below(OWNERS) as u8); // below 8
        match self.random.below(10) {
            0..=5 => {
                let size = self.size();
                self.allocate(size).map(|_| ())
            }
            6 | 7 => self.any().map_or(Ok(()), |block| self.free(block)),
            _ => {
                let size = self.size();
                self.any().map_or(Ok(()), |block| self.resize(block, size))
            }
        }
    }

    /// Returns a random size; most blocks are small.
    fn size(&mut self) -> u32 {
        let (least, more) = match self.random.below(10) {
            0..=5 => (1, 32),
            6..=8 => (33, 224),
            _ => (257, 600),
        };
        least + self.random.below(more)
    }

    /// Returns a block of the program's, at random.
    pub(super) fn any(&mut self) -> Option<Live> {
        let count = self.live.len() as u32;
        let index = self.random.below(count.max(1));
        self.live.get(index as usize).copied()
    }

    /// Asks for memory at one of several places of the program; `None` where there is none.
    pub(super) fn allocate(&mut self, size: u32) -> Result<Option<Live>, Detection> {
        let (heaps, bytes) = (&mut self.heaps, size as usize);
        let taken = match self.random.below(5) {
            0 => heaps.malloc(bytes, Caps::DMA),
            1 => heaps.malloc(bytes, Caps::SPIRAM),
            2 => heaps.calloc(1, bytes, Caps::BIT8),
            3 => heaps.aligned_alloc(16, bytes, Caps::INTERNAL),
            _ => heaps.malloc(bytes, Caps::DEFAULT),
        };
        match taken {
            Ok(address) => Ok(Some(self.has(address, size, None))),
            Err(failure) => detection_of(&failure).map_or(Ok(None), Err),
        }
    }

    /// Frees a block, whatever the heap says.
    pub(super) fn free(&mut self, block: Live) -> Result<(), Detection> {
        self.live.retain(|live| *live != block);
        self.heaps.free(block.address).map_err(Detection::Address)
    }

    /// Resizes a block. Where the heap refuses its address the block is evidence, and the program's
    /// no more.
    pub(super) fn resize(&mut self, block: Live, size: u32) -> Result<(), Detection> {
        let resized = self
            .heaps
            .realloc(block.address, size as usize, Caps::empty());
        if let Err(ReallocateError::Failure(failure)) = &resized {
            return detection_of(failure).map_or(Ok(()), Err);
        }
        self.live.retain(|live| *live != block);
        if let Err(ReallocateError::Misuse(misuse)) = resized {
            return Err(Detection::Address(misuse));
        }
        if let Ok(address) = resized {
            self.has(address, size, Some(block));
        }
        Ok(())
    }

    /// Notes a block that was handed out, and fills what is new of it.
    fn has(&mut self, address: u32, size: u32, before: Option<Live>) -> Live {
        let note = self.heaps.inspect().observer().block(address);
        let (site, owner) = note.unwrap_or((SiteId::UNKNOWN, Owner::NOBODY));
        let seed = before.map_or_else(|| self.random.next() as u32, |block| block.seed);
        let block = Live {
            address,
            size,
            owner,
            site,
            seed,
        };
        self.severity.twice |= self.live.iter().any(|live| live.overlaps(&block));
        let kept = before.map_or(0, |block| block.size.min(size));
        for index in kept..size {
            self.severity.outside |= !self.arena.set_byte(address + index, block.content(index));
        }
        self.live.push(block);
        block
    }

    /// Returns whether a block's bytes are those that the program wrote.
    pub(super) fn is_intact(&self, block: &Live) -> bool {
        (0..block.size).all(|index| self.arena.byte(block.address + index) == block.content(index))
    }

    /// Returns the program's blocks on both sides of an address.
    pub(super) fn neighbours(&self, address: u32) -> [Option<Live>; 2] {
        let near = |block: &&Live| {
            let same = |region: &super::arena::ArenaRegion| region.start;
            Arena::region_at(block.address).map(same) == Arena::region_at(address).map(same)
        };
        let below = self
            .live
            .iter()
            .filter(near)
            .filter(|block| block.address < address);
        let above = self
            .live
            .iter()
            .filter(near)
            .filter(|block| block.address > address);
        [
            above.min_by_key(|block| block.address).copied(),
            below.max_by_key(|block| block.address).copied(),
        ]
    }
}

/// Returns what the heap found when it refused a request; `None` where it has no memory.
fn detection_of(failure: &Failure) -> Option<Detection> {
    match failure.cause {
        FailureKind::Corrupt(_) => Some(Detection::Memory),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use multi_heap::{Comprehensive, Light, Unpoisoned};

    fn programs_are_sound<P: Poison>() {
        for seed in 1..60 {
            let mut program = Program::<P>::started(seed);
            assert_eq!(
                program.heaps.inspect().check_integrity(Caps::empty()),
                Ok(())
            );
            let blocks = program.live.len();
            assert!(blocks >= 8, "only {blocks} blocks with seed {seed}");
            assert!(program.live.iter().all(|block| program.is_intact(block)));
            assert_eq!(program.severity, Severity::default());
            let known =
                |block: &Live| block.owner != Owner::NOBODY && block.site != SiteId::UNKNOWN;
            assert!(program.live.iter().all(known));
            while let Some(block) = program.any() {
                program.free(block).unwrap();
            }
            assert!(program.arena.is_untouched());
            assert_eq!(
                program.heaps.inspect().info(Caps::empty()).allocated_blocks,
                0
            );
        }
    }

    #[test]
    fn a_program_without_a_fault_keeps_its_contents_and_frees_everything() {
        programs_are_sound::<Unpoisoned>();
        programs_are_sound::<Light>();
        programs_are_sound::<Comprehensive>();
    }

    #[test]
    fn the_same_seed_makes_the_same_program() {
        let [one, other] = [7, 7].map(|seed| Program::<Light>::started(seed).live);
        assert_eq!(one, other);
        assert_ne!(one, Program::<Light>::started(8).live);
    }
}
