//! A refused operation changes nothing, and no operation on a damaged heap touches memory outside
//! of it: exhaustively, for every single damaged word of a small heap, at each level.

use crate::common::*;
use core::ptr::NonNull;
use multi_heap::{
    BlockState, Comprehensive, Corruption, CorruptionKind, Heap, Light, Misuse, Offset, Poison,
    Request, Unpoisoned,
};

/// Words before and behind the region that nobody may touch.
const GUARD: usize = 64;
const UNTOUCHED: u32 = 0xA5A5_A5A5;
/// The words of the control structure that a refusal may change: the one with the mark that
/// remembers damage, in its highest bit...
const USED_BLOCKS: usize = 2;
const MARK: u32 = 1 << 31;
/// ... and, for whoever looks for memory, the one that remembers which sizes have been looked for
/// in vain.
const CEILING: usize = 4;

/// A heap in words of which every one can be looked at and changed.
struct Damageable<P: Poison> {
    memory: Vec<u32>,
    words: usize,
    heap: Heap<P>,
}

impl<P: Poison> Damageable<P> {
    fn new(words: usize) -> Self {
        let mut memory = vec![UNTOUCHED; words + 2 * GUARD];
        let region = NonNull::from(&mut memory[GUARD..GUARD + words]);
        let bytes = NonNull::slice_from_raw_parts(region.cast::<u8>(), words * 4);
        // SAFETY: a `Vec`'s buffer stays where it is; nothing else touches it while the heap works.
        let heap = unsafe { Heap::new(bytes) }.unwrap();
        Self {
            memory,
            words,
            heap,
        }
    }

    fn region(&self) -> Vec<u32> {
        self.memory[GUARD..GUARD + self.words].to_vec()
    }

    fn restore(&mut self, words: &[u32]) {
        self.memory[GUARD..GUARD + self.words].copy_from_slice(words);
    }

    fn damage(&mut self, word: usize, value: u32) {
        self.memory[GUARD + word] = value;
    }

    /// Whether only words of the region were written.
    fn stayed_inside(&self) -> bool {
        let (before, rest) = self.memory.split_at(GUARD);
        let behind = &rest[self.words..];
        before.iter().chain(behind).all(|&word| word == UNTOUCHED)
    }
}

/// A heap with used blocks between free ones of all forms, and its live blocks.
fn varied<P: Poison>(words: usize) -> (Damageable<P>, Vec<Offset>) {
    let mut damageable = Damageable::<P>::new(words);
    let heap = &mut damageable.heap;
    let sizes = [20, 20, 4, 4, 8, 20, 40, 20, 20, 8, 20, 12];
    let blocks = sizes.map(|size| allocate(heap, request(size)).unwrap());
    for rank in [0, 2, 4, 6, 8, 10] {
        free(heap, blocks[rank]);
    }
    assert_sound(heap);
    let live = [1, 3, 5, 7, 9, 11].map(|rank| blocks[rank]).to_vec();
    (damageable, live)
}

/// One call of the heap.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Allocate(u32, usize),
    Free(usize),
    Resize(usize, u32),
    GrowBackward(usize, u32),
    Reallocate(usize, u32, usize),
    /// This many bytes behind a block's first one: no block begins there.
    FreeInside(usize, u32),
    ResizeInside(usize, u32),
    ReallocateInside(usize, u32),
    /// Nothing is asked to change.
    Ask(usize, u32),
}

impl Operation {
    /// Whether it looks for a free block.
    const fn searches(self) -> bool {
        matches!(
            self,
            Self::Allocate(..) | Self::Reallocate(..) | Self::ReallocateInside(..)
        )
    }
}

fn operations(live: usize) -> Vec<Operation> {
    let allocations = [
        (1, 4),
        (8, 4),
        (20, 4),
        (44, 4),
        (400, 4),
        (4, 8),
        (20, 8),
        (12, 64),
    ];
    let of_block = |rank| {
        let resizes = [1, 8, 12, 24, 32, 60, 100].map(move |size| Operation::Resize(rank, size));
        let backward = [28, 44, 60].map(move |size| Operation::GrowBackward(rank, size));
        let moves = [(1, 4), (28, 4), (60, 4), (100, 4), (24, 64)]
            .map(move |(size, alignment)| Operation::Reallocate(rank, size, alignment));
        resizes
            .into_iter()
            .chain(backward)
            .chain(moves)
            .chain([Operation::Free(rank), Operation::Ask(rank, 24)])
            .chain([4, 8, 12].into_iter().flat_map(move |bytes| {
                [
                    Operation::FreeInside(rank, bytes),
                    Operation::ResizeInside(rank, bytes),
                    Operation::ReallocateInside(rank, bytes),
                ]
            }))
    };
    allocations
        .into_iter()
        .map(|(size, alignment)| Operation::Allocate(size, alignment))
        .chain((0..live).flat_map(of_block))
        .collect()
}

