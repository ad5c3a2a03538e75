//! The trace of leaks is the set of live blocks, in order of allocation: after every step of random
//! programs.

use std::collections::VecDeque;

use crate::support::{BYTES, Sim};
use heap_trace::{Mode, Slot, Trace};
use multi_heap::{Comprehensive, Light, Poison, Unpoisoned};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Call {
    Malloc(usize),
    Free(usize),
    Realloc(usize, usize),
    Restart,
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        5 => (1..300usize).prop_map(Call::Malloc),
        4 => any::<usize>().prop_map(Call::Free),
        3 => (any::<usize>(), prop_oneof![1..300usize, Just(1 << 28)])
            .prop_map(|(which, size)| Call::Realloc(which, size)),
        1 => Just(Call::Restart),
    ]
}

/// What a trace of `capacity` records should hold, and every live block.
#[derive(Default)]
struct Model {
    records: VecDeque<(u32, u32)>,
    live: Vec<u32>,
}

impl Model {
    fn began(&mut self, address: u32, size: usize, capacity: usize) {
        self.live.push(address);
        self.records
            .push_back((address, u32::try_from(size).unwrap()));
        if self.records.len() > capacity {
            self.records.pop_front();
        }
    }

    fn ended(&mut self, address: u32) {
        self.live.retain(|&other| other != address);
        self.records.retain(|&(other, _)| other != address);
    }

    fn nth(&self, number: usize) -> Option<u32> {
        self.live.get(number.checked_rem(self.live.len())?).copied()
    }
}

fn agrees<P: Poison>(calls: &[Call], capacity: usize) {
    let mut buffer = vec![Slot::EMPTY; capacity];
    let mut sim: Sim<Trace<'_>, P> = Sim::new(Trace::new(()));
    sim.observer().set_buffer(&mut buffer).unwrap();
    sim.observer().start(Mode::Leaks).unwrap();
    let mut model = Model::default();
    for call in calls {
        match *call {
            Call::Malloc(size) => {
                if let Ok(address) = sim.heaps.malloc(size, BYTES) {
                    model.began(address, size, capacity);
                }
            }
            Call::Free(number) => {
                if let Some(address) = model.nth(number) {
                    sim.free(address);
                    model.ended(address);
                }
            }
            Call::Realloc(number, size) => {
                if let Some(address) = model.nth(number)
                    && let Ok(now) = sim.heaps.realloc(address, size, BYTES)
                {
                    model.ended(address);
                    model.began(now, size, capacity);
                }
            }
            Call::Restart => {
                sim.observer().start(Mode::Leaks).unwrap();
                model.records.clear();
            }
        }
        let trace = sim.observer();
        trace.rewind();
        let records: VecDeque<_> = std::iter::from_fn(|| trace.read())
            .map(|record| (record.address, record.size))
            .collect();
        assert_eq!(records, model.records, "after {call:?}");
        assert_eq!(trace.count(), records.len());
    }
    for address in model.live {
        sim.free(address);
    }
    assert_eq!(sim.observer().count(), 0, "everything was freed");
}

proptest! {
    /// Defects: 12820.
    #[test]
    fn the_trace_is_the_set_of_live_blocks(
        calls in proptest::collection::vec(call(), 1..120),
        capacity in prop_oneof![1..8usize, 20..70usize],
    ) {
        agrees::<Unpoisoned>(&calls, capacity);
        agrees::<Light>(&calls, capacity);
        agrees::<Comprehensive>(&calls, capacity);
    }
}
