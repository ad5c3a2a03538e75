//! The phases of the operations, as a layer with a lock calls them: attempts, detours, moves,
//! refusals.

use crate::support::*;
use core::ops::ControlFlow;
use heap_caps::{
    AllocRequest, Allocated, AllocatedBlock, ClosedHeaps, Failure, FailureKind, Freed, HeapIndex,
    HeapMask, Inquiry, MisuseKind, Observer, OrdinaryMove, Owner, Placement, Policy, PressureEvent,
    PressureKind, Progress, Reallocated, Reallocation, Relief, Reserve, ResizeWithin, Search,
    SkipReason, Stay,
};
use multi_heap::{Comprehensive, Light, Poison, Request};
use soc_regions::{Caps, ESP32, ESP32_V2_1, TypeIndex};

const BYTES: Caps = Caps::BIT8;

/// What an observer was told.
#[derive(Clone, Debug, PartialEq)]
enum Event {
    Allocated(u32, u32, Caps, HeapIndex, Option<Owner>),
    Freed(u32, u32, HeapIndex),
    Resized(u32, u32, HeapIndex, u32, u32),
    Failed(usize, FailureKind),
    Pressure(PressureEvent),
}

#[derive(Default)]
struct Recorder(Vec<Event>);

impl Observer for Recorder {
    fn on_allocate(&mut self, event: &Allocated) {
        let &Allocated {
            address,
            size,
            caps,
            heap,
            owner,
            ..
        } = event;
        assert!(event.usable >= size);
        self.0
            .push(Event::Allocated(address, size, caps, heap, owner));
    }

    fn on_free(&mut self, event: &Freed) {
        self.0
            .push(Event::Freed(event.address, event.usable, event.heap));
    }

    fn on_reallocate(&mut self, event: &Reallocated) {
        let &Reallocated {
            old_address,
            old_usable,
            old_heap,
            now,
            ..
        } = event;
        let (address, size) = (now.address, now.size);
        self.0.push(Event::Resized(
            old_address,
            old_usable,
            old_heap,
            address,
            size,
        ));
    }

    fn on_failure(&mut self, failure: &Failure) {
        self.0.push(Event::Failed(failure.size, failure.cause));
    }

    fn on_pressure(&mut self, event: &PressureEvent) {
        self.0.push(Event::Pressure(*event));
    }
}

type Observed<P = multi_heap::Unpoisoned> = Sim<P, Recorder>;

fn observed<P: Poison>() -> Observed<P> {
    Sim::with(Policy::Guaranteed, &psram(0x10_0000), Recorder::default())
}

fn events<P: Poison>(sim: &mut Observed<P>) -> Vec<Event> {
    core::mem::take(&mut sim.heaps.observer_mut().0)
}

fn layout(size: usize) -> Request {
    Request::new(size).unwrap()
}

fn heaps_of(mask: HeapMask) -> Vec<HeapIndex> {
    mask.iter().collect()
}

/// The heap with this first address.
fn heap_at<P: Poison, O: Observer>(sim: &Sim<P, O>, start: u32) -> HeapIndex {
    sim.heaps.inspect().heap_at(start).unwrap().index
}