/// Carries out an operation; whether it changed anything, as far as it says.
fn perform<P: Poison>(heap: &mut Heap<P>, live: &[Offset], operation: Operation) -> bool {
    match operation {
        Operation::Allocate(size, alignment) => {
            let request = Request::aligned(size as usize, alignment).unwrap();
            let block = heap.allocate(request);
            if let Some(block) = block {
                let _ = heap.allocated(block, size);
            }
            block.is_some()
        }
        Operation::Free(rank) => {
            let filled = heap.freeing(live[rank]);
            let freed = filled.and_then(|()| heap.free(live[rank]));
            assert!(
                filled.is_err() || freed.is_ok() || P::NAME != Comprehensive::NAME,
                "filled, but not freed"
            );
            freed.is_ok()
        }
        Operation::Resize(rank, size) => heap.resize(live[rank], size) == Ok(true),
        Operation::GrowBackward(rank, size) => {
            matches!(heap.grow_backward(live[rank], size), Ok(Some(_)))
        }
        Operation::Reallocate(rank, size, alignment) => {
            let request = Request::aligned(size as usize, alignment).unwrap();
            matches!(heap.reallocate(live[rank], request), Ok(Some(_)))
        }
        Operation::FreeInside(rank, bytes) => {
            let inside = live[rank].checked_add(bytes).unwrap();
            heap.freeing(inside)
                .and_then(|()| heap.free(inside))
                .is_ok()
        }
        Operation::ResizeInside(rank, bytes) => {
            let inside = live[rank].checked_add(bytes).unwrap();
            heap.resize(inside, 8) == Ok(true)
        }
        Operation::ReallocateInside(rank, bytes) => {
            let inside = live[rank].checked_add(bytes).unwrap();
            matches!(heap.reallocate(inside, request(60)), Ok(Some(_)))
        }
        Operation::Ask(rank, size) => {
            let (block, request) = (live[rank], Request::new(size as usize).unwrap());
            let _ = (heap.usable_size(block), heap.freeable_size(block));
            let _ = (heap.resizable_size(block, size), heap.can_allocate(request));
            let _ = (heap.largest_free_block(), heap.info(), heap.explain(block));
            let _ = (heap.check(), heap.damage(), heap.block_containing(block));
            let _ = (heap.blocks().count(), heap.sound_blocks().count());
            false
        }
    }
}

/// What a word may be damaged to: other values nearby, what programs keep in memory, links to
/// everywhere, headers of all kinds.
fn damages(word: u32, words: u32) -> Vec<u32> {
    let near = [1, 8, 0x100, 0x8000_0000, 1 << 30].map(|bit| word ^ bit);
    let others = [0x400D_1234, 0x3FFB_0010, u32::MAX, 0x7FFF_FFFF];
    let headers = (0..8).flat_map(|units: u32| {
        let used = (units << 3).wrapping_neg();
        [
            1 << 30 ^ units,
            used,
            used.wrapping_sub(2),
            used.wrapping_sub(4),
        ]
    });
    (0..words + 3)
        .chain(near)
        .chain(others)
        .chain(headers)
        .filter(|&value| value != word)
        .collect()
}

fn nothing_changes_where_nothing_is_done<P: Poison>(words: usize) {
    let (mut damageable, live) = varied::<P>(words);
    let sound = damageable.region();
    for word in 0..words {
        for value in damages(sound[word], words as u32) {
            for operation in operations(live.len()) {
                damageable.restore(&sound);
                damageable.damage(word, value);
                let mut before = damageable.region();
                let done = perform(&mut damageable.heap, &live, operation);
                let reported = || format!("{}: word {word} = {value:#x}, {operation:?}", P::NAME);
                assert!(damageable.stayed_inside(), "{}", reported());
                let after = damageable.region();
                before[USED_BLOCKS] |= after[USED_BLOCKS] & MARK;
                if operation.searches() || matches!(operation, Operation::Ask(..)) {
                    before[CEILING] = after[CEILING];
                }
                assert!(done || before == after, "changed: {}", reported());
            }
        }
    }
}

