//! Random programs against a model: a list of live blocks with what they contain and what was asked
//! of them.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "helpers of tests panic where a test would; sizes are small"
)]

use std::ptr::NonNull;

use heap_caps::{AllocRequest, SimulatedMemory};
use heap_caps_alloc::{CapsHeap, Unlocked};
use multi_heap::{Comprehensive, Light, Poison, Unpoisoned};
use proptest::prelude::*;
use soc_regions::{Caps, ESP32, common};

#[derive(Clone, Copy, Debug)]
enum Step {
    Take {
        size: usize,
        align: usize,
        caps: Caps,
        zeroed: bool,
    },
    Resize {
        which: usize,
        size: usize,
    },
    Free {
        which: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![4 => 1_usize..64, 3 => 1_usize..2000, 1 => 1_usize..40_000];
    let caps = prop::sample::select(vec![
        Caps::BIT8,
        Caps::DMA,
        Caps::INTERNAL | Caps::BIT8,
        Caps::SPIRAM,
        Caps::BIT32 | Caps::INTERNAL,
        Caps::DEFAULT,
    ]);
    let take = (size.clone(), 0_u32..10, caps, any::<bool>());
    prop_oneof![
        3 => take.prop_map(|(size, align, caps, zeroed)| {
            Step::Take { size, align: 1 << align, caps, zeroed }
        }),
        2 => (any::<usize>(), size).prop_map(|(which, size)| Step::Resize { which, size }),
        2 => any::<usize>().prop_map(|which| Step::Free { which }),
    ]
}

/// A block as the model knows it: what was asked for, and the byte it was filled with.
struct Shadow {
    block: NonNull<u8>,
    size: usize,
    align: usize,
    caps: Caps,
    fill: u8,
}

impl Shadow {
    fn write(&self) {
        // SAFETY: the model's own block; a host's memory takes bytes everywhere.
        unsafe { self.block.write_bytes(self.fill, self.size) };
    }

    fn holds(&self, bytes: usize, value: u8) -> bool {
        // SAFETY: as above; the block was filled or zeroed.
        let found = unsafe { std::slice::from_raw_parts(self.block.as_ptr(), bytes) };
        found.iter().all(|&byte| byte == value)
    }

    fn range(&self) -> (usize, usize) {
        let start = self.block.addr().get();
        (start, start + self.size)
    }
}

struct Program<'h, P: Poison> {
    heap: &'h CapsHeap<Unlocked, P>,
    live: Vec<Shadow>,
    fill: u8,
}

impl<P: Poison> Program<'_, P> {
    fn run(&mut self, step: Step) {
        self.fill = self.fill.wrapping_add(1);
        match step {
            Step::Take {
                size,
                align,
                caps,
                zeroed,
            } => self.take(size, align, caps, zeroed),
            Step::Resize { which, size } if !self.live.is_empty() => {
                self.resize(which % self.live.len(), size);
            }
            Step::Free { which } if !self.live.is_empty() => self.free(which % self.live.len()),
            _ => {}
        }
        self.check();
    }

    fn take(&mut self, size: usize, align: usize, caps: Caps, zeroed: bool) {
        let request = AllocRequest::new(size, caps).aligned_to(align);
        let Ok(block) = self
            .heap
            .allocate(&if zeroed { request.zeroed() } else { request })
        else {
            return;
        };
        let shadow = Shadow {
            block,
            size,
            align,
            caps,
            fill: self.fill,
        };
        assert!(!zeroed || shadow.holds(size, 0));
        shadow.write();
        self.live.push(shadow);
    }

    fn resize(&mut self, index: usize, size: usize) {
        let shadow = &mut self.live[index];
        let request = AllocRequest::new(size, shadow.caps).aligned_to(shadow.align);
        // SAFETY: the model's own block, used by the new pointer from now on.
        let Ok(block) = (unsafe { self.heap.reallocate(shadow.block, &request) }) else {
            return assert!(
                size > shadow.size,
                "a smaller block fits where the larger one was"
            );
        };
        let kept = shadow.size.min(size);
        (shadow.block, shadow.size) = (block, size);
        assert!(shadow.holds(kept, shadow.fill));
        shadow.fill = self.fill;
        shadow.write();
    }

    fn free(&mut self, index: usize) {
        let shadow = self.live.swap_remove(index);
        // SAFETY: the model's own block, not used any more.
        unsafe { self.heap.free(shadow.block) }.unwrap();
    }

    /// Every block is what and where it should be, apart from all others, and the counters count
    /// them.
    fn check(&self) {
        for shadow in &self.live {
            let address = self.heap.inspect().address_of(shadow.block).unwrap();
            assert!(shadow.holds(shadow.size, shadow.fill));
            assert!(
                address.is_multiple_of(shadow.align as u32)
                    && shadow.block.addr().get().is_multiple_of(shadow.align)
            );
            assert!(self.heap.inspect().usable_size(shadow.block).unwrap() as usize >= shadow.size);
            let serving = self
                .heap
                .inspect()
                .locked(|heaps| heaps.heap_at(address))
                .unwrap();
            assert!(
                serving.caps.contains(shadow.caps),
                "{shadow_caps} in {name}",
                shadow_caps = shadow.caps,
                name = serving.name
            );
        }
        let mut ranges: Vec<_> = self.live.iter().map(Shadow::range).collect();
        ranges.sort_unstable();
        assert!(ranges.windows(2).all(|two| two[0].1 <= two[1].0));
        assert_eq!(
            self.heap.inspect().info(Caps::empty()).allocated_blocks as usize,
            self.live.len()
        );
        assert_eq!(
            self.heap
                .inspect()
                .locked(|heaps| heaps.check_integrity(Caps::INVALID)),
            Ok(())
        );
    }
}

fn run<P: Poison>(steps: &[Step]) {
    let memory = SimulatedMemory::dirty(0x5A);
    let heap: CapsHeap<Unlocked, P> = CapsHeap::new(());
    let options = ESP32.options(&[common::PSRAM.of(0x1_0000)]).unwrap();
    // SAFETY: nothing else uses the simulated memory, and it outlives the heap.
    unsafe { heap.boot(&ESP32, &options, &ESP32.sample_symbols(&options), &memory) }.unwrap();
    let free = heap.inspect().info(Caps::empty()).total_free_bytes;
    let mut program = Program {
        heap: &heap,
        live: Vec::new(),
        fill: 0,
    };
    steps.iter().for_each(|&step| program.run(step));
    while !program.live.is_empty() {
        program.free(0);
    }
    assert_eq!(heap.inspect().info(Caps::empty()).total_free_bytes, free);
    assert_eq!(heap.faults().last_report(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn unpoisoned_blocks_behave_as_the_model_says(steps in prop::collection::vec(step(), 1..120)) {
        run::<Unpoisoned>(&steps);
    }

    #[test]
    fn lightly_poisoned_blocks_behave_as_the_model_says(
        steps in prop::collection::vec(step(), 1..120),
    ) {
        run::<Light>(&steps);
    }

    #[test]
    fn comprehensively_poisoned_blocks_behave_as_the_model_says(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        run::<Comprehensive>(&steps);
    }
}
