//! Corruption of single bytes: the check finds it, and operations stay inside of the heap.

use crate::common::*;
use multi_heap::{Comprehensive, CorruptionKind, Heap, Light, Misuse, Offset, Poison, Unpoisoned};

/// A heap with used and free blocks of every form side by side: 4, 8, 12, 16 and more bytes free.
fn varied<P: Poison>(region: &mut Region) -> (Heap<P>, Vec<Offset>) {
    let mut heap = region.heap();
    let sizes = [20, 20, 4, 4, 8, 20, 40, 20, 33];
    let blocks = sizes.map(|size| allocate(&mut heap, request(size)).unwrap());
    for rank in [0, 2, 4, 6] {
        free(&mut heap, blocks[rank]);
    }
    let one_word_left = heap
        .blocks()
        .find(|block| block.bytes >= 24 && block.bytes < 100);
    if P::OVERHEAD == 0 && one_word_left.is_some() {
        allocate(&mut heap, request(16)).unwrap();
    }
    assert_sound(&heap);
    let live = [1, 3, 5, 7, 8].map(|rank| blocks[rank]).to_vec();
    (heap, live)
}

/// Changes one byte at a time, in several ways, and hands each finding to `judge`; the byte is
/// restored each time.
fn flip_each_byte<P: Poison>(
    region: &mut Region,
    heap: &Heap<P>,
    bytes: impl Iterator<Item = usize>,
    mut judge: impl FnMut(usize, u8, Result<(), multi_heap::Corruption>),
) {
    for at in bytes {
        let kept = region.bytes()[at];
        for change in [0x01, 0x80, 0x10, 0xFF] {
            region.bytes()[at] = kept ^ change;
            judge(at, change, heap.check());
        }
        region.bytes()[at] = kept;
    }
    assert_eq!(heap.check(), Ok(()), "restored");
}

fn header_bytes<P: Poison>(heap: &Heap<P>) -> Vec<usize> {
    heap.blocks()
        .flat_map(|block| block.start as usize..block.start as usize + 4)
        .collect()
}

fn every_header_byte_is_guarded<P: Poison>() {
    let mut region = Region::new(700);
    let (heap, _) = varied::<P>(&mut region);
    let bytes = header_bytes(&heap);
    flip_each_byte(
        &mut region,
        &heap,
        bytes.into_iter(),
        |at, change, found| {
            assert!(found.is_err(), "byte {at:#x} ^ {change:#x} of {}", P::NAME);
        },
    );
}

#[test]
fn every_changed_byte_of_a_header_is_found() {
    every_header_byte_is_guarded::<Unpoisoned>();
    every_header_byte_is_guarded::<Light>();
    every_header_byte_is_guarded::<Comprehensive>();
}

#[test]
fn every_changed_byte_of_the_control_structure_is_found_but_minimum_and_ceiling() {
    let mut region = Region::new(700);
    let (heap, _) = varied::<Unpoisoned>(&mut region);
    let bounds = [4..8, 16..20];
    let control = 0..heap.control_bytes() as usize - 4;
    flip_each_byte(&mut region, &heap, control, |at, change, found| {
        assert!(
            found.is_err() || bounds.iter().any(|bound| bound.contains(&at)),
            "byte {at:#x} ^ {change:#x}"
        );
    });
    let sentinel = heap.region_bytes() as usize - 4..heap.region_bytes() as usize;
    flip_each_byte(&mut region, &heap, sentinel, |at, _, found| {
        assert!(found.is_err(), "{at:#x}");
    });
}

#[test]
fn every_changed_byte_of_links_and_last_words_is_found() {
    let mut region = Region::new(700);
    let (heap, _) = varied::<Unpoisoned>(&mut region);
    let free = heap
        .blocks()
        .filter(|block| block.state == multi_heap::BlockState::Free);
    let bytes: Vec<usize> = free
        .flat_map(|block| {
            let (start, end) = (block.start as usize, (block.start + block.bytes) as usize);
            let links = start + 4..end.min(start + 12);
            let last = if block.bytes >= 16 {
                end - 4..end
            } else {
                0..0
            };
            links.chain(last)
        })
        .collect();
    assert!(bytes.len() >= 36, "{} bytes", bytes.len());
    flip_each_byte(
        &mut region,
        &heap,
        bytes.into_iter(),
        |at, change, found| {
            assert!(found.is_err(), "byte {at:#x} ^ {change:#x}");
        },
    );
}