#[test]
fn a_refused_operation_changes_nothing_but_the_mark_of_damage() {
    nothing_changes_where_nothing_is_done::<Unpoisoned>(106);
}

#[test]
fn a_refused_operation_on_a_lightly_poisoned_heap_changes_nothing_but_the_mark_of_damage() {
    nothing_changes_where_nothing_is_done::<Light>(180);
}

#[test]
fn a_refused_operation_on_a_comprehensively_poisoned_heap_changes_nothing_but_the_mark_of_damage() {
    nothing_changes_where_nothing_is_done::<Comprehensive>(180);
}

/// Everything that can be called, one after the other, in a heap with one damaged word.
fn a_life_with_one_damaged_word_stays_inside<P: Poison>(words: usize) {
    let mut damageable = Damageable::<P>::new(words);
    let fresh = damageable.region();
    for word in 0..words {
        for value in damages(fresh[word], words as u32) {
            damageable.restore(&fresh);
            damageable.damage(word, value);
            let heap = &mut damageable.heap;
            let mut live = Vec::new();
            for (size, alignment) in [(4, 4), (12, 8), (8, 4), (1, 64), (20, 4)] {
                let request = Request::aligned(size, alignment).unwrap();
                live.extend(heap.allocate(request));
            }
            for (rank, &block) in live.iter().enumerate() {
                let size = heap.usable_size(block).unwrap_or(0);
                bytes_of_blocks(heap).shrinking(block, size, 4);
                let _ = heap.resize(block, [4, 16, 40][rank % 3]);
                let _ = heap.grow_backward(block, 24);
                let _ = heap.reallocate(block, request(28));
                let _ = heap.freeing(block).and_then(|()| heap.free(block));
            }
            let _ = (
                heap.info(),
                heap.check(),
                heap.damage(),
                heap.blocks().count(),
            );
            assert!(
                damageable.stayed_inside(),
                "{}: word {word} = {value:#x}",
                P::NAME
            );
        }
    }
}

#[test]
fn no_operation_on_a_tiny_damaged_heap_leaves_it() {
    fn of_every_size<P: Poison>() {
        let least = Heap::<P>::smallest_region_bytes() as usize / 4;
        for words in least..least + 23 {
            a_life_with_one_damaged_word_stays_inside::<P>(words);
        }
    }
    of_every_size::<Unpoisoned>();
    of_every_size::<Light>();
    of_every_size::<Comprehensive>();
}

#[test]
fn a_wrong_resize_of_a_pointer_into_a_block_leaves_the_heap_sound() {
    let mut region = Region::new(1024);
    let mut heap = region.heap::<Unpoisoned>();
    let block = allocate(&mut heap, request(64)).unwrap();
    for (word, value) in [(4, -16_i32 as u32), (5, 7), (6, 0x400D_1234)] {
        let place = block.checked_add(word * 4).unwrap();
        assert!(bytes_of_blocks(&heap).set_word(place, value));
    }
    let inside = block.checked_add(20).unwrap();
    assert_eq!(heap.resize(inside, 40), Err(Misuse::NotABlock));
    assert_eq!(heap.try_resize(inside, 40), Err(multi_heap::Refused));
    assert_eq!(
        heap.try_reallocate(inside, request(40)),
        Err(multi_heap::Refused)
    );
    assert_eq!((heap.check(), heap.damage()), (Ok(()), None));
    assert_eq!(free(&mut heap, block), 64);
    assert_sound(&heap);
}

#[test]
fn a_block_beside_a_damaged_one_keeps_its_size_and_its_bytes() {
    let mut region = Region::new(4096);
    let mut heap = region.heap::<Unpoisoned>();
    let [block, behind, _] = [200, 40, 40].map(|size| allocate(&mut heap, request(size)).unwrap());
    free(&mut heap, behind);
    write(&heap, block, 200, 7);
    let link_back = behind.checked_add(4).unwrap();
    let damaged = bytes_of_blocks(&heap).word(link_back).unwrap() ^ 0x100;
    assert!(bytes_of_blocks(&heap).set_word(link_back, damaged));
    assert!(matches!(
        heap.reallocate(block, request(100)),
        Err(Misuse::Corrupt(_))
    ));
    assert!(heap.damage().is_some());
    assert_eq!(heap.usable_size(block), Ok(200));
    assert!(holds(&heap, block, 200, 7));
}