#[test]
fn an_attempt_is_served_within_its_heaps_and_leaves_no_trace_without_success() {
    fn attempts<P: Poison>() {
        let mut sim = observed::<P>();
        let request = AllocRequest::new(1000, BYTES).on_behalf_of(Owner(7));
        for start in [DRAM, DIRAM, PSRAM] {
            for detoured in [false, true] {
                sim.heaps.phases().set_detoured(detoured);
                assert_eq!(sim.heaps.inspect().is_detoured(), detoured);
                let heap = heap_at(&sim, start);
                let taken = sim
                    .heaps
                    .phases()
                    .attempt(&request, HeapMask::of(heap))
                    .unwrap();
                assert_eq!(taken.heap, heap);
                assert_eq!(sim.heaps.inspect().heap_of(taken.address), Ok(heap));
                let told = Event::Allocated(taken.address, 1000, BYTES, heap, Some(Owner(7)));
                assert_eq!(events(&mut sim), [told]);
                let bytes = 1000 + 4 + P::OVERHEAD;
                assert_eq!(sim.heaps.inspect().block_bytes(taken.address), Some(bytes));
                assert_eq!(sim.heaps.inspect().allocated_bytes(taken), Some(bytes));
                let most = sim
                    .heaps
                    .inspect()
                    .most_bytes_for(request.layout().unwrap());
                assert_eq!(most, bytes + 8);
                // SAFETY: nobody else uses the block.
                unsafe { sim.heaps.phases().pending(taken, &request).finish() }.unwrap();
            }
        }
        sim.heaps.phases().set_detoured(false);
        assert!(!sim.heaps.inspect().is_detoured());
        let small = HeapMask::of(heap_at(&sim, DRAM_LOW));
        let large = AllocRequest::new(8000, BYTES);
        assert_eq!(sim.heaps.phases().attempt(&large, small), None);
        assert_eq!(sim.heaps.phases().attempt(&large, HeapMask::NONE), None);
        let failures = sim.heaps.inspect().failures();
        assert_eq!((failures, sim.heaps.inspect().last_failure()), (0, None));
        assert_eq!(events(&mut sim), []);
    }
    attempts::<multi_heap::Unpoisoned>();
    attempts::<Light>();
    attempts::<Comprehensive>();
}

#[test]
fn an_attempt_tries_each_set_of_its_request_in_turn() {
    let mut sim = observed::<Light>();
    let sets = [Caps::SPM, Caps::SPIRAM, Caps::INTERNAL];
    let request = AllocRequest::new(100, BYTES).placed(Placement::Prefer(&sets));
    let taken = sim.heaps.phases().attempt(&request, HeapMask::ALL).unwrap();
    assert!(ESP32.is_external(taken.address));
    let internal = HeapMask::of(heap_at(&sim, DRAM));
    let taken = sim.heaps.phases().attempt(&request, internal).unwrap();
    assert!(!ESP32.is_external(taken.address));
    let told = events(&mut sim);
    let caps = told.iter().map(|event| match event {
        Event::Allocated(_, _, caps, ..) => *caps,
        other => panic!("{other:?}"),
    });
    assert!(caps.eq([Caps::SPIRAM, Caps::INTERNAL]));
    let nothing = AllocRequest::new(0, BYTES);
    assert_eq!(sim.heaps.phases().attempt(&nothing, HeapMask::ALL), None);
    assert_eq!(heaps_of(sim.heaps.phases().candidates(&nothing)), []);
}

#[test]
fn the_candidates_for_a_request_are_the_heaps_on_its_route_that_are_larger() {
    let mut sim = observed::<multi_heap::Unpoisoned>();
    sim.heaps.malloc(100_000, BYTES).unwrap(); // what is free does not matter
    for size in [1, 6000, 7000, 15_071, 15_072, 100_000, 150_000, 0x20_0000] {
        for caps in [BYTES, Caps::DMA, Caps::EXEC, Caps::SPIRAM, Caps::SPM] {
            let mut expected: Vec<HeapIndex> = sim
                .heaps
                .inspect()
                .heaps()
                .filter(|heap| heap.active && heap.caps.contains(caps))
                .filter(|heap| heap.span.size() as usize > size)
                .map(|heap| heap.index)
                .collect();
            expected.sort_unstable();
            let request = AllocRequest::new(size, caps);
            let found = sim.heaps.phases().candidates(&request);
            assert_eq!(heaps_of(found), expected, "{size} {caps:?}");
            assert!(!sim.heaps.inspect().is_detoured());
        }
    }
    let sets = [Caps::SPIRAM, Caps::EXEC];
    let either = AllocRequest::new(8, BYTES).placed(Placement::Prefer(&sets));
    let either = sim.heaps.phases().candidates(&either);
    let inspect = sim.heaps.inspect();
    let both = inspect
        .heaps_with(sets[0])
        .union(inspect.heaps_with(sets[1]));
    assert_eq!(either, both);
    assert!(!heaps_of(both).is_empty());
}