fn canaries_are_guarded<P: Poison>() {
    let mut region = Region::new(700);
    let (heap, live) = varied::<P>(&mut region);
    for block in live {
        let (start, size) = (
            block.get() as usize,
            heap.usable_size(block).unwrap() as usize,
        );
        let guards = (start - 8..start).chain(start + size..start + size + 4);
        flip_each_byte(&mut region, &heap, guards, |at, change, found| {
            if let Err(found) = found {
                let place = match found.kind {
                    CorruptionKind::HeadCanary => start - 8,
                    CorruptionKind::SizeWord => start - 4,
                    _ if at < start => found.offset as usize, // of another size
                    _ => start + size,
                };
                assert_eq!(found.offset as usize, place, "{at:#x} ^ {change:#x}");
            }
            let kind = found.map_err(|found| found.kind);
            let expected = match at {
                _ if at < start - 4 => vec![CorruptionKind::HeadCanary],
                _ if at < start => vec![CorruptionKind::SizeWord, CorruptionKind::TailCanary],
                _ => vec![CorruptionKind::TailCanary],
            };
            assert!(
                kind.is_err_and(|kind| expected.contains(&kind)),
                "{at:#x} ^ {change:#x}: {kind:?}"
            );
        });
    }
}

#[test]
fn every_changed_byte_of_a_canary_is_found() {
    canaries_are_guarded::<Light>();
    canaries_are_guarded::<Comprehensive>();
}

#[test]
fn every_changed_byte_of_free_memory_is_found_under_comprehensive_poisoning() {
    let mut region = Region::new(700);
    let (heap, _) = varied::<Comprehensive>(&mut region);
    let free = heap
        .blocks()
        .filter(|block| block.state == multi_heap::BlockState::Free);
    let bytes: Vec<usize> = free
        .flat_map(|block| block.start as usize..(block.start + block.bytes) as usize)
        .collect();
    flip_each_byte(
        &mut region,
        &heap,
        bytes.into_iter(),
        |at, change, found| {
            assert!(found.is_err(), "byte {at:#x} ^ {change:#x}");
        },
    );
}

fn an_overrun_is_reported_by_free<P: Poison>() {
    for size in [1, 4, 5, 7, 20] {
        let mut region = Region::new(700);
        let mut heap = region.heap::<P>();
        let block = allocate(&mut heap, request(size)).unwrap();
        region.bytes()[(block.get() + size) as usize] ^= 0xFF;
        let before = drawing(&heap);
        let refused = |result: Result<u32, Misuse>| match result {
            Err(Misuse::Corrupt(found)) => found.kind == CorruptionKind::TailCanary,
            _ => false,
        };
        assert!(
            refused(heap.usable_size(block)) && refused(heap.free(block)),
            "{} {size}",
            P::NAME
        );
        assert!(heap.resize(block, 1).is_err() && heap.grow_backward(block, 40).is_err());
        assert_eq!(drawing(&heap), before);
    }
}

#[test]
fn an_overrun_by_one_byte_is_found() {
    an_overrun_is_reported_by_free::<Light>();
    an_overrun_is_reported_by_free::<Comprehensive>();
}

#[test]
fn a_link_that_leads_to_another_block_is_noticed_before_it_is_followed() {
    let mut region = Region::new(700);
    let mut heap = region.heap::<Unpoisoned>();
    let blocks: Vec<Offset> = (0..8)
        .map(|_| allocate(&mut heap, request(20)).unwrap())
        .collect();
    for rank in [1, 3, 5] {
        free(&mut heap, blocks[rank]);
    }
    // The list is 1, 5, 3. The second link of 3 now says that 1 precedes it.
    let previous = blocks[3].checked_add(4).unwrap();
    let node_of_first = blocks[1].get() / 4;
    assert!(bytes_of_blocks(&heap).set_word(previous, node_of_first));
    let used = heap.info().allocated_blocks;
    assert!(matches!(heap.free(blocks[4]), Err(Misuse::Corrupt(_))));
    assert!(heap.damage().is_some());
    assert_eq!(heap.info().allocated_blocks, used);
}

