//! Heaps read from images of memory as they were; damage is never taken for something else.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails fails its test"
)]

#[path = "support/crashed.rs"]
mod crashed;

use crashed::{Device, Image, Known};
use heap_report::image::{MemoryImage, history};
use heap_report::summary::Summary;
use heap_report::verdict::{Verdict, VerdictKind};
use heap_report::{Event, History, Replayed};
use multi_heap::{Comprehensive, Light, Poison, Unpoisoned};

/// Blocks as an image has them.
fn blocks(history: &History) -> Vec<Known> {
    let block = |event: &Event| match *event {
        Event::Allocated {
            address,
            size,
            site,
            owner,
        } => (address, size, owner, history.site(site).unwrap().line),
        _ => panic!("an image has nothing else"),
    };
    let mut blocks: Vec<_> = history
        .events
        .iter()
        .map(|timed| block(&timed.event))
        .collect();
    blocks.sort_unstable();
    blocks
}

fn verdict(history: &History) -> Verdict {
    Verdict::of(history, &Replayed::of(history))
}

fn an_image_is_read_as_the_heap_was<P: Poison>(poisoning: &str) {
    let device = Device::<P>::crashed();
    let read = history(&device.image().memory()).unwrap();
    let (heaps, expected) = device.heaps_and_blocks();
    assert_eq!(blocks(&read), expected);
    assert_eq!(read.heaps.len(), heaps.len());
    let measured = &read.measured.last().unwrap().heaps;
    for ((heap, read), sample) in heaps.iter().zip(&read.heaps).zip(measured) {
        assert_eq!(
            (read.start, read.size),
            (heap.span.start(), heap.span.size())
        );
        assert_eq!((read.name.as_str(), read.caps), (heap.name, heap.caps));
        assert_eq!(sample.used, heap.info.total_allocated_bytes);
        assert_eq!(sample.free, heap.info.total_free_bytes);
        assert_eq!(sample.largest_free, heap.info.largest_free_block);
        assert_eq!(sample.blocks, heap.info.allocated_blocks);
    }
    let crash = read.crash.as_ref().unwrap();
    assert_eq!((crash.poisoning, crash.refused), (poisoning, Some(2)));
    assert_eq!(crash.failures, device.failures());
    assert_eq!(crash.failures.len(), 2);
    assert!(crash.damage.is_empty() && crash.missing.is_empty() && read.doubts.is_empty());
    assert_eq!(read.owner_name(1), "mqtt");
    assert_eq!(read.owner_name(2), "camera");
    let verdict = verdict(&read);
    assert_eq!(verdict.kind, VerdictKind::CannotTell);
    assert!(
        verdict
            .sentence
            .starts_with("No verdict: an image is one moment"),
        "{}",
        verdict.sentence
    );
}

#[test]
fn an_image_is_read_as_the_heap_was_at_every_level_of_poisoning() {
    an_image_is_read_as_the_heap_was::<Unpoisoned>("none");
    an_image_is_read_as_the_heap_was::<Light>("light");
    an_image_is_read_as_the_heap_was::<Comprehensive>("comprehensive");
}

#[test]
fn a_write_past_the_end_names_the_block_its_owner_and_its_line() {
    let device = Device::<Light>::crashed();
    let mut image = device.image();
    image.overwrite_behind(&device.culprit());
    let read = history(&image.memory()).unwrap();
    let verdict = verdict(&read);
    assert_eq!(verdict.kind, VerdictKind::Damaged);
    for words in [
        "The heap is damaged: at 0x",
        "bad tail canary",
        "of camera from",
        "support/crashed.rs:",
    ] {
        assert!(
            verdict.sentence.contains(words),
            "{words}: {}",
            verdict.sentence
        );
    }
    assert!(read.notes.iter().any(|note| note.contains("not finished")));
}

#[test]
fn a_write_after_free_names_who_freed_the_memory_and_who_had_it() {
    let device = Device::<Comprehensive>::crashed();
    let freed = device.free_culprit();
    let mut image = device.image();
    image.overwrite_in(&freed);
    let sentence = verdict(&history(&image.memory()).unwrap()).sentence;
    let (_, before) = sentence.split_once("; before: ").unwrap();
    let events: Vec<&str> = before.split("; ").collect();
    let at = format!("bytes at {:#010x}", freed.address);
    let is_freed = events[0].contains(" mqtt freed ") && events[0].contains(&at);
    assert!(is_freed, "{before}");
    let had = events[1..].iter().find(|event| event.contains(&at));
    let had = had.unwrap_or_else(|| panic!("{before}"));
    assert!(had.contains(" camera allocated "), "{before}");
    assert!(had.contains("support/crashed.rs:"), "{before}");
}

