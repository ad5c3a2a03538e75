//! Random programs against a model: a map of live blocks and what they contain.
//!
//! The model knows nothing of heaps. After every step: each live block holds its bytes, lies in
//! memory that has the capabilities asked for, is aligned and overlaps no other; every heap checks;
//! every counter equals what a walk finds. In the end everything is freed and the first state is
//! found again.

mod steps;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::support::*;
use heap_caps::{AllocRequest, Placement, Policy, ReallocateError, Reserve};
use multi_heap::{Comprehensive, Light, Poison, Unpoisoned};
use proptest::prelude::*;
use soc_regions::{Caps, ESP32, common};
use steps::{SETS, Step, step};

/// A live block as its owner knows it.
#[derive(Clone, Copy, Debug)]
struct Owned {
    size: usize,
    caps: Caps,
    alignment: usize,
    seed: u32,
}

struct Model<P: Poison> {
    sim: Sim<P>,
    live: BTreeMap<u32, Owned>,
    next_seed: u32,
}

impl<P: Poison> Model<P> {
    fn new(policy: Policy) -> Self {
        let options = ESP32
            .options(&[common::PSRAM.of(0x2_0000), common::RTC_HEAP.on()])
            .unwrap();
        Self {
            sim: Sim::booted(&ESP32, policy, &options, ()),
            live: BTreeMap::new(),
            next_seed: 1,
        }
    }

    fn word(seed: u32, index: usize) -> u32 {
        seed.wrapping_mul(0x9E37_79B9) ^ (index as u32).wrapping_mul(0x85EB_CA6B)
    }

    /// The bytes a block of this seed starts with.
    fn pattern(seed: u32, size: usize) -> Vec<u8> {
        (0..size.div_ceil(4))
            .flat_map(|index| Self::word(seed, index).to_le_bytes())
            .take(size)
            .collect()
    }

    fn read(&self, address: u32, size: usize) -> Vec<u8> {
        let words =
            (0..size.div_ceil(4) as u32).map(|index| self.sim.word(address + 4 * index).unwrap());
        words.flat_map(u32::to_le_bytes).take(size).collect()
    }

    /// Writes the block's bytes, leaving what lies behind its last one: canaries begin there.
    fn write(&mut self, address: u32, seed: u32, size: usize) {
        for (index, chunk) in Self::pattern(seed, size).chunks(4).enumerate() {
            let place = address + 4 * index as u32;
            let mut word = self.sim.word(place).unwrap().to_le_bytes();
            word[..chunk.len()].copy_from_slice(chunk);
            assert!(self.sim.set_word(place, u32::from_le_bytes(word)));
        }
    }

    fn own(&mut self, address: u32, size: usize, caps: Caps, alignment: usize) {
        let seed = self.next_seed;
        self.next_seed += 1;
        self.write(address, seed, size);
        let before = self.live.insert(
            address,
            Owned {
                size,
                caps,
                alignment,
                seed,
            },
        );
        assert!(before.is_none(), "{address:08X} was handed out twice");
    }

    fn nth(&self, block: usize) -> Option<(u32, Owned)> {
        let count = self.live.len().max(1);
        self.live
            .iter()
            .nth(block % count)
            .map(|(&address, &owned)| (address, owned))
    }

    fn resized(
        &mut self,
        address: u32,
        old: Owned,
        size: usize,
        caps: Caps,
        alignment: usize,
        result: Result<u32, ReallocateError>,
    ) {
        match result {
            Ok(new) => {
                self.live.remove(&address);
                let kept = old.size.min(size);
                assert_eq!(
                    self.read(new, kept),
                    Self::pattern(old.seed, kept),
                    "the contents move along"
                );
                self.own(new, size, caps, alignment);
            }
            Err(ReallocateError::Failure(_)) => {}
            Err(ReallocateError::Misuse(misuse)) => panic!("{misuse}"),
        }
    }

