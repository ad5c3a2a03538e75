//! Random programs against a model: a list of live blocks with their contents.

use crate::common::*;
use multi_heap::{Comprehensive, Heap, Light, Offset, Poison, Request, Unpoisoned};
use proptest::prelude::*;

/// One call of a program; blocks are named by their rank among the live ones.
#[derive(Clone, Copy, Debug)]
enum Call {
    Allocate {
        size: u32,
    },
    AllocateAligned {
        size: u32,
        alignment: u32,
        offset: u32,
    },
    Free {
        rank: usize,
    },
    Resize {
        rank: usize,
        size: u32,
    },
    Reallocate {
        rank: usize,
        size: u32,
    },
    ReallocateAligned {
        rank: usize,
        size: u32,
        alignment: u32,
    },
    AllocateLargest,
}

#[derive(Clone, Copy, Debug)]
struct Live {
    block: Offset,
    size: u32,
    seed: u8,
}

struct Model<'a, P: Poison> {
    heap: &'a mut Heap<P>,
    live: Vec<Live>,
    seed: u8,
}

impl<P: Poison> Model<'_, P> {
    fn run(&mut self, call: Call) {
        match call {
            Call::Allocate { size } => self.allocate(request(size)),
            Call::AllocateAligned {
                size,
                alignment,
                offset,
            } => {
                let offset = offset.min(size) as usize;
                let request = Request::aligned_at(size as usize, 1 << alignment, offset).unwrap();
                self.allocate(request);
            }
            Call::AllocateLargest => self.allocate_largest(),
            Call::Free { rank } => self.with_block(rank, |model, live| {
                assert!(free(model.heap, live.block) >= live.size);
            }),
            Call::Resize { rank, size } => self.with_block(rank, |model, live| {
                let resized = resize(model.heap, live.block, size);
                model.keep(live, live.block, if resized { size } else { live.size });
            }),
            Call::Reallocate { rank, size } => self.reallocate(rank, request(size)),
            Call::ReallocateAligned {
                rank,
                size,
                alignment,
            } => {
                self.reallocate(
                    rank,
                    Request::aligned(size as usize, 1 << alignment).unwrap(),
                );
            }
        }
        self.assert_sound();
    }

    fn allocate(&mut self, request: Request) {
        let fits_for_sure =
            request.alignment() == 4 && request.size() <= self.heap.largest_free_block();
        let foretold = (self.seed.is_multiple_of(2)).then(|| self.heap.can_allocate(request));
        let block = allocate(self.heap, request);
        assert!(
            foretold.is_none_or(|fits| fits == block.is_some()),
            "{request:?}"
        );
        let Some(block) = block else {
            assert!(
                !fits_for_sure,
                "{request:?} of {}",
                self.heap.largest_free_block()
            );
            return;
        };
        let aligned = self.heap.pointer(block).addr().get() + request.offset() as usize;
        assert!(aligned.is_multiple_of(request.alignment() as usize));
        assert!(
            request.alignment() > 4 || fits_for_sure || request.size() == 0,
            "more than the largest was served"
        );
        self.insert(block, request.size());
    }

    fn allocate_largest(&mut self) {
        let largest = self.heap.largest_free_block();
        assert_eq!(self.heap.allocate(request(largest + 1)), None);
        if largest > 0 {
            self.allocate(request(largest));
        }
    }

    fn reallocate(&mut self, rank: usize, request: Request) {
        self.with_block(rank, |model, live| {
            match model.heap.reallocate(live.block, request).unwrap() {
                Some(block) => {
                    let address = model.heap.pointer(block).addr().get();
                    assert!(address.is_multiple_of(request.alignment() as usize));
                    model.keep(live, block, request.size());
                }
                None => model.keep(live, live.block, live.size),
            }
        });
    }

    fn with_block(&mut self, rank: usize, act: impl FnOnce(&mut Self, Live)) {
        if !self.live.is_empty() {
            let live = self.live.swap_remove(rank % self.live.len());
            act(self, live);
        }
    }

    /// A block that may have moved or changed its size has kept its contents; writes new ones.
    fn keep(&mut self, old: Live, block: Offset, size: u32) {
        assert!(
            holds(self.heap, block, old.size.min(size), old.seed),
            "contents of {old:?}"
        );
        self.insert(block, size);
    }

    fn insert(&mut self, block: Offset, size: u32) {
        self.seed = self.seed.wrapping_add(37);
        assert!(self.heap.usable_size(block).unwrap() >= size);
        write(self.heap, block, size, self.seed);
        self.live.push(Live {
            block,
            size,
            seed: self.seed,
        });
    }

    fn assert_sound(&self) {
        assert_sound(self.heap);
        for live in &self.live {
            assert!(
                holds(self.heap, live.block, live.size, live.seed),
                "contents of {live:?}"
            );
        }
        let mut places: Vec<_> = self
            .live
            .iter()
            .map(|live| (live.block.get(), live.size))
            .collect();
        places.sort_unstable();
        assert!(
            places.windows(2).all(|two| two[0].0 + two[0].1 <= two[1].0),
            "blocks overlap"
        );
        assert_eq!(self.heap.info().allocated_blocks as usize, self.live.len());
    }
}