/// A heap of one used block that fills it, and the index of the block's first word.
fn filled(words: usize) -> (Damageable<Unpoisoned>, u32) {
    let mut damageable = Damageable::<Unpoisoned>::new(words);
    let size = damageable.heap.largest_free_block();
    let block = allocate(&mut damageable.heap, request(size)).unwrap();
    (damageable, block.get() / 4)
}

#[test]
fn a_damaged_map_leads_no_whole_search_into_the_contents_of_a_block() {
    const WORDS: usize = 400;
    const MAP: u32 = 6 + cfg!(feature = "encoded-links") as u32;
    const HEADS: u32 = MAP + 4;
    const FREE_BLOCKS: usize = 3;
    let (mut damageable, first_payload) = filled(WORDS);
    let sound = damageable.region();
    for list in 2..6 * 32 {
        let head = HEADS + list;
        if head < first_payload {
            continue;
        }
        // A free block of 40 words in the user's data, and a word that leads to it.
        let node = first_payload + 230;
        for (word, value) in [
            (head, node),
            (node - 1, 1 << 30 ^ 40),
            (node, 0),
            (node + 1, head),
        ] {
            damageable.damage(word as usize, value);
        }
        let map = sound[(MAP + list / 32) as usize];
        damageable.damage((MAP + list / 32) as usize, map | 1 << 31 >> (list % 32));
        let in_use = sound[FREE_BLOCKS] | 1 << 31 >> (list / 32);
        damageable.damage(FREE_BLOCKS, in_use);
        damageable.damage(CEILING, WORDS as u32 - 1);
        let damaged = damageable.region();
        for (size, alignment) in [(4, 4), (12, 8), (100, 4), (16, 64)] {
            let request = Request::aligned(size, alignment).unwrap();
            let heap = &mut damageable.heap;
            assert!(!heap.can_allocate(request), "list {list}, {request:?}");
            let taken = heap.allocate_aligned(request);
            assert_eq!(taken, None, "list {list}, {request:?}");
            assert_eq!(heap.largest_free_block(), 0, "list {list}");
            assert!(heap.damage().is_some());
            damageable.restore(&damaged);
        }
        damageable.restore(&sound);
    }
}

#[test]
fn a_damaged_place_of_the_first_block_leads_no_search_into_the_contents_of_a_block() {
    const FIRST: usize = 5;
    let (mut damageable, live) = varied::<Unpoisoned>(106);
    let sound = damageable.region();
    let used: Vec<(u32, u32)> = live
        .iter()
        .map(|&block| (block.get(), damageable.heap.usable_size(block).unwrap()))
        .collect();
    for value in damages(sound[FIRST], 106) {
        for (size, alignment) in [(1, 4), (8, 4), (20, 4), (400, 4), (4, 8), (12, 64)] {
            damageable.restore(&sound);
            damageable.damage(FIRST, value);
            let request = Request::aligned(size, alignment).unwrap();
            if let Some(block) = damageable.heap.allocate(request) {
                let end = block.get() + request.size();
                let apart =
                    |&(other, bytes): &(u32, u32)| end <= other || other + bytes <= block.get();
                assert!(used.iter().all(apart), "first = {value:#x}, {request:?}");
            }
        }
    }
}

