//! The allowance: what fast paths may allocate before limits are looked at.

use crate::support::*;
use heap_caps::{AllocRequest, Reserve};
use multi_heap::Request;
use soc_regions::Caps;

/// The fast path's block.
fn at_once(sim: &mut Sim, size: usize) -> Option<u32> {
    let layout = Request::new(size).unwrap();
    let taken = sim
        .heaps
        .phases()
        .allocate_ordinary(layout, Caps::BIT8, None);
    taken.ok().map(|taken| taken.address)
}

/// The block of the fast path that finds its way whether routes are hidden or not.
fn kept(sim: &mut Sim, size: usize) -> Option<u32> {
    let request = AllocRequest::new(size, Caps::BIT8);
    let layout = Request::new(size).unwrap();
    let taken = sim.heaps.phases().allocate_kept(layout, &request);
    taken.map(|taken| taken.address)
}

/// A chip whose allocations count, and whose route for bytes is known.
fn counting() -> Sim {
    let mut sim = Sim::esp32();
    sim.heaps.phases().set_counting(true);
    sim.heaps.malloc(1, Caps::BIT8).unwrap();
    sim
}

#[test]
fn fast_paths_stop_where_a_block_could_exceed_the_allowance() {
    let mut sim = counting();
    // 96 bytes, the header, and two words that may be left over: 108 each
    sim.heaps.phases().set_allowance(3 * 108 - 1);
    assert!(at_once(&mut sim, 96).is_some() && kept(&mut sim, 96).is_some());
    assert!(at_once(&mut sim, 96).is_none() && kept(&mut sim, 96).is_none());
    assert!(at_once(&mut sim, 92).is_some(), "104 are left");
    assert!(at_once(&mut sim, 1).is_none());
}

#[test]
fn a_search_serves_beyond_the_allowance_and_uses_it_up() {
    let mut sim = counting();
    sim.heaps.phases().set_allowance(1000);
    sim.heaps.malloc(2000, Caps::BIT8).unwrap();
    assert!(at_once(&mut sim, 4).is_none(), "nobody has looked");
    sim.heaps.phases().set_counting(false);
    sim.heaps.malloc(1, Caps::BIT8).unwrap();
    assert!(at_once(&mut sim, 4).is_some(), "nobody counts");
}

#[test]
fn hidden_routes_are_found_by_who_looks_for_them() {
    let mut sim = counting();
    sim.heaps.phases().set_allowance(u32::MAX);
    sim.heaps.phases().set_detoured(true);
    assert!(at_once(&mut sim, 16).is_none());
    let hidden = kept(&mut sim, 16).unwrap();
    assert!(
        sim.heaps
            .inspect()
            .allocated_bytes(heap_caps::AllocatedBlock {
                address: hidden,
                heap: sim.heaps.inspect().heap_containing(hidden).unwrap(),
            })
            == Some(20)
    );
    let free = sim.heaps.inspect().free_size(Caps::empty());
    let more = sim.heaps.phases().free_measured(hidden).unwrap();
    assert_eq!(sim.heaps.inspect().free_size(Caps::empty()), free + more);
    sim.heaps.phases().set_detoured(false);
    assert!(at_once(&mut sim, 16).is_some());
}

#[test]
fn counting_changes_nothing_about_reserves() {
    let exhausted = |counts: bool| {
        let mut sim = Sim::esp32();
        let (caps, bytes) = (Caps::DMA, 40_000);
        sim.heaps.set_reserve(Reserve { caps, bytes }).unwrap();
        sim.heaps.phases().set_counting(counts);
        let mut blocks = vec![];
        loop {
            sim.heaps.phases().set_allowance(u32::MAX);
            match at_once(&mut sim, 500).or_else(|| sim.heaps.malloc(500, Caps::BIT8).ok()) {
                Some(block) => blocks.push(block),
                None => return blocks,
            }
        }
    };
    assert_eq!(exhausted(true), exhausted(false));
}