#[test]
fn a_program_without_a_ring_has_no_past() {
    let device = Device::<Light>::crashed();
    let mut image = device.image();
    image.overwrite_behind(&device.culprit());
    let with_past = verdict(&history(&image.memory()).unwrap()).sentence;
    image.forget_the_past();
    let without = verdict(&history(&image.memory()).unwrap()).sentence;
    let (expected, before) = with_past.split_once("; before: ").unwrap();
    assert!(before.contains("camera allocated"), "{before}");
    assert_eq!(without.trim_end_matches('.'), expected);
}

#[test]
fn a_header_that_was_overwritten_is_damage_at_every_level() {
    fn overwritten<P: Poison>() {
        let device = Device::<P>::crashed();
        let mut image = device.image();
        image.overwrite_header_of(&device.culprit());
        let read = history(&image.memory()).unwrap();
        assert_eq!(verdict(&read).kind, VerdictKind::Damaged, "{}", P::NAME);
        let all = device.heaps_and_blocks().1.len();
        assert!(
            read.events.len() < all,
            "the block behind it cannot be found"
        );
    }
    overwritten::<Unpoisoned>();
    overwritten::<Light>();
    overwritten::<Comprehensive>();
}

/// Found by the fuzz target `image`.
#[test]
fn a_heap_that_reaches_over_the_end_of_all_addresses_is_missing() {
    let device = Device::<Light>::crashed();
    let mut image = device.image();
    image.move_first_heap::<Light>(0xFFFF_F000, 0x2_0000);
    let read = history(&image.memory()).unwrap();
    let missing = &read.crash.as_ref().unwrap().missing;
    assert!(missing[0].contains("0xfffff000"), "{missing:?}");
}

#[test]
fn heaps_whose_links_are_encoded_otherwise_are_refused() {
    let device = Device::<Light>::crashed();
    let mut image = device.image();
    image.invert_encoded_links();
    let refusal = history(&image.memory()).unwrap_err();
    assert!(refusal.contains("`encoded-links`"), "{refusal}");
}

#[test]
fn a_heap_that_is_not_in_the_image_is_named_and_the_others_are_read() {
    let device = Device::<Light>::crashed();
    let mut image = device.image();
    image.leave_out_heap(0);
    let read = history(&image.memory()).unwrap();
    let crash = read.crash.as_ref().unwrap();
    assert_eq!(crash.missing.len(), 1);
    assert!(crash.missing[0].contains("is not wholly in the image"));
    assert_eq!(read.heaps.len() + 1, device.heaps_and_blocks().0.len());
    assert!(verdict(&read).sentence.ends_with("1 heap is not in it."));
    let summary = Summary::new(&read, &Replayed::of(&read)).to_string();
    assert!(summary.contains("Not in the image"), "{summary}");
    assert!(!summary.contains("nothing is missing"), "{summary}");
}

/// ESP-IDF's core dump has used blocks and neither their headers nor what is free.
fn blocks_are_listed_where_only_they_are_in_the_image<P: Poison>() {
    let device = Device::<P>::crashed();
    let mut image = device.image();
    let mut used = device.used();
    used.remove(3); // that of the stack on which the dump ran is left out
    image.leave_out_all_but(&used);
    let read = history(&image.memory()).unwrap();
    let (_, mut expected) = device.heaps_and_blocks();
    expected.retain(|(address, ..)| used.iter().any(|block| block.address == *address));
    let rounded = |(address, size, owner, line): Known| {
        let block = used.iter().find(|block| block.address == address).unwrap();
        assert!(size <= block.whole.size());
        (address, owner, line)
    };
    let listed: Vec<_> = blocks(&read).into_iter().map(rounded).collect();
    let expected: Vec<_> = expected.into_iter().map(rounded).collect();
    assert_eq!(listed, expected);
    assert_eq!(read.heaps, []);
    let crash = read.crash.as_ref().unwrap();
    assert!(crash.damage.is_empty());
    let missing = crash.missing.join(" ");
    assert!(
        crash
            .missing
            .iter()
            .all(|heap| heap.contains("not wholly in the image; of ")),
        "{missing}"
    );
    let verdict = verdict(&read);
    assert_eq!(verdict.kind, VerdictKind::CannotTell);
    assert!(
        verdict
            .sentence
            .starts_with("No verdict: no heap is wholly in the image, so none was checked"),
        "{}",
        verdict.sentence
    );
    let summary = Summary::new(&read, &Replayed::of(&read)).to_string();
    assert!(summary.contains("at least "), "{summary}");
}

