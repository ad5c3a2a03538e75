//! One heap, compared with a list of its blocks: wrong frees among the right ones.

#![expect(
    clippy::cast_possible_truncation,
    reason = "contents of a block are the low bits of its bytes' numbers"
)]

use alloc::vec::Vec;
use core::ops::AddAssign;

use multi_heap::{Heap, Offset, Poison, Request, ScrubStep, Scrubber};

use super::Input;
use super::region::Region;

/// How many of which calls there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OperationCounts {
    /// All calls.
    pub calls: u64,
    /// Allocations, resizes and reallocations that were served.
    pub served: u64,
    /// Frees and resizes of what is not an allocated block; every one was refused.
    pub wrong_calls: u64,
    /// Places in the middle of a block that only a free recognised as such.
    pub imitations: u64,
}

impl AddAssign for OperationCounts {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.served += other.served;
        self.wrong_calls += other.wrong_calls;
        self.imitations += other.imitations;
    }
}

/// A block as its owner knows it.
#[derive(Clone, Copy)]
struct Block {
    offset: Offset,
    size: u32,
    seed: u8,
}

struct Model<P: Poison> {
    heap: Heap<P>,
    blocks: Vec<Block>,
    scrub: Scrubber,
    next_seed: u8,
    counts: OperationCounts,
}

/// Lets a program do what `input` says on a heap of its own, and frees everything at the end. The
/// heap is checked as a whole after every `check_interval` calls.
///
/// # Panics
/// If the heap is not what the model says.
pub fn run<P: Poison>(mut input: Input<'_>, check_interval: u64) -> OperationCounts {
    let words = 40 + u32::from(input.short()) % 1500;
    let mut region = Region::new(words);
    let heap = region.heap::<P>();
    let fresh = heap.info();
    let mut model = Model {
        heap,
        blocks: Vec::new(),
        scrub: Scrubber::new(),
        next_seed: 0,
        counts: OperationCounts::default(),
    };
    while !input.is_empty() {
        model.step(&mut input);
        model.counts.calls += 1;
        if model.counts.calls.is_multiple_of(check_interval) {
            assert_eq!(model.heap.check(), Ok(()));
        }
    }
    while let Some(block) = model.blocks.pop() {
        model.free(block);
        model.counts.calls += 1;
    }
    assert_eq!(model.heap.check(), Ok(()));
    let end = model.heap.info();
    assert_eq!(
        (
            end.total_free_bytes,
            end.total_blocks,
            end.total_allocated_bytes
        ),
        (fresh.total_free_bytes, fresh.total_blocks, 0)
    );
    assert_eq!(model.heap.damage(), None);
    assert!(region.is_inside(), "wrote outside");
    model.counts
}

impl<P: Poison> Model<P> {
    fn step(&mut self, input: &mut Input<'_>) {
        let (call, number) = (input.byte(), input.short());
        let size = 1 + u32::from(number) % [24, 120, 1500][usize::from(call >> 6) % 3];
        match call % 14 {
            0..=4 => self.allocate(size, 1 << (input.byte() % 8), input.byte()),
            5..=8 => {
                if let Some(block) = self.chosen(number) {
                    self.free(block);
                }
            }
            9 => {
                if let Some(block) = self.chosen(input.short()) {
                    self.reallocate(block, size);
                }
            }
            10 => {
                if let Some(block) = self.chosen(input.short()) {
                    self.resize(block, size);
                }
            }
            11 => self.use_wrong(u32::from(number), size),
            12 => {
                let scrubbed = self.heap.scrub(&mut self.scrub, 1 + u32::from(call >> 4));
                assert!(matches!(
                    scrubbed,
                    Ok(ScrubStep::Underway | ScrubStep::PassDone)
                ));
            }
            _ => {
                let largest = self.heap.largest_free_block();
                let fits = |size: u32| {
                    let request = Request::new(size as usize);
                    request.is_some_and(|request| self.heap.can_allocate(request))
                };
                assert!(largest == 0 || fits(largest));
                assert!(!fits(largest + 1));
            }
        }
    }

    /// Returns a block, which its owner is about to give up.
    fn chosen(&mut self, number: u16) -> Option<Block> {
        let count = self.blocks.len();
        (count > 0).then(|| self.blocks.swap_remove(usize::from(number) % count))
    }

    fn allocate(&mut self, size: u32, alignment: usize, offset: u8) {
        let request = Request::aligned_at(
            size as usize,
            alignment,
            usize::from(offset) % (size as usize),
        );
        let Some(request) = request else { return };
        if let Some(offset) = self.heap.allocate(request) {
            assert_eq!(self.heap.allocated(offset, size), Ok(()));
            let address = self.heap.pointer(offset).addr().get() + request.offset() as usize;
            assert!(address.is_multiple_of(request.alignment() as usize));
            self.own(offset, size);
        }
    }