/// What the check says of one damaged word, where nothing else is touched by what it says now.
fn finding<P: Poison>(
    heap: &Heap<P>,
    sound: &[u32],
    word: usize,
    value: u32,
) -> Option<Result<(), Corruption>> {
    const MAP: usize = 6 + cfg!(feature = "encoded-links") as usize;
    let (first, end) = (sound[5], sound.len() as u32 - 1);
    let found = |kind, at: usize, expected, found| {
        let offset = at as u32 * 4;
        Some(Err(Corruption {
            offset,
            kind,
            expected,
            found,
        }))
    };
    let here = |kind, expected| found(kind, word, expected, value);
    let blocks: Vec<(usize, usize, bool)> = heap
        .blocks()
        .map(|block| {
            (
                block.start / 4,
                block.bytes / 4,
                block.state == BlockState::Free,
            )
        })
        .map(|(start, words, free)| (start as usize, words as usize, free))
        .collect();
    let free_words = |&(_, words, free): &(usize, usize, bool)| if free { words as u32 } else { 0 };
    let listed_in = |list: u32| {
        blocks
            .iter()
            .map(free_words)
            .any(|words| list_of(words) == list)
    };
    match word {
        0 | 3 => return here(CorruptionKind::Counter, sound[word]),
        1 if value > sound[0] => return here(CorruptionKind::Counter, sound[0]),
        2 if value == sound[2] | MARK => {
            return found(CorruptionKind::Noticed, 2, sound[2], value);
        }
        2 => return found(CorruptionKind::Counter, 2, sound[2], value & !MARK),
        4 => {
            let largest = blocks.iter().map(free_words).max().unwrap();
            if value <= largest || value > end {
                return here(CorruptionKind::Counter, largest + 1);
            }
        }
        5 => return here(CorruptionKind::Header, sound[5]),
        1 | 6 if word < MAP => {}
        _ if word < MAP + 6 => {
            let first_list = (word - MAP) as u32 * 32;
            let last = list_of(end - first);
            let wrong = (first_list..first_list + 32)
                .filter(|list| (2..=last).contains(list))
                .find(|list| value << (list % 32) >> 31 != u32::from(listed_in(*list)));
            let bit = wrong.map_or(0, |list| u32::from(listed_in(list)) << 31 >> (list % 32));
            return here(CorruptionKind::Bitmap, bit);
        }
        _ if word < first as usize => {
            let list = (word - MAP - 4) as u32;
            let (map, bit) = (MAP + list as usize / 32, 1 << 31 >> (list % 32));
            if list > list_of(end - first) {
                return here(CorruptionKind::Link, 0);
            } else if !listed_in(list) {
                return found(CorruptionKind::Bitmap, map, bit, sound[map]);
            } else if value == 0 {
                return found(CorruptionKind::Bitmap, map, 0, sound[map]);
            }
            let leads_out = value <= first || value >= end;
            return leads_out
                .then(|| here(CorruptionKind::Link, list))
                .flatten();
        }
        _ => {}
    }
    let Some(rank) = blocks
        .iter()
        .position(|&(start, words, _)| (start..start + words).contains(&word))
    else {
        let sentinel = word == end as usize;
        return sentinel
            .then(|| here(CorruptionKind::PreviousBlock, sound[word]))
            .flatten();
    };
    let (start, words, free) = blocks[rank];
    let behind_free = rank.checked_sub(1).is_some_and(|below| blocks[below].2);
    let size = value.wrapping_neg() >> 3;
    if word == start {
        let most = end - start as u32;
        if (value as i32) < 0 && !(2..=most).contains(&size) {
            return here(CorruptionKind::Header, 2);
        } else if (value as i32) < 0 {
            let bits = if free {
                0
            } else {
                sound[word].wrapping_neg() & 7
            };
            let kept = value.wrapping_neg() & 7 == bits;
            let expected = (size << 3 | bits).wrapping_neg();
            return (!kept)
                .then(|| here(CorruptionKind::PreviousBlock, expected))
                .flatten();
        }
        let free_size = if value >> 30 == 0 { 2 } else { value ^ 1 << 30 };
        if !(1..=most).contains(&free_size) {
            return here(CorruptionKind::Header, 1);
        }
        if behind_free {
            return here(CorruptionKind::AdjacentFreeBlocks, 0);
        }
        let marked = value == 1 << 30 | 2; // a free block of 2 words is one without the mark
        return marked.then(|| here(CorruptionKind::Header, 0)).flatten();
    }
    if free && words >= 4 && word == start + words - 1 {
        return here(CorruptionKind::Footer, words as u32);
    }
    None
}

const fn list_of(words: u32) -> u32 {
    let octave = (words | 8).ilog2() - 3;
    octave * 8 + (words >> octave)
}

#[test]
fn the_check_says_which_word_is_damaged_and_what_should_stand_there() {
    fn each_word<P: Poison>(words: usize) {
        let (mut damageable, _) = varied::<P>(words);
        let sound = damageable.region();
        let mut told = 0;
        for word in 0..words {
            for value in damages(sound[word], words as u32) {
                damageable.restore(&sound);
                let Some(expected) = finding(&damageable.heap, &sound, word, value) else {
                    continue;
                };
                told += 1;
                damageable.damage(word, value);
                let found = damageable.heap.check();
                assert_eq!(found, expected, "{}: word {word} = {value:#x}", P::NAME);
            }
        }
        assert!(told > 50 * words, "{told} findings");
    }
    each_word::<Unpoisoned>(106);
    each_word::<Light>(180);
    each_word::<Comprehensive>(180);
}
