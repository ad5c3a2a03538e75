//! Placement: which free block serves a request, and where a freed block stands in its list,
//! against a model that has no words, links or maps.

use crate::common::*;
use multi_heap::{BlockState, Heap, Moved, Offset, Request, Unpoisoned};

/// Blocks of its own list that an allocation looks at before it fails.
const LAST_PROBES: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    start: u32,
    words: u32,
    used: bool,
}

/// A heap of drawn blocks, places and sizes in words.
struct Model {
    /// In address order.
    blocks: Vec<Block>,
    /// The starts of the free blocks of 2 words or more by list.
    lists: Vec<Vec<u32>>,
    least_free_words: u32,
}

fn list_of(words: u32) -> usize {
    let octave = words.max(8).ilog2() - 3;
    (octave * 8 + (words >> octave)) as usize
}

impl Model {
    fn of(heap: &Heap) -> Self {
        let whole = heap.blocks().next().unwrap();
        let mut model = Self {
            blocks: Vec::new(),
            lists: vec![Vec::new(); 6 * 32],
            least_free_words: 0,
        };
        model.blocks.push(Block {
            start: whole.start / 4,
            words: whole.bytes / 4,
            used: false,
        });
        model.insert(whole.start / 4, whole.bytes / 4);
        model.least_free_words = model.free_words();
        model
    }

    fn rank_of(&self, start: u32) -> usize {
        self.blocks
            .iter()
            .position(|block| block.start == start)
            .unwrap()
    }

    fn at(&self, start: u32) -> Block {
        self.blocks[self.rank_of(start)]
    }

    /// The free block behind a block, or in front of it.
    fn free_neighbour(&self, rank: Option<usize>) -> Option<Block> {
        let block = self.blocks.get(rank?)?;
        (!block.used).then_some(*block)
    }

    fn free_behind(&self, start: u32) -> Option<Block> {
        self.free_neighbour(Some(self.rank_of(start) + 1))
    }

    fn free_in_front(&self, start: u32) -> Option<Block> {
        self.free_neighbour(self.rank_of(start).checked_sub(1))
    }

    fn free_words(&self) -> u32 {
        let free = self.blocks.iter().filter(|block| !block.used);
        free.map(|block| block.words - 1).sum()
    }

    fn note_least(&mut self) {
        self.least_free_words = self.least_free_words.min(self.free_words());
    }

    /// In front, or second where the first one has a lower address; blocks of 2 words in front.
    fn insert(&mut self, start: u32, words: u32) {
        if words >= 2 {
            let list = &mut self.lists[list_of(words)];
            let second = words > 2 && list.first().is_some_and(|&first| first < start);
            list.insert(usize::from(second), start);
        }
    }

    fn remove(&mut self, block: Block) {
        if block.words >= 2 {
            self.lists[list_of(block.words)].retain(|&start| start != block.start);
        }
    }

    /// A free block changes: it keeps its place in its list, or goes to another one.
    fn change(&mut self, old: Block, start: u32, words: u32) {
        let (list, new_list) = (list_of(old.words), list_of(words));
        if old.words >= 2 && list == new_list {
            let place = self.lists[list]
                .iter_mut()
                .find(|place| **place == old.start);
            *place.unwrap() = start;
        } else {
            self.remove(old);
            self.insert(start, words);
        }
    }

    fn find(&self, words: u32) -> Option<Block> {
        let own = list_of(words);
        let fits = |start: &&u32| self.at(**start).words >= words;
        let found = self.lists[own..]
            .iter()
            .find_map(|list| list.iter().take(2).find(fits));
        let found = found.or_else(|| self.lists[own].iter().take(LAST_PROBES).find(fits));
        found.map(|&start| self.at(start))
    }