#[test]
fn the_candidates_of_a_tag_are_its_larger_heaps() {
    let options = ESP32_V2_1.default_options();
    let mut sim: Observed = Sim::booted(
        &ESP32_V2_1,
        Policy::Tagged2016,
        &options,
        Recorder::default(),
    );
    for tag in (0..3).map(TypeIndex) {
        for size in [8, 10_000, 20_000, 200_000] {
            let expected: Vec<HeapIndex> = sim
                .heaps
                .inspect()
                .heaps()
                .filter(|heap| heap.tag == Some(tag) && heap.span.size() as usize > size)
                .map(|heap| heap.index)
                .collect();
            let request = AllocRequest::new(size, Caps::empty()).placed(Placement::Tag(tag));
            let found = heaps_of(sim.heaps.phases().candidates(&request));
            assert_eq!(found, expected, "{tag:?} {size}");
            let taken = sim.heaps.phases().attempt(&request, HeapMask::NONE);
            assert_eq!(taken, None);
        }
    }
    assert_eq!(sim.heaps.inspect().failures(), 0);
}

#[test]
fn a_refusal_after_relief_says_what_was_tried_and_which_heaps_were_closed() {
    let mut sim = observed::<multi_heap::Unpoisoned>();
    let request = AllocRequest::new(64, Caps::DMA);
    let [limited, kept] = [DRAM, DIRAM].map(|start| heap_at(&sim, start));
    let mut relief = Relief::NONE;
    relief.add("tiles", 4096);
    let closed = ClosedHeaps {
        by_limit: HeapMask::of(limited),
        for_others: HeapMask::of(kept),
        kept_bytes: 5000,
    };
    assert_eq!(heaps_of(closed.all()), {
        let mut both = [limited, kept];
        both.sort_unstable();
        both
    });
    let attempted = sim.heaps.phases().attempt(&request, HeapMask::NONE);
    assert_eq!(attempted, None);
    let cause = sim.heaps.phases().fail_after(&request, &relief, &closed);
    assert_eq!(cause, FailureKind::NoMemory);
    let failure = sim.heaps.inspect().failure(&request);
    assert_eq!((failure.cause, failure.relief), (cause, relief));
    let why = |heap| failure.candidates().find(|c| c.heap == heap).unwrap().why;
    assert_eq!(why(limited), SkipReason::OverLimit);
    assert_eq!(why(kept), SkipReason::Guaranteed { bytes: 5000 });
    assert_eq!(events(&mut sim), [Event::Failed(64, cause)]);
    assert_eq!(sim.heaps.inspect().failures(), 1);
    // The next failure knows nothing of it.
    let cause = sim
        .heaps
        .phases()
        .fail_after(&request, &Relief::NONE, &ClosedHeaps::NONE);
    let failure = sim.heaps.inspect().failure(&request);
    assert_eq!((failure.cause, failure.relief), (cause, Relief::NONE));
    let closed_again = |why| matches!(why, SkipReason::OverLimit | SkipReason::Guaranteed { .. });
    assert!(
        !failure
            .candidates()
            .any(|candidate| closed_again(candidate.why))
    );
    // Nor does one of a request for nothing say anything, to the next one either.
    let nothing = AllocRequest::new(0, Caps::DMA);
    let cause = sim.heaps.phases().fail_after(&nothing, &relief, &closed);
    assert_eq!(cause, FailureKind::ZeroSize);
    assert_eq!(sim.heaps.inspect().failures(), 2);
    let failure = sim.heaps.malloc(1 << 28, Caps::DMA).unwrap_err();
    assert_eq!(failure.relief, Relief::NONE);
}

#[test]
fn a_refusal_for_a_cause_outside_of_the_heaps_is_recorded_and_observed() {
    let mut sim = observed::<multi_heap::Unpoisoned>();
    let cause = FailureKind::NoAccountFor(Owner(3));
    let request = AllocRequest::new(70, Caps::DMA);
    sim.heaps.phases().fail_because(&request, cause);
    let failure = sim.heaps.inspect().last_failure().unwrap();
    assert_eq!(
        (failure.size, failure.caps, failure.cause),
        (70, Caps::DMA, cause)
    );
    assert_eq!((failure.attempts, sim.heaps.inspect().failures()), (1, 1));
    assert_eq!(sim.heaps.phases().last_cause(&request), cause);
    assert_eq!(events(&mut sim), [Event::Failed(70, cause)]);
}