#[test]
fn blocks_are_listed_where_only_they_are_in_the_image_at_every_level() {
    blocks_are_listed_where_only_they_are_in_the_image::<Unpoisoned>();
    blocks_are_listed_where_only_they_are_in_the_image::<Light>();
    blocks_are_listed_where_only_they_are_in_the_image::<Comprehensive>();
}

#[test]
fn without_constants_the_program_is_asked_for() {
    let image: Image = Device::<Light>::crashed().image().without_constants();
    let refusal = history(&image.memory()).unwrap_err();
    assert!(refusal.contains("--elf PROGRAM"), "{refusal}");
}

#[test]
fn what_has_no_heap_says_what_was_looked_for() {
    let mut memory = MemoryImage::default();
    memory.add(0x3FFB_0000, &[0; 4096]).unwrap();
    let refusal = history(&memory).unwrap_err();
    assert!(refusal.contains("no heap describes itself"), "{refusal}");
    assert!(refusal.contains("0x3ffb0000..0x3ffb1000"), "{refusal}");
    memory
        .add(0x3FFB_1000, b"ESPHEAP1\0\0\0\0\0\0\0\0")
        .unwrap();
    let refusal = history(&memory).unwrap_err();
    assert!(refusal.contains("leads nowhere"), "{refusal}");
}

#[test]
fn an_image_that_ends_anywhere_is_read_or_refused() {
    let device = Device::<Comprehensive>::crashed();
    let whole = blocks(&history(&device.image().memory()).unwrap());
    for cut in 0..200 {
        let mut image = device.image();
        image.cut(cut, 200);
        let Ok(read) = history(&image.memory()) else {
            continue;
        };
        let known = blocks(&read);
        assert!(
            known.iter().all(|(address, size, ..)| {
                whole
                    .iter()
                    .any(|block| (block.0, block.1) == (*address, *size))
            }),
            "cut at {cut}: blocks that never were"
        );
        let is_whole = known.len() == whole.len();
        let crash = read.crash.as_ref().unwrap();
        assert!(
            is_whole || !crash.missing.is_empty(),
            "cut at {cut}: nothing is said"
        );
        assert!(crash.damage.is_empty(), "cut at {cut}: {:?}", crash.damage);
        assert_eq!(verdict(&read).kind, VerdictKind::CannotTell);
    }
}

/// Every word of what leads to the heaps, and many of the heaps: no panic, and what is changed
/// there is not called sound.
#[test]
fn an_image_that_is_damaged_anywhere_is_no_panic() {
    let device = Device::<Light>::crashed();
    let mut found = 0;
    for place in 0..600 {
        for value in [0, 1, 0x0000_1000, 0x7FFF_FFFC, u32::MAX] {
            let mut image = device.image();
            image.set_word(place, 600, value);
            match history(&image.memory()) {
                Ok(read) => {
                    let _ = verdict(&read).sentence;
                    let replayed = Replayed::of(&read);
                    let _ = Summary::new(&read, &replayed).to_string();
                    found += usize::from(!read.crash.unwrap().damage.is_empty());
                }
                Err(sentence) => assert!(!sentence.is_empty()),
            }
        }
    }
    assert!(found > 50, "{found}");
}

#[test]
#[cfg_attr(feature = "encoded-links", ignore = "its links are plain")]
fn the_fuzz_targets_seed_is_a_core_with_two_blocks() {
    let seed = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/image/tiny.core");
    let memory = MemoryImage::read(&std::fs::read(seed).unwrap()).unwrap();
    let read = history(&memory.unwrap()).unwrap();
    assert_eq!((read.heaps.len(), read.events.len()), (1, 2));
    assert_eq!(read.owners[&1], "mqtt");
}