    /// Makes the words of a free block behind the first `lead` ones used.
    fn occupy(&mut self, block: Block, lead: u32, words: u32) -> u32 {
        let rank = self.rank_of(block.start);
        let (start, rest) = (block.start + lead, block.words - lead - words);
        if rest == 0 {
            self.remove(block);
        } else {
            self.change(block, start + words, rest);
        }
        self.insert(block.start, lead);
        let parts = [
            (block.start, lead, false),
            (start, words, true),
            (start + words, rest, false),
        ];
        let parts = parts.into_iter().filter(|part| part.1 != 0);
        let parts = parts.map(|(start, words, used)| Block { start, words, used });
        self.blocks.splice(rank..=rank, parts);
        self.note_least();
        start
    }

    /// The free block that serves a request, and how many of its first words stay free. `phase` is
    /// the number of the region's first word, counted from address 0.
    fn find_aligned(&self, request: Request, phase: u32) -> Option<(Block, u32)> {
        let (words, alignment) = (words_for(request.size()), request.alignment() / 4);
        let lead = |block: Block| {
            let aligned = phase + block.start + 1 + request.offset() / 4;
            aligned.next_multiple_of(alignment) - aligned
        };
        let fits = |block: &Block| lead(*block) + words <= block.words;
        let padded = words + alignment - 1;
        let (first, second) = if alignment > 2 {
            (padded, words)
        } else {
            (words, padded)
        };
        let found = self.find(first).filter(fits);
        let block = found.or_else(|| self.find(second).filter(fits))?;
        Some((block, lead(block)))
    }

    fn allocate(&mut self, request: Request, phase: u32) -> Option<u32> {
        let (block, lead) = self.find_aligned(request, phase)?;
        Some(self.occupy(block, lead, words_for(request.size())))
    }

    /// Bytes of the largest request that is served.
    fn largest(&self) -> u32 {
        let last = self.lists.iter().rev().find(|list| !list.is_empty());
        let blocks = last.into_iter().flatten().take(LAST_PROBES);
        let words = blocks.map(|&start| self.at(start).words).max();
        (words.unwrap_or(1) - 1) * 4
    }

    fn free(&mut self, start: u32) {
        let (mut rank, mut block) = (self.rank_of(start), self.at(start));
        if let Some(below) = self.free_in_front(start) {
            self.remove(below);
            block = Block {
                start: below.start,
                words: below.words + block.words,
                ..block
            };
            rank -= 1;
            self.blocks.remove(rank);
        }
        block.used = false;
        if let Some(above) = self.free_neighbour(Some(rank + 1)) {
            block.words += above.words;
            self.blocks.remove(rank + 1);
            self.change(above, block.start, block.words);
        } else {
            self.insert(block.start, block.words);
        }
        self.blocks[rank] = block;
    }

    fn resize(&mut self, start: u32, words: u32) -> bool {
        let (rank, block) = (self.rank_of(start), self.at(start));
        if words > block.words {
            let more = words - block.words;
            let Some(above) = self.free_behind(start).filter(|above| above.words >= more) else {
                return false;
            };
            let taken = self.occupy(above, 0, more);
            self.blocks.remove(self.rank_of(taken));
            self.blocks[rank].words = words;
        } else if block.words - words >= 2 {
            let surplus = Block {
                start: start + words,
                words: block.words - words,
                used: true,
            };
            self.blocks[rank].words = words;
            self.blocks.insert(rank + 1, surplus);
            self.free(surplus.start);
        }
        true
    }

    fn grow_backward(&mut self, start: u32, words: u32) -> Option<u32> {
        let below = self
            .free_in_front(start)
            .filter(|below| below.words < words)?;
        let kept = self.at(start).words.max(words - below.words);
        if !self.resize(start, kept) {
            return None;
        }
        let rank = self.rank_of(start);
        self.remove(below);
        self.blocks[rank] = Block {
            start: below.start,
            words: below.words + self.at(start).words,
            used: true,
        };
        self.blocks.remove(rank - 1);
        self.note_least();
        Some(below.start)
    }

    fn reallocate(&mut self, start: u32, request: Request, phase: u32) -> Option<u32> {
        let words = words_for(request.size());
        let aligned = phase + start + 1 + request.offset() / 4;
        if aligned.is_multiple_of(request.alignment() / 4) && self.resize(start, words) {
            return Some(start);
        }
        if request.alignment() == 4
            && let Some(down) = self.grow_backward(start, words)
        {
            self.resize(down, words);
            return Some(down);
        }
        let new = self.allocate(request, phase)?;
        self.free(start);
        Some(new)
    }
}

