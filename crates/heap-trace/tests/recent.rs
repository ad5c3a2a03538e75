//! The scene of a damage: previous owners of the memory, and the frees.

use crate::support::{ByOwner, Sim, on_behalf_of};
use heap_trace::{Ledger, Owner, PastEvent, PastEventKind, Recent};
use multi_heap::{Comprehensive, Light, Poison};
use soc_regions::Caps;

type Watched<P, const EVENTS: usize = 64> = Sim<(Ledger<ByOwner>, Recent<ByOwner, EVENTS>), P>;

fn watched<P: Poison, const EVENTS: usize>() -> Watched<P, EVENTS> {
    Sim::new((Ledger::new(ByOwner, ()), Recent::new(ByOwner)))
}

fn reported<P: Poison, const EVENTS: usize>(sim: &Watched<P, EVENTS>) -> (Vec<PastEvent>, String) {
    let corrupt = sim.heaps.inspect().check_integrity(Caps::empty());
    let finding = sim.heaps.inspect().finding(corrupt.unwrap_err());
    let (ledger, recent) = sim.heaps.inspect().observer();
    let scene = recent.scene(&finding);
    let text = format!("{}{scene}", ledger.explain(finding));
    (scene.events().collect(), text)
}

/// Writes a byte at a distance from a block's start, whoever has it.
fn write<P: Poison, const EVENTS: usize>(sim: &Watched<P, EVENTS>, block: u32, at: usize) {
    let pointer = sim.heaps.inspect().pointer(block).unwrap();
    // SAFETY: memory of the heap: the fault that the test is about.
    unsafe { pointer.as_ptr().wrapping_add(at).write(0x55) };
}

#[test]
fn the_last_user_of_freed_memory_is_named_with_its_neighbours() {
    let mut sim: Watched<Comprehensive> = watched();
    let elsewhere = sim.malloc(3000);
    let left = on_behalf_of(Owner(1), || sim.malloc(16));
    let stale = on_behalf_of(Owner(2), || sim.malloc(64));
    let right = on_behalf_of(Owner(3), || sim.malloc(16));
    on_behalf_of(Owner(4), || sim.free(stale));
    sim.free(elsewhere);
    write(&sim, stale, 40);
    let (events, text) = reported(&sim);
    let seen = events
        .iter()
        .map(|event| (event.kind, event.address, event.owner))
        .collect::<Vec<_>>();
    assert_eq!(
        seen[..2],
        [
            (PastEventKind::Freed, stale, Owner(4)),
            (PastEventKind::Allocated, stale, Owner(2))
        ]
    );
    assert!(seen.contains(&(PastEventKind::Allocated, left, Owner(1))));
    assert!(seen.iter().all(|(_, address, _)| *address != elsewhere));
    assert!(events[1].place.unwrap().file().ends_with("recent.rs"));
    let freed = format!("; before: at tick 77 owner 4 freed 64 bytes at 0x{stale:08X}; at tick");
    assert!(text.contains(&freed), "{text}");
    sim.free(right);
}

#[test]
fn a_block_that_moved_here_is_reported_with_where_it_came_from() {
    let mut sim: Watched<Light> = watched();
    let block = on_behalf_of(Owner(1), || sim.malloc(16));
    let _wall = sim.malloc(16);
    let moved = on_behalf_of(Owner(2), || sim.realloc(block, 200));
    let again = on_behalf_of(Owner(3), || sim.malloc(16));
    assert_eq!(again, block, "where the moved one was");
    write(&sim, again, 16);
    let (events, _) = reported(&sim);
    let seen = events.iter().filter(|event| event.address == block);
    let seen = seen.map(|event| (event.kind, event.owner));
    assert_eq!(
        seen.collect::<Vec<_>>(),
        [
            (PastEventKind::Allocated, Owner(3)),
            (PastEventKind::Freed, Owner(2)),
            (PastEventKind::Allocated, Owner(1))
        ]
    );
    write(&sim, moved, 0); // its own
}

#[test]
fn the_last_events_are_kept_and_no_more() {
    let mut sim: Watched<Light, 4> = watched();
    let blocks: Vec<u32> = (1..=6).map(|size| sim.malloc(size * 8)).collect();
    let (_, recent) = sim.heaps.inspect().observer();
    let kept = recent.events().map(|event| event.address);
    let expected = blocks.iter().rev().take(4).copied();
    assert!(kept.eq(expected));
    write(&sim, blocks[0], 8);
    let (events, text) = reported(&sim);
    assert!(events.iter().all(|event| event.address != blocks[0]));
    assert!(!text.contains("before: at tick 77 nobody allocated 8 bytes"));
}

#[test]
fn nothing_is_reported_where_nothing_was_recorded() {
    let mut sim: Watched<Light, 0> = watched();
    let block = sim.malloc(16);
    write(&sim, block, 16);
    let (events, text) = reported(&sim);
    assert_eq!(events, []);
    assert!(!text.contains("before"), "{text}");
}
