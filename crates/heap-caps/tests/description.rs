//! A set of heaps lies in memory as its description says.

#![expect(clippy::cast_possible_truncation, reason = "the low bits are compared")]

use crate::support::Sim;
use heap_caps::{
    Description, HeapCaps, ImageHeader, Memory, Observer, ObserverDescription, Policy,
    SimulatedMemory,
};
use multi_heap::{Comprehensive, Light, Poison, Unpoisoned};
use soc_regions::{Caps, ESP32};

/// A value in memory, read by places as a tool would.
#[derive(Clone, Copy)]
struct Bytes(*const u8);

impl Bytes {
    fn at(self, place: u32) -> Self {
        Self(self.0.wrapping_add(place as usize))
    }

    fn read<T: Copy>(self) -> T {
        // SAFETY: the tests name places of such values, in a set of heaps that is alive.
        unsafe { self.0.cast::<T>().read_unaligned() }
    }
}

fn heaps_lie_where_the_description_says<P: Poison>(poisoning: u32) {
    let mut sim = Sim::<P>::with(Policy::Guaranteed, &ESP32.default_options(), ());
    for size in [16, 100, 3000] {
        sim.heaps.malloc(size, Caps::BIT8).unwrap();
    }
    let refused = sim.heaps.malloc(1 << 20, Caps::BIT8);
    assert!(refused.is_err());

    let set = HeapCaps::<P>::DESCRIPTION;
    let header = ImageHeader::new();
    assert!(header.heaps().is_null());
    header.lead_to(&raw const sim.heaps);
    let heaps = Bytes(header.heaps().cast());
    assert_eq!((set.magic, set.version), (Description::MAGIC, 1));
    assert_eq!((set.level(), set.encodes_links()), (poisoning, false));
    assert_eq!(heaps.at(set.failures).read::<u32>(), 1);

    let views: Vec<_> = sim.heaps.inspect().heaps().collect();
    assert!(views.len() >= 5);
    for (number, view) in (0..).zip(&views) {
        let slot = heaps.at(set.slots + set.slot_bytes * number);
        let details = heaps.at(set.details + set.detail_bytes * number);
        assert_eq!(slot.at(set.start).read::<u32>(), view.span.start());
        let base = slot.at(set.base).read::<*const u8>();
        assert!(!base.is_null());
        let congruent = <SimulatedMemory as Memory>::CONGRUENT - 1;
        assert_eq!(
            base.addr() as u32 & congruent,
            view.span.start() & congruent,
            "the simulation keeps the low bits of addresses"
        );
        assert_eq!(slot.at(set.words).read::<u32>(), view.span.size() / 4);
        assert_eq!(details.at(set.name).read::<&str>(), view.name);
        let columns = (0..set.priorities).map(|n| details.at(set.columns + 4 * n).read::<u32>());
        let caps = columns.fold(0, |all, bits| all | bits);
        assert_eq!(caps, view.caps.bits(), "{}", view.name);
    }
    let next = heaps.at(set.slots + set.slot_bytes * u32::try_from(views.len()).unwrap());
    assert!(next.at(set.base).read::<*const u8>().is_null());
}

#[test]
fn heaps_lie_where_their_description_says_at_every_level_of_poisoning() {
    heaps_lie_where_the_description_says::<Unpoisoned>(0);
    heaps_lie_where_the_description_says::<Light>(1);
    heaps_lie_where_the_description_says::<Comprehensive>(2);
}

/// Has something to show.
struct Shown([u32; 3]);

impl Observer for Shown {
    const DESCRIPTION: ObserverDescription = ObserverDescription {
        kind: 7,
        ..ObserverDescription::NONE
    };
}

#[test]
fn an_observer_is_found_in_a_pair_of_observers() {
    type Pair = ((), Shown);
    let sim = Sim::<Unpoisoned, Pair>::with(
        Policy::Guaranteed,
        &ESP32.default_options(),
        ((), Shown([11, 12, 13])),
    );
    let set = HeapCaps::<Unpoisoned, Pair>::DESCRIPTION;
    assert_eq!(set.observer.kind, 7);
    let heaps = Bytes((&raw const sim.heaps).cast());
    assert_eq!(heaps.at(set.observer.at).read::<[u32; 3]>(), [11, 12, 13]);
    assert_eq!(sim.heaps.inspect().observer().1.0, [11, 12, 13]);
    assert_eq!(HeapCaps::<Unpoisoned>::DESCRIPTION.observer.kind, 0);
}

#[test]
fn a_description_is_read_back_from_its_words() {
    let set = HeapCaps::<Light>::DESCRIPTION;
    let words: [u32; Description::WORDS] = Bytes((&raw const set).cast()).read();
    assert_eq!(Description::from_words(&words), Some(set));
    let mut other = words;
    other[0] ^= 1;
    assert_eq!(Description::from_words(&other), None);
}

#[test]
fn a_description_says_whether_links_are_encoded() {
    let mut set = HeapCaps::<Light>::DESCRIPTION;
    set.poisoning |= Description::ENCODED_LINKS;
    assert_eq!((set.level(), set.encodes_links()), (1, true));
}

#[test]
fn an_observer_that_shows_nothing_makes_way_for_one_that_does() {
    let shown = ObserverDescription {
        kind: 3,
        at: 100,
        words: [7; heap_caps::OBSERVER_WORDS],
    };
    let nothing = ObserverDescription::NONE;
    assert_eq!([nothing.or(shown), shown.or(nothing)], [shown, shown]);
    assert_eq!(nothing.or(nothing), nothing);
    let moved = shown.moved_by(24);
    assert_eq!((moved.kind, moved.at, moved.words), (3, 124, shown.words));
    assert!(ImageHeader::default().heaps().is_null());
}