    fn own(&mut self, offset: Offset, size: u32) {
        self.counts.served += 1;
        assert!(
            self.heap
                .usable_size(offset)
                .is_ok_and(|usable| usable >= size)
        );
        let (start, end) = (offset.get(), offset.get() + size);
        let apart =
            |block: &Block| end <= block.offset.get() || block.offset.get() + block.size <= start;
        assert!(self.blocks.iter().all(apart), "handed out twice");
        self.next_seed = self.next_seed.wrapping_add(1);
        let block = Block {
            offset,
            size,
            seed: self.next_seed,
        };
        for index in 0..size {
            let byte = self.heap.pointer(offset);
            // SAFETY: the byte is the block's.
            let byte = unsafe { byte.add(index as usize) };
            // SAFETY: the block is ours.
            unsafe { byte.write(block.byte(index)) };
        }
        self.blocks.push(block);
    }

    fn has_contents(&self, block: Block, offset: Offset, bytes: u32) {
        for index in 0..bytes {
            let byte = self.heap.pointer(offset);
            // SAFETY: the byte is the block's.
            let byte = unsafe { byte.add(index as usize) };
            // SAFETY: the block is ours, and the byte was written.
            let byte = unsafe { byte.read() };
            assert_eq!(byte, block.byte(index), "contents changed");
        }
    }

    fn free(&mut self, block: Block) {
        self.has_contents(block, block.offset, block.size);
        assert_eq!(self.heap.freeing(block.offset), Ok(()));
        assert!(self.heap.free(block.offset).is_ok());
        assert!(self.heap.free(block.offset).is_err(), "freed twice");
        self.counts.wrong_calls += 1;
    }

    fn reallocate(&mut self, block: Block, size: u32) {
        let Some(request) = Request::new(size as usize) else {
            return;
        };
        match self.heap.reallocate(block.offset, request) {
            Ok(Some(offset)) => {
                self.has_contents(block, offset, block.size.min(size));
                self.own(offset, size);
            }
            Ok(None) => self.blocks.push(block),
            Err(misuse) => unreachable!("{misuse}"),
        }
    }

    fn resize(&mut self, block: Block, size: u32) {
        let contents = self.heap.contents();
        let usable = self.heap.resizable_size(block.offset, size).unwrap();
        // SAFETY: the block is ours, and is resized right away.
        unsafe { contents.shrinking(block.offset, usable, size) };
        let resized = self.heap.resize(block.offset, size);
        assert!(resized.is_ok());
        if resized == Ok(true) {
            // SAFETY: as above.
            unsafe { contents.grown(block.offset, usable, size) };
            self.has_contents(block, block.offset, block.size.min(size));
            self.own(block.offset, size);
        } else {
            self.blocks.push(block);
        }
    }

    /// A place at which no block begins is refused, with nothing changed. Without canaries, what is
    /// left of an old header in a block's last word can imitate one well enough for all but a free.
    fn use_wrong(&mut self, number: u32, size: u32) {
        let Some(place) = Offset::new(number % (self.heap.region_bytes() + 64)) else {
            return;
        };
        if self.blocks.iter().any(|block| block.offset == place) {
            return;
        }
        let info = self.heap.info();
        assert!(self.heap.freeing(place).is_err() || !P::FILLS);
        assert!(self.heap.free(place).is_err());
        if self.heap.usable_size(place).is_ok() {
            assert!(P::OVERHEAD == 0, "canaries are imitated");
            self.counts.imitations += 1;
            return;
        }
        assert!(self.heap.resize(place, size).is_err());
        let request = Request::new(size as usize).unwrap();
        assert!(self.heap.reallocate(place, request).is_err());
        assert_eq!((self.heap.info(), self.heap.damage()), (info, None));
        self.counts.wrong_calls += 1;
    }
}

impl Block {
    /// Returns the text, as far as the sign of a word goes: it imitates no header.
    const fn byte(self, index: u32) -> u8 {
        self.seed.wrapping_mul(31).wrapping_add(index as u8) & 0x7F
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use multi_heap::{Comprehensive, Light, Unpoisoned};

    /// Every call occurs, and many are served: else a long campaign would say little.
    #[test]
    fn programs_of_random_bytes_make_all_kinds_of_calls() {
        fn counts<P: Poison>() -> OperationCounts {
            let (mut bytes, mut all) = (Vec::new(), OperationCounts::default());
            for seed in 1..20 {
                Input::fill(&mut bytes, seed, 3000);
                all += run::<P>(Input::new(&bytes), 1);
            }
            all
        }
        for counts in [
            counts::<Unpoisoned>(),
            counts::<Light>(),
            counts::<Comprehensive>(),
        ] {
            assert!(counts.calls > 8_000, "{counts:?}");
            assert!(counts.served > counts.calls / 5, "{counts:?}");
            assert!(counts.wrong_calls > counts.calls / 5, "{counts:?}");
        }
    }
}