const fn words_for(bytes: u32) -> u32 {
    if bytes <= 4 { 2 } else { bytes.div_ceil(4) + 1 }
}

/// One call; blocks are named by their rank among the live ones.
#[derive(Clone, Copy, Debug)]
enum Call {
    Allocate(Request),
    Free(usize),
    Resize(usize, u32),
    GrowBackward(usize, u32),
    Reallocate(usize, Request),
}

/// Heap and model side by side, and the live blocks as words of their headers.
struct Pair {
    heap: Heap<Unpoisoned>,
    model: Model,
    phase: u32,
    live: Vec<u32>,
}

/// The block whose header is at a word.
fn block_at(start: u32) -> Offset {
    Offset::new(start * 4 + 4).unwrap()
}

impl Pair {
    fn new(region: &mut Region) -> Self {
        let heap = region.heap();
        Self {
            model: Model::of(&heap),
            phase: (heap.start().addr().get() / 4 % 4096) as u32,
            heap,
            live: Vec::new(),
        }
    }

    /// Both do the same, or neither does anything.
    fn call(&mut self, call: Call) {
        let start_of = |block: Offset| block.get() / 4 - 1;
        match call {
            Call::Allocate(request) => {
                if self.live.len().is_multiple_of(2) {
                    let fits = self.model.find_aligned(request, self.phase).is_some();
                    assert_eq!(self.heap.can_allocate(request), fits, "{request:?}");
                }
                let expected = self.model.allocate(request, self.phase);
                let found = self.heap.allocate(request).map(start_of);
                assert_eq!(found, expected, "{call:?}");
                self.live.extend(found);
            }
            Call::Free(rank) => {
                let start = self.live.swap_remove(rank);
                let bytes = (self.model.at(start).words - 1) * 4;
                self.model.free(start);
                assert_eq!(self.heap.free(block_at(start)), Ok(bytes), "{call:?}");
            }
            Call::Resize(rank, size) => {
                let start = self.live[rank];
                let expected = self.model.resize(start, words_for(size));
                let found = self.heap.resize(block_at(start), size);
                assert_eq!(found, Ok(expected), "{call:?}");
            }
            Call::GrowBackward(rank, size) => {
                let start = self.live[rank];
                let bytes = (self.model.at(start).words - 1) * 4;
                let down = self.model.grow_backward(start, words_for(size));
                let expected = down.map(|down| Moved {
                    to: block_at(down),
                    bytes,
                });
                let found = self.heap.grow_backward(block_at(start), size);
                assert_eq!(found, Ok(expected), "{call:?}");
                self.live[rank] = down.unwrap_or(start);
            }
            Call::Reallocate(rank, request) => {
                let start = self.live[rank];
                let expected = self.model.reallocate(start, request, self.phase);
                let found = self.heap.reallocate(block_at(start), request);
                assert_eq!(found, Ok(expected.map(block_at)), "{call:?}");
                self.live[rank] = expected.unwrap_or(start);
            }
        }
        self.assert_equal();
    }

    fn assert_equal(&self) {
        let drawn = self.heap.blocks().map(|block| Block {
            start: block.start / 4,
            words: block.bytes / 4,
            used: block.state == BlockState::Used,
        });
        assert!(
            drawn.eq(self.model.blocks.iter().copied()),
            "{}",
            drawing(&self.heap)
        );
        let info = self.heap.info();
        assert_eq!(info.total_free_bytes, self.model.free_words() * 4);
        assert_eq!(info.minimum_free_bytes, self.model.least_free_words * 4);
        assert_eq!(info.largest_free_block, self.model.largest());
        assert!(info.largest_free_block == 0 || self.heap.may_serve(info.largest_free_block));
        assert_eq!(self.heap.check(), Ok(()));
    }
}