/// What stands in a block: the header of a used one of 4 words, and behind it that of a free one
/// whose link leads nowhere.
const IMITATION: [u32; 8] = [
    0,
    (4_u32 << 3).wrapping_neg(),
    0,
    0,
    0,
    1 << 30 ^ 8,
    0,
    0x7FFF_FFFF,
];

#[test]
fn a_pointer_at_contents_that_look_like_a_block_is_refused_and_leaves_no_note_of_damage() {
    let mut region = Region::new(700);
    let mut heap = region.heap::<Unpoisoned>();
    let block = allocate(&mut heap, request(64)).unwrap();
    for (word, value) in (0..).zip(IMITATION) {
        let place = block.checked_add(word * 4).unwrap();
        assert!(bytes_of_blocks(&heap).set_word(place, value));
    }
    let before = drawing(&heap);
    let inside = block.checked_add(8).unwrap();
    assert_eq!(heap.free(inside), Err(Misuse::NotABlock));
    assert_eq!((heap.check(), heap.damage()), (Ok(()), None));
    assert_eq!(drawing(&heap), before);
    heap.free(block).unwrap();
    assert_eq!(heap.free(inside), Err(Misuse::AlreadyFree));
    assert_eq!(heap.check(), Ok(()));
}

#[test]
fn a_pointer_at_contents_that_look_like_a_block_with_canaries_is_no_corruption() {
    let mut region = Region::new(700);
    let mut heap = region.heap::<Light>();
    let block = allocate(&mut heap, request(64)).unwrap();
    for (word, value) in (0..).zip(IMITATION) {
        let place = block.checked_add(word * 4).unwrap();
        assert!(bytes_of_blocks(&heap).set_word(place, value));
    }
    let inside = block.checked_add(16).unwrap();
    assert_eq!(
        heap.free(inside),
        Err(Misuse::NotABlock),
        "no canary is missing"
    );
    assert_eq!(heap.free(block), Ok(64));
}

#[test]
fn a_write_after_free_is_found_when_the_memory_is_allocated_again() {
    let mut region = Region::new(700);
    let mut heap = region.heap::<Comprehensive>();
    let block = allocate(&mut heap, request(40)).unwrap();
    free(&mut heap, block);
    region.bytes()[block.get() as usize + 17] = 0;
    assert_eq!(heap.check().unwrap_err().kind, CorruptionKind::FreedByte);
    let again = heap.allocate(request(40)).unwrap();
    assert_eq!(again, block);
    let found = heap.allocated(again, 40).unwrap_err();
    assert_eq!(
        (found.kind, found.offset),
        (CorruptionKind::FreedByte, block.get() + 17)
    );
    assert_eq!((found.expected, found.found), (0xFE, 0));
}

/// Damages one byte, then uses the heap: it may refuse, but it must not touch anything outside of
/// its region.
fn operations_stay_inside<P: Poison>() {
    const SIZE: usize = 700;
    let mut clean = Region::new(SIZE);
    let (heap, live) = varied::<P>(&mut clean);
    let targets: Vec<usize> = (0..heap.control_bytes() as usize)
        .chain(header_bytes(&heap))
        .chain(
            heap.blocks()
                .flat_map(|block| block.start as usize + 4..(block.start + block.bytes) as usize),
        )
        .collect();
    for at in targets {
        for change in [0x01, 0x0F, 0x80, 0xFF] {
            let mut region = Region::new(SIZE);
            let (mut heap, _) = varied::<P>(&mut region);
            region.bytes()[at] ^= change;
            for &block in &live {
                let _ = heap.allocate(request(12));
                let _ = heap.resize(block, 60);
                let _ = heap.grow_backward(block, 60);
                if heap.freeing(block).is_ok() {
                    let _ = heap.free(block);
                }
                let _ = heap.allocate(request(30));
            }
            let _ = (heap.info(), heap.check(), heap.blocks().count());
        }
    }
}

#[test]
fn operations_on_a_damaged_heap_stay_inside_of_it() {
    // Debug builds assert on every access that it lies inside of the region.
    operations_stay_inside::<Unpoisoned>();
    operations_stay_inside::<Light>();
    operations_stay_inside::<Comprehensive>();
}