#[test]
fn pressure_is_told_to_every_observer() {
    let event = PressureEvent::new("tiles", PressureKind::Shrunk(10));
    let options = ESP32.default_options();
    let both = (Recorder::default(), Recorder::default());
    let mut sim = Sim::<Light, _>::with(Policy::Guaranteed, &options, both);
    sim.heaps.phases().notify_pressure(&event);
    let (first, second) = sim.heaps.observer_mut();
    assert_eq!(
        (&first.0[..], &second.0[..]),
        (&[Event::Pressure(event)][..], &first.0[..])
    );
}

#[test]
fn an_ordinary_free_says_how_many_bytes_more_are_free() {
    fn frees<P: Poison>() {
        let mut sim = observed::<P>();
        let blocks = [100, 200, 100, 100].map(|size| sim.heaps.malloc(size, BYTES).unwrap());
        let free = |sim: &Observed<P>| sim.heaps.inspect().free_size(BYTES);
        let heap = heap_at(&sim, blocks[0]);
        events(&mut sim);
        let before = free(&sim);
        let measured = sim.heaps.phases().free_measured(blocks[1]);
        if P::FILLS {
            assert_eq!(
                (measured, sim.heaps.phases().free_ordinary(blocks[1])),
                (None, false)
            );
            assert_eq!((free(&sim), events(&mut sim)), (before, vec![]));
            return;
        }
        assert_eq!(measured, Some(200 + P::OVERHEAD));
        assert_eq!(free(&sim) - before, 200 + P::OVERHEAD);
        assert_eq!(events(&mut sim), [Event::Freed(blocks[1], 200, heap)]);
        assert!(sim.heaps.phases().free_ordinary(blocks[2]));
        assert_eq!(events(&mut sim), [Event::Freed(blocks[2], 100, heap)]);
        for wrong in [blocks[2], blocks[3] + 4, 0, 0x1000] {
            assert_eq!(sim.heaps.phases().free_measured(wrong), None, "{wrong:#x}");
            assert!(!sim.heaps.phases().free_ordinary(wrong), "{wrong:#x}");
        }
        assert_eq!(events(&mut sim), []);
    }
    frees::<multi_heap::Unpoisoned>();
    frees::<Light>();
    frees::<Comprehensive>();
}

#[test]
fn the_reason_of_a_refusal_is_found_in_pieces_too() {
    let mut sim = Sim::esp32();
    let blocks = [40; 30].map(|size| sim.heaps.malloc(size, BYTES).unwrap());
    sim.heaps.free(blocks[20]).unwrap();
    let wrong = [
        blocks[20],
        blocks[25] + 8,
        blocks[3] + 1,
        0,
        0x1000,
        DRAM,
        DRAM + 4,
    ];
    for address in wrong {
        let refused = sim.heaps.free(address).unwrap_err();
        assert_eq!(sim.heaps.inspect().data_misuse_of(address), refused);
        let mut inquiry = Inquiry::new(address);
        let mut calls = (1..).map(|_| sim.heaps.inspect().explain_within(&mut inquiry, 2));
        let found = calls.by_ref().take(40).flatten().next();
        assert_eq!(found, Some(refused), "{address:#x}");
        let in_a_heap = refused.kind != MisuseKind::OutsideEveryHeap && address != DRAM;
        assert_eq!(
            sim.heaps.inspect().is_refused(address),
            in_a_heap,
            "{address:#x}"
        );
    }
    let mut inquiry = Inquiry::new(blocks[20]);
    assert_eq!(
        sim.heaps.inspect().explain_within(&mut inquiry, 2),
        None,
        "it is far"
    );
    assert!(!sim.heaps.inspect().is_refused(blocks[19]));
    let inactive: Sim = Sim::booted(&ESP32, Policy::Guaranteed, &ESP32.default_options(), ());
    let asleep = inactive
        .heaps
        .inspect()
        .heaps()
        .find(|heap| !heap.active)
        .unwrap();
    let address = asleep.span.start() + 64;
    let misuse = inactive.heaps.inspect().data_misuse_of(address);
    assert_eq!(misuse.kind, MisuseKind::Inactive);
    assert_eq!(misuse.heap_start, Some(asleep.span.start()));
    let mut inquiry = Inquiry::new(address);
    assert_eq!(
        inactive.heaps.inspect().explain_within(&mut inquiry, 1),
        Some(misuse)
    );
    assert!(!inactive.heaps.inspect().is_refused(address));
}