/// Runs a program and frees everything: the heap is as it was at first.
fn run<P: Poison>(size: usize, lead: usize, dirt: u8, program: &[Call]) {
    let mut region = Region::dirty(size, lead, dirt);
    let mut heap = region.heap::<P>();
    let (first_drawing, first_info) = (drawing(&heap), heap.info());
    let mut model = Model {
        heap: &mut heap,
        live: Vec::new(),
        seed: 0,
    };
    for &call in program {
        model.run(call);
    }
    while !model.live.is_empty() {
        model.run(Call::Free { rank: 7 });
    }
    heap.reset_minimum_free_bytes();
    assert_eq!((drawing(&heap), heap.info()), (first_drawing, first_info));
}

fn sizes() -> impl Strategy<Value = u32> {
    prop_oneof![6 => 1..40_u32, 3 => 1..300_u32, 1 => 1..3000_u32]
}

fn calls() -> impl Strategy<Value = Call> {
    let rank = 0..64_usize;
    let aligned = (sizes(), 2..9_u32, 0..64_u32);
    prop_oneof![
        6 => sizes().prop_map(|size| Call::Allocate { size }),
        2 => aligned.prop_map(|(size, alignment, offset)| {
            Call::AllocateAligned { size, alignment, offset }
        }),
        5 => rank.clone().prop_map(|rank| Call::Free { rank }),
        2 => (rank.clone(), sizes()).prop_map(|(rank, size)| Call::Resize { rank, size }),
        3 => (rank.clone(), sizes()).prop_map(|(rank, size)| Call::Reallocate { rank, size }),
        1 => (rank, sizes(), 2..8_u32).prop_map(|(rank, size, alignment)| {
            Call::ReallocateAligned { rank, size, alignment }
        }),
        1 => Just(Call::AllocateLargest),
    ]
}

fn programs() -> impl Strategy<Value = (usize, usize, u8, Vec<Call>)> {
    let region = prop_oneof![100..600_usize, 600..5000_usize, 16_000..17_000_usize];
    (
        region,
        0..12_usize,
        any::<u8>(),
        prop::collection::vec(calls(), 1..120),
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn an_unpoisoned_heap_behaves_as_the_model((size, lead, dirt, program) in programs()) {
        run::<Unpoisoned>(size, lead, dirt, &program);
    }

    #[test]
    fn a_lightly_poisoned_heap_behaves_as_the_model((size, lead, dirt, program) in programs()) {
        run::<Light>(size, lead, dirt, &program);
    }

    #[test]
    fn a_comprehensively_poisoned_heap_behaves_as_the_model(
        (size, lead, dirt, program) in programs(),
    ) {
        run::<Comprehensive>(size, lead, dirt, &program);
    }

    /// A request of 12 bytes more makes the unpoisoned heap's blocks those of the poisoned ones, so
    /// placement must be the same.
    #[test]
    fn poisoning_changes_sizes_and_nothing_else(
        program in prop::collection::vec((any::<bool>(), 1..200_u32), 1..100),
    ) {
        let placements = [
            placements::<Unpoisoned>(&program, 12),
            placements::<Light>(&program, 0),
            placements::<Comprehensive>(&program, 0),
        ];
        prop_assert_eq!(&placements[0], &placements[1]);
        prop_assert_eq!(&placements[0], &placements[2]);
    }
}

/// Where each allocation's block begins (header included), with `extra` bytes added to every
/// request.
fn placements<P: Poison>(program: &[(bool, u32)], extra: u32) -> Vec<Option<u32>> {
    let mut region = Region::new(4096);
    let mut heap = region.heap::<P>();
    let mut live = Vec::new();
    let start_of = |heap: &Heap<P>, block| heap.block_containing(block).map(|block| block.start);
    program
        .iter()
        .map(|&(frees, size)| {
            if frees && !live.is_empty() {
                let block = live.swap_remove(size as usize % live.len());
                free(&mut heap, block);
                return None;
            }
            let block = allocate(&mut heap, request(size + extra))?;
            live.push(block);
            start_of(&heap, block)
        })
        .collect()
}
