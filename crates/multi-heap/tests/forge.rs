//! The forge campaign: headers that somebody forged to span their neighbours, and whether the heap
//! then hands memory out that another block has.
//!
//! ```text
//!   | header | attacker's block | header | target | header | block | header | block | header |
//!                      overruns ──► ^ forged: a used block up to here ──────────────────► ^
//! ```
//! After the forgery the program goes on as it is: its owners free, resize and allocate 200 times.
//! The figures of `docs/hardening.md` come from here:
//! `cargo test -p multi-heap --test forge -- --nocapture`.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "helpers of tests panic where a test would; test regions are far below 4 GiB"
)]

use core::ptr::NonNull;
use multi_heap::{
    Comprehensive, HEAD_CANARY, Heap, Light, Offset, Poison, Request, TAIL_CANARY, Unpoisoned,
    set_canary_key,
};

const WORDS: usize = 2048;
const TRIES: u32 = 1500;
const CALLS: u32 = 200;

/// What the attacker writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forgery {
    /// A used block's header of any size: an unlucky overrun.
    AnySize,
    /// A used block's header that ends where another block begins.
    Spanning,
    /// The same, with recorded size and both of ESP-IDF's canaries at their places.
    Complete,
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

    /// One call of somebody who has a block, or wants one.
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

/// In how many of the tries memory is handed out twice.
fn overlaps<P: Poison>(forgery: Forgery, key: u32) -> u32 {
    set_canary_key(key);
    let mut overlaps = 0;
    let mut tries = 0;
    let mut seed = 0;
    while tries < TRIES {
        seed += 1;
        let mut program = Program::<P>::new(seed);
        (0..60).for_each(|_| program.step());
        assert!(!program.overlaps && program.heap.check().is_ok());
        if !program.forge(forgery) {
            continue;
        }
        tries += 1;
        for _ in 0..CALLS {
            program.step();
            if program.overlaps {
                overlaps += 1;
                break;
            }
        }
    }
    set_canary_key(0);
    println!(
        "{:14} key {key:#x}, {forgery:?}: {overlaps} of {tries} ({:.1} %)",
        P::NAME,
        f64::from(overlaps) * 100.0 / f64::from(tries)
    );
    overlaps
}

/// One test, for the key is one for all heaps that are made.
#[test]
fn with_canaries_no_forged_header_makes_the_heap_hand_memory_out_twice() {
    const KEY: u32 = 0x1F2E_3D4C;
    for forgery in [Forgery::AnySize, Forgery::Spanning] {
        for key in [0, KEY] {
            assert_eq!(overlaps::<Light>(forgery, key), 0);
            assert_eq!(overlaps::<Comprehensive>(forgery, key), 0);
        }
    }
    // Who knows ESP-IDF's constants gets through without a key, and not with one.
    assert!(overlaps::<Light>(Forgery::Complete, 0) > TRIES / 10);
    assert!(overlaps::<Comprehensive>(Forgery::Complete, 0) > 0);
    assert_eq!(overlaps::<Light>(Forgery::Complete, KEY), 0);
    assert_eq!(overlaps::<Comprehensive>(Forgery::Complete, KEY), 0);
    // Below, there is nothing that somebody who writes headers would have to know.
    assert!(overlaps::<Unpoisoned>(Forgery::Spanning, 0) > TRIES / 10);
    overlaps::<Unpoisoned>(Forgery::AnySize, 0);
}