/// All that can be called next in a tiny heap.
fn calls(live: usize) -> Vec<Call> {
    let aligned = |(size, alignment)| Request::aligned(size, alignment).unwrap();
    let requests = [(1, 4), (8, 8), (12, 4), (20, 16), (28, 4)].map(aligned);
    let of_block = |rank| {
        let resizes = [4, 16, 40].map(|size| Call::Resize(rank, size));
        let backward = [20, 32].map(|size| Call::GrowBackward(rank, size));
        let moves = [(12, 4), (24, 8)].map(|wish| Call::Reallocate(rank, aligned(wish)));
        let all = [Call::Free(rank)]
            .into_iter()
            .chain(resizes)
            .chain(backward);
        all.chain(moves).collect::<Vec<_>>()
    };
    requests
        .map(Call::Allocate)
        .into_iter()
        .chain((0..live).flat_map(of_block))
        .collect()
}

fn explore(region: &mut Region, program: &mut Vec<Call>, depth: usize) -> usize {
    let mut pair = Pair::new(region);
    program.iter().for_each(|&call| pair.call(call));
    if depth == 0 {
        return 1;
    }
    let mut programs = 1;
    for call in calls(pair.live.len()) {
        program.push(call);
        programs += explore(region, program, depth - 1);
        program.pop();
    }
    programs
}

#[test]
fn every_short_program_places_blocks_as_the_model_does() {
    let mut region = Region::new(200);
    let programs = explore(&mut region, &mut Vec::new(), 4);
    assert!(programs > 5_000, "{programs} programs");
}

#[test]
fn a_free_block_that_grows_keeps_its_place_in_its_list() {
    let mut region = Region::new(2000);
    let mut pair = Pair::new(&mut region);
    let all = |size| Call::Allocate(request(size));
    for size in [128, 4, 128, 4, 4, 128, 4] {
        pair.call(all(size));
    }
    let blocks = pair.live.clone();
    let mut free = |block: u32| {
        let rank = pair.live.iter().position(|&live| live == block);
        pair.call(Call::Free(rank.unwrap()));
    };
    // In the list: the first one, the second one, the one of 33 words, then 35.
    for rank in [0, 5, 2, 4] {
        free(blocks[rank]);
    }
    let taken = [128, 128, 128].map(|size| {
        pair.call(all(size));
        *pair.live.last().unwrap()
    });
    assert_eq!(taken, [0, 2, 4].map(|rank: usize| blocks[rank]));
}

struct Random(u32);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        (self.0 >> 4) % bound
    }

    fn size(&mut self) -> u32 {
        // Blocks of 128 to 143 bytes are in one list.
        let (least, most) =
            [(1, 8), (1, 60), (1, 200), (1, 700), (124, 140)][self.below(5) as usize];
        least + self.below(most - least)
    }

    fn request(&mut self) -> Request {
        let size = self.size();
        let alignment = 4 << [0, 0, 0, 1, 1, 2, 4][self.below(7) as usize];
        let offset = if self.below(4) == 0 {
            self.below(size + 1)
        } else {
            0
        };
        Request::aligned_at(size as usize, alignment, offset as usize).unwrap()
    }

    fn call(&mut self, live: usize, crowd: u32) -> Call {
        if live == 0 || self.below(live as u32 + crowd) < crowd {
            return Call::Allocate(self.request());
        }
        let rank = self.below(live as u32) as usize;
        match self.below(8) {
            0 => Call::Resize(rank, self.size()),
            1 => Call::GrowBackward(rank, self.size()),
            2 => Call::Reallocate(rank, self.request()),
            _ => Call::Free(rank),
        }
    }
}

#[test]
fn random_programs_place_blocks_as_the_model_does() {
    for seed in 1..40 {
        let mut random = Random(0x9E37_79B9_u32.wrapping_mul(seed));
        let mut region = Region::dirty(1500 + 97 * seed as usize, 4 * (seed as usize % 4), 0);
        let mut pair = Pair::new(&mut region);
        for _ in 0..150 {
            let call = random.call(pair.live.len(), 10 + seed % 30);
            pair.call(call);
        }
    }
}
