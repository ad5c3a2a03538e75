//! Available memory as a set of words minus a set of words: random tables against that model.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use soc_regions::{
    Access, Caps, Chip, DualBus, LayoutError, MemoryType, Region, Reservation, Span, Table, Total,
    TypeIndex, Window, WordOrder, span,
};

const NONE: Caps = Caps::empty();
const TYPES: [MemoryType; 3] = [
    MemoryType::new("A", [Caps::BIT8, NONE, NONE]),
    MemoryType::new("B", [NONE, Caps::BIT8, NONE]),
    MemoryType::new("C", [NONE, NONE, Caps::SPIRAM]),
];

/// A row: words of hole before it, words, type, start-up stack.
type Row = (u32, u32, u8, bool);
/// A reservation: bytes of distance from the one before, bytes.
type Taken = (u32, u32);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec(
        (
            prop_oneof![3 => Just(0_u32), 1 => 1..9_u32],
            1..40_u32,
            0..3_u8,
            any::<bool>(),
        ),
        1..8,
    )
}

fn taken() -> impl Strategy<Value = Vec<Taken>> {
    prop::collection::vec((0..90_u32, 0..70_u32), 0..12)
}

const FIRST: u32 = 0x1000;
const DATA: Span = span!(0x1000, 0x2000);
const INSTRUCTION: Span = span!(0x8000, 0x9000);

fn regions(rows: &[Row]) -> Vec<Region> {
    let mut end = FIRST;
    let regions = rows.iter().map(|&(hole, words, kind, startup_stack)| {
        let span = Span::from_size(end + 4 * hole, 4 * words).unwrap();
        end = span.end();
        Region {
            startup_stack,
            ..Region::new(span, TypeIndex(kind))
        }
    });
    regions.collect()
}

fn reservations(taken: &[Taken]) -> Vec<Reservation> {
    let mut end = FIRST;
    let spans = taken.iter().filter_map(|&(distance, bytes)| {
        let start = end + distance;
        end = start + bytes;
        Span::new(start, end)
    });
    spans
        .map(|span| Reservation::fixed("taken", span))
        .collect()
}

fn chip(regions: Vec<Region>, reservations: Vec<Reservation>, order: WordOrder) -> Chip {
    let bytes = |kind| {
        regions
            .iter()
            .filter(|row| row.kind == kind)
            .map(|row| row.span.size())
            .sum()
    };
    let totals = [0, 1, 2]
        .map(TypeIndex)
        .map(|kind| Total::new(kind, bytes(kind)));
    let windows = [DATA, INSTRUCTION].map(|span| Window {
        name: "RAM",
        span,
        access: Access::BYTES,
    });
    let table = Table {
        name: "random",
        generation: "for these tests",
        types: &TYPES,
        regions: regions.clone().leak(),
        reservations: reservations.leak(),
        totals: totals.to_vec().leak(),
        windows: windows.to_vec().leak(),
        dual_buses: vec![DualBus::new(DATA, INSTRUCTION, order).unwrap()].leak(),
        max_contiguous_bytes: 0x1000,
        ..Table::EMPTY
    };
    Chip::new(Box::leak(Box::new(table))).unwrap()
}

/// The words of each row that nobody takes, by address, with the number of their row.
fn free_words(
    chip: &Chip,
    regions: &[Region],
    reservations: &[Reservation],
) -> BTreeMap<u32, usize> {
    let is_taken = |word: u32| {
        let spans = reservations
            .iter()
            .filter_map(|r| r.taken_by(&chip.default_options(), &[]).unwrap());
        spans.into_iter().any(|span| span.contains(word))
    };
    let rows = regions.iter().enumerate();
    let words = rows.flat_map(|(row, region)| {
        (region.span.start()..region.span.end())
            .step_by(4)
            .map(move |w| (w, row))
    });
    words.filter(|&(word, _)| !is_taken(word)).collect()
}

/// The same words without runs of 4 or less within a row.
fn without_crumbs(words: &BTreeMap<u32, usize>) -> BTreeMap<u32, usize> {
    let is_free = |word: u32, row| words.get(&word) == Some(&row);
    let run = |word: u32, row| {
        let below = (1..).take_while(|n| is_free(word - 4 * n, row)).count();
        let above = (1..).take_while(|n| is_free(word + 4 * n, row)).count();
        below + 1 + above
    };
    words
        .iter()
        .filter(|&(&word, &row)| run(word, row) > 4)
        .map(|(&word, &row)| (word, row))
        .collect()
}

fn collides(chip: &Chip, reservations: &[Reservation]) -> bool {
    let spans = reservations
        .iter()
        .filter_map(|r| r.taken_by(&chip.default_options(), &[]).unwrap());
    let spans: Vec<_> = spans.collect();
    spans.windows(2).any(|pair| pair[0].overlaps(pair[1])) // they ascend
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn what_is_available_is_the_rows_words_minus_the_reserved_ones(
        rows in rows(), taken in taken(), inverted in any::<bool>(),
    ) {
        let (regions, reservations) = (regions(&rows), reservations(&taken));
        let order = if inverted { WordOrder::Inverted } else { WordOrder::Linear };
        let chip = chip(regions.clone(), reservations.clone(), order);
        let available = chip.available(&chip.default_options(), &|_: &str| None);
        if collides(&chip, &reservations) {
            let is_conflict = matches!(available, Err(LayoutError::Conflict { .. }));
            prop_assert!(is_conflict);
            return Ok(());
        }

        let available: Vec<_> = available.unwrap().collect();
        let mut left = without_crumbs(&free_words(&chip, &regions, &reservations));
        for memory in &available {
            for word in (memory.span.start()..memory.span.end()).step_by(4) {
                let row = left.remove(&word);
                let row = row.map(|row| regions[row]);
                let row = row.map(|row| (row.kind, row.startup_stack));
                prop_assert_eq!(row, Some((memory.kind, memory.startup_stack)));
            }
            let addresses = memory.span.start()..memory.span.end();
            let views = addresses.filter_map(|at| chip.to_instruction_bus(at));
            prop_assert_eq!(memory.iram_alias, views.min());
            prop_assert_eq!(memory.external, memory.kind == TypeIndex(2));
        }
        prop_assert!(left.is_empty(), "not available: {:x?}", left);

        for pair in available.windows(2) {
            prop_assert!(pair[0].span.end() <= pair[1].span.start());
            let of = |memory: &soc_regions::Available| (memory.kind, memory.startup_stack);
            let alike = of(&pair[0]) == of(&pair[1]);
            prop_assert!(!(alike && pair[0].span.touches(pair[1].span)), "not merged: {:?}", pair);
        }
    }
}