    fn run(&mut self, step: &Step) {
        let heaps = &mut self.sim.heaps;
        match *step {
            Step::Malloc { size, caps } => {
                if let Ok(address) = heaps.malloc(size, SETS[caps]) {
                    self.own(address, size, SETS[caps], 4);
                }
            }
            Step::Calloc { count, size, caps } => {
                if let Ok(address) = heaps.calloc(count, size, SETS[caps]) {
                    assert!(
                        self.read(address, count * size)
                            .iter()
                            .all(|&byte| byte == 0)
                    );
                    self.own(address, count * size, SETS[caps], 4);
                }
            }
            Step::Aligned { bits, size, caps } => {
                if let Ok(address) = heaps.aligned_alloc(1 << bits, size, SETS[caps]) {
                    self.own(address, size, SETS[caps], 1 << bits);
                }
            }
            Step::Prefer { size, caps } => {
                let choices = caps.map(|caps| SETS[caps]);
                if let Ok(address) = heaps.allocate(
                    &AllocRequest::new(size, Caps::empty()).placed(Placement::Prefer(&choices)),
                ) {
                    let has_first = self.has(address, choices[0]);
                    self.own(address, size, choices[usize::from(!has_first)], 4);
                }
            }
            Step::Default { size } => {
                if let Ok(address) = heaps.allocate(&AllocRequest::in_default_memory(size)) {
                    self.own(address, size, Caps::DEFAULT, 4);
                }
            }
            Step::Realloc { block, size, caps } => {
                let Some((address, old)) = self.nth(block) else {
                    return;
                };
                let caps = caps.map_or(Caps::empty(), |caps| SETS[caps]);
                let result = self.sim.heaps.realloc(address, size, caps);
                let caps = if caps.is_empty() { old.caps } else { caps };
                self.resized(address, old, size, caps, 4, result);
            }
            Step::ReallocDefault { block, size } => {
                let Some((address, old)) = self.nth(block) else {
                    return;
                };
                let result = self
                    .sim
                    .heaps
                    .reallocate(address, &AllocRequest::in_default_memory(size));
                self.resized(address, old, size, Caps::DEFAULT, 4, result);
            }
            Step::AlignedRealloc {
                block,
                bits,
                size,
                caps,
            } => {
                let Some((address, old)) = self.nth(block) else {
                    return;
                };
                let result = self.sim.heaps.reallocate(
                    address,
                    &AllocRequest::new(size, SETS[caps]).aligned_to(1 << bits),
                );
                self.resized(address, old, size, SETS[caps], 1 << bits, result);
            }
            Step::Free { block } => {
                let Some((address, _)) = self.nth(block) else {
                    return;
                };
                self.live.remove(&address);
                assert_eq!(self.sim.heaps.free(address), Ok(()));
            }
            Step::FreeTwice { block } => {
                let Some((address, _)) = self.nth(block) else {
                    return;
                };
                self.live.remove(&address);
                assert_eq!(self.sim.heaps.free(address), Ok(()));
                self.sim.heaps.free(address).expect_err("a double free");
            }
            Step::FreeInside { block, bytes } => {
                let Some((address, owned)) = self.nth(block) else {
                    return;
                };
                if (bytes as usize) < owned.size {
                    self.sim
                        .heaps
                        .free(address + bytes)
                        .expect_err("no block begins inside a block");
                }
            }
            Step::FreeAnything { address } => {
                if !self.live.contains_key(&address) && heaps.inspect().heap_at(address).is_none() {
                    heaps.free(address).expect_err("a foreign address");
                }
            }
            Step::EnableStacks => {
                self.sim.enable_stacks();
            }
            Step::Threshold { limit } => heaps.set_external_threshold(limit),
            Step::Reserve { caps, bytes } => {
                let _ = heaps.set_reserve(Reserve {
                    caps: SETS[caps],
                    bytes,
                });
            }
        }
    }

    /// Whether the memory at a handed-out address has the capabilities, by the chip's own account
    /// of its addresses.
    fn has(&self, address: u32, caps: Caps) -> bool {
        let data = ESP32.to_data_bus(address).unwrap_or(address);
        let heap = self.sim.heaps.inspect().heap_at(data).unwrap();
        heap.caps.contains(caps)
            && (!caps.contains(Caps::EXEC) || ESP32.is_executable(address))
            && (!caps.contains(Caps::BIT8) || ESP32.is_byte_accessible(address))
            && (!caps.contains(Caps::DMA) || ESP32.is_dma_capable(address))
            && (!caps.contains(Caps::SPIRAM) || ESP32.is_external(address))
    }