/// Resizes as a layer with a lock does; the address and how it came about.
fn moved<P: Poison>(sim: &mut Observed<P>, old: u32, size: usize) -> (u32, &'static str) {
    let request = AllocRequest::new(size, BYTES);
    let (stay, caps) = (
        sim.heaps.phases().stay(old, layout(size), BYTES, None),
        BYTES,
    );
    match stay {
        Stay::InPlace => (old, "in place"),
        Stay::Down(moved) => {
            let to = moved.to.address;
            sim.heaps
                .phases()
                .finish_ordinary(old, moved, layout(size), caps, None)
                .unwrap();
            (to, "down")
        }
        Stay::Moves(bytes) => {
            let mut search = Search::moving(old, &request);
            let to = match sim.heaps.phases().allocate_unnotified(layout(size), BYTES) {
                Ok(taken) => taken,
                Err(in_vain) => {
                    search = search.after(in_vain);
                    let found = core::iter::repeat_with(|| sim.heaps.phases().advance(&mut search));
                    match found
                        .filter(|step| !matches!(step, Progress::Going))
                        .take(1)
                        .next()
                    {
                        Some(Progress::Found(taken)) => taken,
                        other => panic!("{other:?}"),
                    }
                }
            };
            let moved = OrdinaryMove::to(to, bytes);
            sim.heaps
                .phases()
                .finish_ordinary(old, moved, layout(size), caps, None)
                .unwrap();
            (to.address, "moved")
        }
        Stay::Undecided => (old, "undecided"),
    }
}

#[test]
fn an_ordinary_block_stays_grows_downwards_or_moves_and_is_observed_once() {
    fn moves<P: Poison>() {
        let mut sim = observed::<P>();
        let [a, b, c, d] = [100, 100, 100, 100].map(|size| sim.heaps.malloc(size, BYTES).unwrap());
        let heap = heap_at(&sim, a);
        sim.heaps.free(a).unwrap();
        events(&mut sim);
        assert_eq!(moved(&mut sim, c, 60), (c, "in place"));
        assert_eq!(events(&mut sim), [Event::Resized(c, 100, heap, c, 60)]);
        assert_eq!(moved(&mut sim, b, 160), (a, "down"));
        assert_eq!(events(&mut sim), [Event::Resized(b, 100, heap, a, 160)]);
        let (to, how) = moved(&mut sim, c, 2000);
        assert_eq!(how, "moved");
        assert_eq!(events(&mut sim), [Event::Resized(c, 60, heap, to, 2000)]);
        assert!(sim.heaps.inspect().usable_size(c).is_err());
        assert_eq!(sim.heaps.inspect().usable_size(to), Ok(2000));
        for (wrong, caps) in [
            (d + 4, BYTES),
            (0x1000, BYTES),
            (d, Caps::empty()),
            (d, Caps::EXEC),
        ] {
            let stay = sim.heaps.phases().stay(wrong, layout(8), caps, None);
            assert!(matches!(stay, Stay::Undecided), "{wrong:#x} {caps:?}");
        }
        assert_eq!(events(&mut sim), []);
        // Where it must not stay, all of its bytes that fit move.
        let stay = sim.heaps.phases().stay(d, layout(40), Caps::SPIRAM, None);
        assert!(matches!(stay, Stay::Moves(40)), "{stay:?}");
        let stay = sim.heaps.phases().stay(d, layout(4000), Caps::SPIRAM, None);
        assert!(matches!(stay, Stay::Moves(100)), "{stay:?}");
    }
    moves::<multi_heap::Unpoisoned>();
    moves::<Light>();
    let mut sim = observed::<Comprehensive>();
    let block = sim.heaps.malloc(100, BYTES).unwrap();
    assert_eq!(moved(&mut sim, block, 60), (block, "undecided"));
}

