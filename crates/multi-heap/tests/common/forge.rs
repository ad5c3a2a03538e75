//! Forged headers that span their neighbours, and whether the heap then hands memory out that
//! another block has.
//!
//! ```text
//!   | header | attacker's block | header | target | header | block | header | block | header |
//!                      overruns ──► ^ forged: a used block up to here ──────────────────► ^
//! ```
//! After the forgery the program goes on as it is: its owners free, resize and allocate 200 times.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "helpers of tests panic where a test would; test regions are far below 4 GiB"
)]

use alloc::vec;
use alloc::vec::Vec;
use core::ptr::NonNull;

use multi_heap::{HEAD_CANARY, Heap, Offset, Poison, Request, TAIL_CANARY, set_canary_key};

const WORDS: usize = 2048;
const CALLS: u32 = 200;

/// What the attacker writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgery {
    /// A used block's header of any size: an unlucky overrun.
    AnySize,
    /// A used block's header that ends where another block begins.
    Spanning,
    /// The same, with recorded size and both of ESP-IDF's canaries at their places.
    Complete,
}

impl Forgery {
    /// From the one that knows least.
    #[allow(dead_code, reason = "for campaigns")]
    pub const ALL: [Self; 3] = [Self::AnySize, Self::Spanning, Self::Complete];

    /// Its name on a command line.
    #[must_use]
    #[allow(dead_code, reason = "for campaigns")]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AnySize => "any-size",
            Self::Spanning => "spanning",
            Self::Complete => "complete",
        }
    }
}

struct Random(u32);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        (self.0 >> 4) % bound
    }
}

struct Program<P: Poison> {
    memory: Vec<u32>,
    heap: Heap<P>,
    /// Blocks by place and size; never two of one byte.
    live: Vec<(u32, u32)>,
    random: Random,
    overlaps: bool,
}

impl<P: Poison> Program<P> {
    fn new(seed: u32) -> Self {
        let mut memory = vec![0_u32; WORDS];
        let bytes = NonNull::slice_from_raw_parts(NonNull::from(&mut memory[..]).cast(), WORDS * 4);
        // SAFETY: a `Vec`'s buffer stays where it is, and is written to between the heap's calls.
        let heap = unsafe { Heap::new(bytes) }.unwrap();
        Self {
            memory,
            heap,
            live: Vec::new(),
            random: Random(seed.wrapping_mul(0x9E37_79B9) | 1),
            overlaps: false,
        }
    }

    fn has(&mut self, block: Offset, size: u32) {
        let (start, end) = (block.get(), block.get() + size);
        let apart = |&(other, bytes): &(u32, u32)| end <= other || other + bytes <= start;
        self.overlaps |= !self.live.iter().all(apart);
        self.live.push((start, size));
    }

    fn allocate(&mut self) {
        let most = [20, 60, 300][self.random.below(3) as usize];
        let size = 1 + self.random.below(most);
        let Some(block) = self.heap.allocate(Request::new(size as usize).unwrap()) else {
            return;
        };
        if self.heap.allocated(block, size).is_ok() {
            self.has(block, size);
        }
    }

    /// One call of a program that has a block, or wants one.
    fn step(&mut self) {
        if self.live.is_empty() || self.random.below(2) == 0 {
            return self.allocate();
        }
        let rank = self.random.below(self.live.len() as u32) as usize;
        let (start, size) = self.live.swap_remove(rank);
        let block = Offset::new(start).unwrap();
        if self.random.below(4) != 0 {
            let freed = self
                .heap
                .freeing(block)
                .and_then(|()| self.heap.free(block));
            if freed.is_err() {
                self.live.push((start, size)); // its owner keeps it
            }
            return;
        }
        let new_size = 1 + self.random.below(200);
        match self
            .heap
            .reallocate(block, Request::new(new_size as usize).unwrap())
        {
            Ok(Some(moved)) => self.has(moved, new_size),
            Ok(None) | Err(_) => self.live.push((start, size)),
        }
    }

    /// Whether memory is handed out twice as the program goes on.
    fn goes_on(mut self) -> bool {
        (0..CALLS).any(|_| {
            self.step();
            self.overlaps
        })
    }

    /// Forges the header of some block behind another. Returns `false` if there is no place for it.
    fn forge(&mut self, forgery: Forgery) -> bool {
        let blocks: Vec<_> = self.heap.blocks().collect();
        let used = |rank: usize| blocks[rank].state == multi_heap::BlockState::Used;
        let targets: Vec<usize> = (1..blocks.len().saturating_sub(4))
            .filter(|&rank| used(rank - 1) && used(rank) && used(rank + 1))
            .collect();
        if targets.is_empty() {
            return false;
        }
        let target = targets[self.random.below(targets.len() as u32) as usize];
        let (first, behind) = (&blocks[target], 1 + self.random.below(3) as usize);
        let end = blocks[target + 1 + behind].start;
        let units = match forgery {
            Forgery::AnySize => 2 + self.random.below(200),
            Forgery::Spanning | Forgery::Complete => (end - first.start) / 4,
        };
        let header = (first.start / 4) as usize;
        self.memory[header] = (units << 3).wrapping_neg();
        if forgery == Forgery::Complete && P::OVERHEAD != 0 {
            self.memory[header + 1] = HEAD_CANARY;
            self.memory[header + 2] = (units - 1) * 4 - P::OVERHEAD;
            self.memory[header + units as usize - 1] = TAIL_CANARY;
        }
        true
    }
}

/// In how many of `tries` heaps memory is handed out twice, of which the headers are forged as
/// `forgery` says. Canaries depend on `key` meanwhile; the seeds are those from `first` on.
///
/// # Panics
/// If a heap is not sound before its forgery.
pub fn overlaps<P: Poison>(forgery: Forgery, key: u32, first: u32, tries: u32) -> u32 {
    set_canary_key(key);
    let mut seeds = first..;
    let overlaps = (0..tries).filter(|_| {
        let mut forged = seeds.by_ref().filter_map(|seed| forged::<P>(forgery, seed));
        forged.next().is_some_and(Program::goes_on)
    });
    let overlaps = overlaps.count() as u32;
    set_canary_key(0);
    overlaps
}

/// A program with one forged header; `None` where none of its blocks can be the target.
fn forged<P: Poison>(forgery: Forgery, seed: u32) -> Option<Program<P>> {
    let mut program = Program::<P>::new(seed);
    (0..60).for_each(|_| program.step());
    assert!(!program.overlaps && program.heap.check().is_ok());
    program.forge(forgery).then_some(program)
}
