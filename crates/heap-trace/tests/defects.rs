//! Defects of ESP-IDF's traces and accounts, absent here; `docs/defects.md` lists them all.
//!
//! `/// Defects: …` before a test names what it would find: an issue or a commit of ESP-IDF, or a
//! number of ours for what has none (`head_NN`).

use crate::support::{BYTES, ByOwner, Sim, on_behalf_of};
use heap_caps::{AllocRequest, Placement};
use heap_trace::{
    CurrentOwner, Ledger, Mode, Owner, Record, Slot, Summary, Trace, TraceContext, Usage,
};
use multi_heap::Unpoisoned;
use soc_regions::Caps;

const DEPTH: usize = 8;

/// Call stacks that show which event they belong to.
#[derive(Debug, Default)]
struct Deep(std::cell::Cell<u32>);

impl TraceContext for Deep {
    fn callers(&self, stack: &mut [u32]) -> usize {
        self.0.set(self.0.get() + 1);
        let event = self.0.get() << 8;
        stack
            .iter_mut()
            .zip(1..)
            .for_each(|(place, depth)| *place = event + depth);
        stack.len()
    }
}

fn stack_of(event: u32) -> [u32; DEPTH] {
    std::array::from_fn(|depth| (event << 8) + u32::try_from(depth).unwrap() + 1)
}

/// Defects: 18553c4.
#[test]
fn a_resize_copies_its_own_call_stack_and_leaves_its_neighbours_records_alone() {
    let mut buffer = [Slot::EMPTY; 4];
    let mut sim = Sim::<_>::new(Trace::new(Deep::default()));
    sim.observer().set_buffer(&mut buffer).unwrap();
    sim.observer().start(Mode::Leaks).unwrap();
    let blocks = [1, 2, 3].map(|size| sim.malloc(size)); // events 1, 2, 3
    let resized = sim.realloc(blocks[1], 500); // ends one record and begins another
    let records: Vec<Record<DEPTH>> = (0..3).map(|at| sim.observer().get(at).unwrap()).collect();
    let stacks: Vec<_> = records.iter().map(|record| record.allocated_by).collect();
    assert_eq!(records[2].address, resized);
    assert_eq!(stacks[..2], [stack_of(1), stack_of(3)]);
    assert!(
        stacks[2] == stack_of(4) || stacks[2] == stack_of(5),
        "{:X?}",
        stacks[2]
    );
}

/// Defects: 2cf9236.
#[test]
fn a_buffer_with_old_records_is_as_good_as_an_empty_one() {
    let buffer = vec![Slot::<0>::EMPTY; 16].leak();
    let mut sim = Sim::<_>::new(Trace::new(()));
    sim.observer().set_buffer(buffer).unwrap();
    sim.observer().start(Mode::All).unwrap();
    let old: Vec<u32> = (1..=12).map(|size| sim.malloc(size)).collect();
    sim.observer().stop().unwrap();
    let used = sim.observer().take_buffer().unwrap().unwrap();

    let mut other = Sim::<_>::new(Trace::new(()));
    other.observer().set_buffer(used).unwrap();
    assert_eq!(
        (other.observer().count(), other.observer().get(0)),
        (0, None)
    );
    other.observer().start(Mode::Leaks).unwrap();
    let block = other.malloc(5);
    assert_eq!(other.observer().count(), 1);
    other.free(block);
    assert_eq!(
        other.observer().summary(),
        Summary {
            mode: Mode::Leaks,
            total_allocations: 1,
            total_frees: 1,
            capacity: 16,
            high_water_mark: 1,
            hits: 1,
            ..Summary::default()
        }
    );
    old.into_iter().for_each(|block| sim.free(block));
}

/// Defects: fc1e8b0.
#[test]
fn a_trace_that_nobody_starts_takes_no_memory() {
    assert!(
        size_of::<Trace<'_>>() < 160,
        "{} bytes",
        size_of::<Trace<'_>>()
    );
    let mut buffer = [Slot::EMPTY; 64];
    let mut sim: Sim<Trace<'_>> = Sim::new(Trace::new(()));
    let plain: Sim<()> = Sim::new(());
    sim.observer().set_buffer(&mut buffer).unwrap();
    sim.observer().start(Mode::All).unwrap();
    sim.observer().stop().unwrap();
    let everything = Caps::empty();
    assert_eq!(
        sim.heaps.inspect().info(everything),
        plain.heaps.inspect().info(everything)
    );
}

/// Defects: head_12.
#[test]
fn starting_allocates_nothing() {
    let buffer = vec![Slot::<32>::EMPTY; 100];
    let mut sim = Sim::<_>::new(Trace::new(()));
    sim.observer().set_buffer(buffer.leak()).unwrap();
    let before = sim.heaps.inspect().info(Caps::empty());
    sim.observer().start(Mode::All).unwrap();
    assert_eq!(sim.heaps.inspect().info(Caps::empty()), before);
}