#[test]
fn a_header_and_a_recorded_size_that_contradict_each_other_are_refused() {
    let mut region = Region::new(700);
    let mut heap = region.heap::<Light>();
    let [_, block, behind, _] =
        [4, 20, 40, 20].map(|size| allocate(&mut heap, request(size)).unwrap());
    // A header that spans the next block, too: what an overrun of the block before can forge,
    // canaries and all.
    let both = behind.get() - block.get() + 12 + 40 + 4;
    let header = block.checked_sub(12).unwrap();
    let kept = bytes_of_blocks(&heap).word(header).unwrap();
    let forged = ((both / 4) << 3).wrapping_neg();
    assert!(bytes_of_blocks(&heap).set_word(header, forged));
    let reported = |result: Result<u32, Misuse>| {
        matches!(
            result,
            Err(Misuse::Corrupt(found)) if found.kind == CorruptionKind::SizeWord
        )
    };
    assert!(reported(heap.usable_size(block)) && reported(heap.free(block)));
    assert!(bytes_of_blocks(&heap).set_word(header, kept));
    assert_eq!(heap.free(block), Ok(20));
    assert_sound(&heap);
}

#[test]
fn a_used_block_without_room_for_its_canaries_is_found() {
    let mut region = Region::new(700);
    let mut heap = region.heap::<Light>();
    let [block, _] = [20, 20].map(|size| allocate(&mut heap, request(size)).unwrap());
    let header = block.checked_sub(12).unwrap();
    // 12 bytes of payload are the overhead, and one byte of the user's takes another word.
    for words in [2_u32, 3] {
        let used = (words << 3).wrapping_neg();
        let at = header.get() as usize;
        region.bytes()[at..at + 4].copy_from_slice(&used.to_le_bytes());
        let found = heap.check().unwrap_err();
        let told = (found.kind, found.offset, found.expected, found.found);
        assert_eq!(told, (CorruptionKind::Header, header.get(), 4, used));
    }
}

#[test]
fn a_header_that_reaches_beyond_the_end_is_found_by_a_refused_free_behind_it() {
    for beyond in [1, 8, 100] {
        let mut region = Region::new(700);
        let mut heap = region.heap::<Unpoisoned>();
        let [_, block, behind] =
            [20, 20, 40].map(|size| allocate(&mut heap, request(size)).unwrap());
        let header = block.checked_sub(4).unwrap();
        let words = (heap.region_bytes() - 4 - header.get()) / 4 + beyond;
        assert!(bytes_of_blocks(&heap).set_word(header, (words << 3).wrapping_neg()));
        let refused = heap.free(behind.checked_add(8).unwrap());
        let told = |found: multi_heap::Corruption| (found.kind, found.offset);
        let Err(Misuse::Corrupt(found)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(told(found), (CorruptionKind::Header, header.get()));
        assert!(heap.damage().is_some());
    }
}

#[test]
fn what_was_written_behind_a_canary_is_gone_when_the_block_is_freed() {
    for size in [1, 5, 6, 7, 9, 33] {
        let mut region = Region::new(700);
        let mut heap = region.heap::<Comprehensive>();
        // A word that the block had before, too: too little to be given up.
        let [block, behind] =
            [size + 4, 20].map(|size| allocate(&mut heap, request(size)).unwrap());
        assert!(resize(&mut heap, block, size));
        let slack = block.get() + size + 4..behind.get() - 12;
        assert!((4..8).contains(&slack.len()));
        slack.for_each(|byte| region.bytes()[byte as usize] = 0);
        assert_eq!(heap.check(), Ok(()));
        free(&mut heap, block);
        assert_sound(&heap);
        assert_eq!(allocate(&mut heap, request(size)), Some(block));
    }
}

#[test]
fn a_walk_over_a_damaged_heap_reads_nothing_behind_its_end() {
    let mut region = Region::new(700);
    let mut heap = region.heap::<Light>();
    let size = heap.largest_free_block();
    let block = allocate(&mut heap, request(size)).unwrap();
    // The header stops short of the last word, where what looks like a used block of one word is.
    let end = heap.region_bytes() as usize - 4;
    let header = block.get() as usize - 12;
    let words = (end - header) as u32 / 4 - 1;
    for (at, used) in [(header, words), (end - 4, 1)] {
        let word = (used << 3).wrapping_neg().to_le_bytes();
        region.bytes()[at..at + 4].copy_from_slice(&word);
    }
    let sizes: Vec<u32> = heap.blocks().map(|block| block.bytes).collect();
    assert_eq!(sizes, [words * 4, 4]);
}