#[test]
fn a_move_whose_old_block_has_gone_is_refused() {
    let mut sim = observed::<Light>();
    let [old, other] = [100, 100].map(|size| sim.heaps.malloc(size, BYTES).unwrap());
    let to = sim
        .heaps
        .phases()
        .allocate_unnotified(layout(300), BYTES)
        .unwrap();
    sim.heaps.free(old).unwrap();
    let moved = OrdinaryMove::to(to, 100);
    let refused = sim
        .heaps
        .phases()
        .finish_ordinary(old, moved, layout(300), BYTES, None);
    assert_eq!(refused.unwrap_err().kind, MisuseKind::AlreadyFree);
    assert!(sim.heaps.inspect().usable_size(other).is_ok());
}

#[test]
fn a_search_says_which_set_was_met() {
    let mut sim = observed::<Light>();
    let sets = [Caps::SPM, Caps::SPIRAM, BYTES];
    let request = AllocRequest::new(50, BYTES).placed(Placement::Prefer(&sets));
    let mut search = Search::<16>::new(&request);
    let taken =
        core::iter::repeat_with(|| sim.heaps.phases().advance(&mut search)).find_map(|step| {
            match step {
                Progress::Found(taken) => Some(taken),
                Progress::Going => None,
                other => panic!("{other:?}"),
            }
        });
    assert!(ESP32.is_external(taken.unwrap().address));
    assert_eq!(search.caps(), Caps::SPIRAM);
}

#[test]
fn a_block_is_resized_only_where_it_may_be() {
    fn resizes<P: Poison>() {
        let mut sim = observed::<P>();
        let block = sim.heaps.malloc(100, BYTES).unwrap();
        let (here, there) = (heap_at(&sim, block), heap_at(&sim, PSRAM));
        events(&mut sim);
        let request = AllocRequest::new(200, BYTES);
        let nowhere = ResizeWithin {
            stays: false,
            moves_to: HeapMask::NONE,
        };
        let resized = sim
            .heaps
            .phases()
            .attempt_reallocate(block, &request, nowhere);
        assert!(matches!(resized, Ok(None)));
        let nothing = AllocRequest::new(0, BYTES);
        let resized = sim
            .heaps
            .phases()
            .attempt_reallocate(block, &nothing, ResizeWithin::ANY);
        assert!(matches!(resized, Ok(None)));
        let wrong = sim
            .heaps
            .phases()
            .attempt_reallocate(block + 4, &request, ResizeWithin::ANY);
        assert!(wrong.is_err());
        assert_eq!(
            (sim.heaps.inspect().failures(), events(&mut sim)),
            (0, vec![])
        );
        let away = ResizeWithin {
            stays: false,
            moves_to: HeapMask::of(there),
        };
        let resized = sim
            .heaps
            .phases()
            .attempt_reallocate(block, &request, away)
            .unwrap();
        let Some(Reallocation::Moving(pending)) = resized else {
            panic!("it may not stay")
        };
        assert_eq!(
            (pending.from_heap(), pending.allocated().heap),
            (here, there)
        );
        // SAFETY: nobody else uses the blocks.
        let copied = unsafe { pending.copy() }.unwrap();
        let moved = sim.heaps.phases().finish_move(copied, &request).unwrap();
        assert_eq!(heap_at(&sim, moved), there);
        assert_eq!(
            events(&mut sim),
            [Event::Resized(block, 100, here, moved, 200)]
        );
        let stay = ResizeWithin {
            stays: true,
            moves_to: HeapMask::NONE,
        };
        let resized = sim
            .heaps
            .phases()
            .attempt_reallocate(moved, &request, stay)
            .unwrap();
        assert!(resized.is_some());
    }
    resizes::<multi_heap::Unpoisoned>();
    resizes::<Light>();
    resizes::<Comprehensive>();
}