fn has<const B: usize>(sim: &mut Sim<Ledger<ByOwner, (), B>>, owner: Owner) -> (u32, u32) {
    let Usage { bytes, blocks, .. } = sim.observer().owner(owner).unwrap();
    (bytes, blocks)
}

const MQTT: Owner = Owner(1);
const WIFI: Owner = Owner(2);

/// Defects: b2cc934.
#[test]
fn owners_take_nothing_from_the_size_of_a_block() {
    let mut sim = Sim::<_, Unpoisoned>::new(Ledger::<ByOwner>::new(ByOwner, ()));
    let mut plain = Sim::<(), Unpoisoned>::new(());
    for size in [1, 4, 30, 1000] {
        let [watched, unwatched] = [on_behalf_of(MQTT, || sim.malloc(size)), plain.malloc(size)];
        assert_eq!(watched, unwatched, "the same places");
        assert_eq!(
            sim.heaps.inspect().usable_size(watched),
            plain.heaps.inspect().usable_size(unwatched)
        );
    }
    assert_eq!(
        sim.heaps.inspect().info(BYTES),
        plain.heaps.inspect().info(BYTES)
    );
}

/// Defects: 12498, b358581, 5593691, 9653031.
#[test]
fn each_path_books_to_who_asked_and_frees_from_who_had_it() {
    let mut sim = Sim::<_, Unpoisoned>::new(Ledger::<ByOwner>::new(ByOwner, ()));
    let heaps = &mut sim.heaps;
    let blocks = on_behalf_of(MQTT, || {
        [
            heaps.malloc(8, BYTES),
            heaps.calloc(2, 4, BYTES),
            heaps.aligned_alloc(64, 8, BYTES),
            heaps.allocate(
                &AllocRequest::new(8, Caps::empty())
                    .placed(Placement::Prefer(&[Caps::SPIRAM, BYTES])),
            ),
            heaps.allocate(
                &AllocRequest::array(2, 4, Caps::empty())
                    .placed(Placement::Prefer(&[Caps::SPIRAM, BYTES]))
                    .zeroed(),
            ),
            heaps.allocate(&AllocRequest::in_default_memory(8)),
            heaps.allocate(
                &AllocRequest::array(8, 1, Caps::empty())
                    .placed(Placement::Default)
                    .zeroed(),
            ),
        ]
    })
    .map(Result::unwrap);
    assert_eq!(has(&mut sim, MQTT), (56, 7));
    on_behalf_of(WIFI, || sim.free(blocks[0]));
    assert_eq!(has(&mut sim, MQTT), (48, 6), "whoever frees");
    assert_eq!(has(&mut sim, WIFI), (0, 0), "nothing is stolen");
    on_behalf_of(MQTT, || sim.heaps.realloc(blocks[1], 1 << 28, BYTES)).unwrap_err();
    assert_eq!(has(&mut sim, MQTT), (48, 6), "a failure changes nothing");
    sim.heaps.malloc(usize::MAX, BYTES).unwrap_err();
    blocks[1..].iter().for_each(|&block| sim.free(block));
    assert_eq!(has(&mut sim, MQTT), (0, 0));
}

/// Defects: head_13.
#[test]
fn a_resize_into_memory_that_the_other_never_used_is_booked_once() {
    let mut sim = Sim::<_, Unpoisoned>::new(Ledger::<ByOwner>::new(ByOwner, ()));
    let block = on_behalf_of(MQTT, || sim.malloc(100));
    let moved = on_behalf_of(WIFI, || sim.heaps.realloc(block, 200, Caps::EXEC)).unwrap();
    assert_eq!(
        (has(&mut sim, MQTT), has(&mut sim, WIFI)),
        ((0, 0), (200, 1))
    );
    let back = on_behalf_of(MQTT, || sim.heaps.realloc(moved, 100, BYTES)).unwrap();
    assert_eq!(
        (has(&mut sim, MQTT), has(&mut sim, WIFI)),
        ((100, 1), (0, 0))
    );
    sim.free(back);
    assert_eq!(sim.observer().total(), (0, 0));
}

/// Defects: 3d5023b.
#[test]
fn accounts_without_a_heap_answer_zero() {
    let current: &'static CurrentOwner = Box::leak(Box::new(CurrentOwner::new()));
    current.with(MQTT, || {
        let mut none: heap_caps::HeapCaps<Unpoisoned, Ledger<ByOwner>> =
            heap_caps::HeapCaps::new(Ledger::new(ByOwner, ()));
        assert!(none.malloc(8, BYTES).is_err() && none.free(0x3FFB_0000).is_err());
        let ledger = none.observer_mut();
        assert_eq!((ledger.total(), ledger.leaks().count()), ((0, 0), 0));
        assert_eq!(ledger.end(MQTT), Usage::default());
    });
}