    fn check(&self) {
        let mut end_of_last = 0;
        for (&address, owned) in &self.live {
            assert!(
                address >= end_of_last,
                "{address:08X} overlaps the block below"
            );
            end_of_last = address + u32::try_from(owned.size).unwrap();
            assert_eq!(address as usize % owned.alignment, 0);
            assert!(
                self.has(address, owned.caps),
                "{address:08X} has not {}",
                owned.caps
            );
            assert!(self.sim.heaps.inspect().usable_size(address).unwrap() as usize >= owned.size);
            assert_eq!(
                self.read(address, owned.size),
                Self::pattern(owned.seed, owned.size),
                "{address:08X}"
            );
        }
        assert_eq!(
            self.sim.heaps.inspect().check_integrity(Caps::INVALID),
            Ok(())
        );
        self.counters_equal_the_walk();
    }

    fn counters_equal_the_walk(&self) {
        let (mut used, mut free, mut allocated) = (0, 0, 0);
        let walked = self.sim.heaps.inspect().walk(Caps::empty(), |_, block| {
            *(if block.used { &mut used } else { &mut free }) += 1;
            allocated += if block.used { block.size } else { 0 };
            ControlFlow::<()>::Continue(())
        });
        assert_eq!(walked, ControlFlow::Continue(()));
        let info = self.sim.heaps.inspect().info(Caps::empty());
        assert_eq!((info.allocated_blocks, info.free_blocks), (used, free));
        assert_eq!(info.total_blocks, used + free);
        assert_eq!(info.total_allocated_bytes, allocated);
        assert_eq!(used as usize, self.live.len());
    }

    fn end(mut self) {
        for address in core::mem::take(&mut self.live).into_keys() {
            assert_eq!(self.sim.heaps.free(address), Ok(()));
            assert_eq!(
                self.sim.heaps.inspect().check_integrity(Caps::INVALID),
                Ok(())
            );
        }
        self.sim.enable_stacks();
        let mut fresh = Self::new(self.sim.heaps.inspect().policy());
        fresh.sim.enable_stacks();
        let state = |model: &Self| -> Vec<_> {
            let heaps = model.sim.heaps.inspect().heaps();
            heaps
                .map(|heap| {
                    (
                        heap.span,
                        heap.info.total_free_bytes,
                        heap.info.largest_free_block,
                        heap.info.total_blocks,
                    )
                })
                .collect()
        };
        assert_eq!(
            state(&self),
            state(&fresh),
            "the first state is found again"
        );
    }
}

fn obeys_the_model<P: Poison>(policy: Policy, steps: &[Step]) {
    let mut model = Model::<P>::new(policy);
    for step in steps {
        model.run(step);
        model.check();
    }
    model.end();
}

/// As many cases as a minute of work allows; more where `PROPTEST_CASES` says so.
fn config() -> ProptestConfig {
    let asked = ProptestConfig::default();
    let cases = std::env::var_os("PROPTEST_CASES").map_or(32, |_| asked.cases);
    ProptestConfig { cases, ..asked }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn unpoisoned_heaps_obey_the_model(steps in proptest::collection::vec(step(), 1..80)) {
        obeys_the_model::<Unpoisoned>(Policy::Guaranteed, &steps);
    }

    #[test]
    fn heaps_in_esp_idfs_order_obey_the_model(steps in proptest::collection::vec(step(), 1..80)) {
        obeys_the_model::<Unpoisoned>(Policy::IdfExact, &steps);
    }

    #[test]
    fn lightly_poisoned_heaps_obey_the_model(steps in proptest::collection::vec(step(), 1..80)) {
        obeys_the_model::<Light>(Policy::Guaranteed, &steps);
    }

    #[test]
    fn comprehensively_poisoned_heaps_obey_the_model(
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        obeys_the_model::<Comprehensive>(Policy::Guaranteed, &steps);
    }
}