#[test]
fn the_first_set_of_a_request_and_its_bytes_are_known_beforehand() {
    let mut sim = observed::<Light>();
    let first =
        |sim: &Observed<Light>, placement, size| sim.heaps.inspect().first_set(placement, size);
    assert_eq!(first(&sim, Placement::Caps(Caps::DMA), 1), Some(Caps::DMA));
    assert_eq!(
        first(&sim, Placement::Prefer(&[Caps::SPM, BYTES]), 1),
        Some(Caps::SPM)
    );
    assert_eq!(first(&sim, Placement::Prefer(&[]), 1), None);
    assert_eq!(first(&sim, Placement::Tag(TypeIndex(0)), 1), None);
    sim.heaps.set_external_threshold(Some(1000));
    let small = first(&sim, Placement::Default, 1000).unwrap();
    let large = first(&sim, Placement::Default, 1001).unwrap();
    assert!(small.contains(Caps::INTERNAL) && large.contains(Caps::SPIRAM));
    let heap = heap_at(&sim, DRAM);
    let iram = heap_at(&sim, IRAM);
    let bytes = |request: AllocRequest<'_>, heap| sim.heaps.inspect().bytes_for(&request, heap);
    assert_eq!(bytes(AllocRequest::new(5, BYTES), heap), Some(8 + 4 + 12));
    assert_eq!(
        bytes(AllocRequest::new(5, BYTES).aligned_to(64), heap),
        Some(8 + 4 + 4 + 12)
    );
    assert_eq!(
        bytes(AllocRequest::new(5, Caps::BIT32), iram),
        Some(8 + 4 + 12)
    );
    assert_eq!(bytes(AllocRequest::new(0, BYTES), heap), None);
}

#[test]
fn peers_of_an_address_have_all_its_capabilities() {
    let sim = observed::<Light>();
    let inspect = sim.heaps.inspect();
    for heap in inspect.heaps() {
        let peers = inspect.peers_of(heap.span.start() + 8);
        let expected = inspect
            .heaps()
            .filter(|other| other.caps.contains(heap.caps));
        assert!(expected.map(|other| other.index).eq(peers.iter()));
        assert!(peers.contains(heap.index));
    }
    assert!(inspect.peers_of(0x1000).is_empty());
}

#[test]
fn changes_of_heaps_and_reserves_have_a_generation() {
    let mut sim = Sim::esp32();
    let mut last = sim.heaps.inspect().generation();
    let mut changed = |sim: &Sim| {
        let now = sim.heaps.inspect().generation();
        core::mem::replace(&mut last, now) != now
    };
    sim.heaps.malloc(8, BYTES).unwrap();
    assert!(!changed(&sim));
    sim.heaps
        .set_reserve(Reserve {
            caps: Caps::DMA,
            bytes: 1000,
        })
        .unwrap();
    assert!(changed(&sim));
    sim.add(0x3FFA_E000, 0x3FFA_E200).unwrap();
    assert!(changed(&sim));
    assert!(!sim.heaps.inspect().is_counting());
    sim.heaps.phases().set_counting(true);
    assert!(sim.heaps.inspect().is_counting());
    sim.heaps.phases().set_counting(false);
    assert!(!sim.heaps.inspect().is_counting());
}

#[test]
fn a_request_says_what_it_was_made_of() {
    let plain = AllocRequest::new(10, BYTES);
    assert_eq!(
        (plain.size(), plain.alignment(), plain.placement()),
        (10, 1, Placement::Caps(BYTES))
    );
    assert!(!plain.is_zeroed() && !plain.is_fail_fast() && plain.owner().is_none());
    assert!(
        plain
            .caller()
            .is_some_and(|caller| caller.file().ends_with("phases.rs"))
    );
    assert!(plain.anonymous().caller().is_none());
    let odd = plain
        .aligned_to(24)
        .with_size(7)
        .zeroed()
        .fail_fast()
        .on_behalf_of(Owner(9));
    assert_eq!(
        (odd.size(), odd.alignment(), odd.owner()),
        (7, 24, Some(Owner(9)))
    );
    assert!(odd.is_zeroed() && odd.is_fail_fast() && !odd.is_well_aligned());
    assert!(plain.is_well_aligned() && plain.aligned_to(64).is_well_aligned());
    let placed = odd.placed(Placement::Default);
    assert_eq!(
        (placed.size(), placed.alignment(), placed.owner()),
        (7, 24, Some(Owner(9)))
    );
    assert!(placed.is_zeroed() && placed.is_fail_fast());
    assert_eq!(placed.placement(), Placement::Default);
    let for_code = [
        (Placement::Caps(Caps::EXEC | BYTES), true),
        (Placement::Caps(BYTES), false),
        (Placement::Prefer(&[Caps::EXEC, BYTES]), true),
        (Placement::Prefer(&[BYTES, Caps::EXEC]), false),
        (Placement::Prefer(&[]), false),
        (Placement::Default, false),
        (Placement::Tag(TypeIndex(2)), false),
    ];
    for (placement, expected) in for_code {
        assert_eq!(
            plain.placed(placement).is_for_code(),
            expected,
            "{placement:?}"
        );
    }
    assert_eq!(plain.plain_layout(), Request::plain(10, 1));
    assert_eq!(plain.aligned_to(16).plain_layout(), None);
    assert_eq!(plain.aligned_to(16).layout(), Request::aligned(10, 16));
}

#[test]
fn a_walk_over_sound_blocks_ends_with_the_damaged_one() {
    let mut sim = Sim::esp32();
    let blocks = [40, 60, 80].map(|size| sim.heaps.malloc(size, BYTES).unwrap());
    let heap = heap_at(&sim, blocks[0]);
    let sound: Vec<_> = sim.heaps.inspect().sound_blocks(heap).collect();
    let all: Vec<_> = sim.heaps.inspect().blocks(heap).map(Ok).collect();
    assert_eq!(sound, all);
    assert!(all.len() >= 4);
    let memory = sim.heaps.inspect().memory_of(heap).unwrap();
    let span = sim.heaps.inspect().heap_at(blocks[0]).unwrap().span;
    assert_eq!(memory.len() as u32, span.size());
    let first = sim.heaps.inspect().pointer(blocks[0]).unwrap().addr().get();
    let place = first - memory.cast::<u8>().addr().get();
    assert_eq!(place as u32, blocks[0] - span.start());
    assert!(sim.set_word(blocks[1] - 4, 0u32.wrapping_sub(1 << 30)));
    let sound: Vec<_> = sim.heaps.inspect().sound_blocks(heap).collect();
    let (last, before) = sound.split_last().unwrap();
    let damaged = last.unwrap_err();
    assert!(before.iter().all(Result::is_ok) && before[..] == all[..before.len()]);
    assert_eq!((damaged.header, damaged.used), (blocks[1] - 4, true));
    assert_eq!(
        (damaged.corrupt.address, damaged.corrupt.heap),
        (blocks[1] - 4, heap)
    );
    let visited = sim
        .heaps
        .inspect()
        .walk(Caps::DMA, |_, block| match block.address {
            address if address == blocks[0] => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
    assert_eq!(visited, ControlFlow::Break(()));
}

#[test]
fn a_block_of_an_attempt_is_the_one_that_was_handed_out() {
    let mut sim = Sim::esp32();
    let request = AllocRequest::new(24, Caps::EXEC);
    let taken = sim.heaps.phases().attempt(&request, HeapMask::ALL).unwrap();
    let pending = sim.heaps.phases().pending(taken, &request);
    assert_eq!(pending.allocated(), taken);
    // SAFETY: nobody else uses the block.
    assert_eq!(unsafe { pending.finish() }, Ok(taken.address));
    let freed = sim.heaps.phases().begin_free(taken.address).unwrap();
    assert_eq!(freed.heap(), taken.heap);
    let elsewhere = AllocatedBlock {
        address: 0x1000,
        heap: taken.heap,
    };
    assert_eq!(sim.heaps.inspect().allocated_bytes(elsewhere), None);
    assert_eq!(sim.heaps.inspect().block_bytes(0x1000), None);
}

#[derive(Default)]
struct Last(Option<Allocated>);

impl Observer for Last {
    fn on_allocate(&mut self, event: &Allocated) {
        self.0 = Some(*event);
    }
}

#[test]
fn an_observer_sees_the_alignment_that_was_asked_for_and_the_usable_bytes() {
    let options = ESP32.default_options();
    let mut sim = Sim::<multi_heap::Unpoisoned, _>::with(Policy::Guaranteed, &options, Last(None));
    for (asked, seen) in [(1, 1), (4, 1), (8, 8), (64, 64)] {
        let block = sim.heaps.aligned_alloc(asked, 21, BYTES).unwrap();
        let event = sim.heaps.observer_mut().0.take().unwrap();
        assert_eq!((event.address, event.size), (block, 21));
        assert_eq!((event.alignment, event.usable), (seen, 24));
    }
}
