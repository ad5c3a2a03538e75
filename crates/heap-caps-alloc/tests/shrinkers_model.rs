//! Shrinkers against a model: which are called for a request, in which order, and what the record
//! says of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::result_large_err,
    reason = "tests: helpers too"
)]

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Mutex;

use heap_caps::{AllocRequest, Failure, RELIEF_STEPS};
use heap_caps_alloc::{CapsHeap, SHRINKERS, Shortage, Shrink, Shrinker, ShrinkerIndex, SpinLock};
use proptest::prelude::*;
use soc_regions::Caps;

type Heap = CapsHeap<SpinLock>;

/// All blocks have this size: a heap has N of them free, and holes do not matter.
const UNIT: usize = 256;
const DRAM: Caps = Caps::BIT8.union(Caps::INTERNAL);
const DMA: Caps = DRAM.union(Caps::DMA);
const RTC: Caps = DRAM.union(Caps::RTCRAM);
const PSRAM: Caps = Caps::BIT8.union(Caps::SPIRAM);

/// What requests and shrinkers name, and in which heaps that lies, in the order of the search: the
/// smaller heap (0) has RTC memory, the larger one (1) DMA memory.
const MEMORIES: [(Caps, &[usize]); 4] = [(DRAM, &[0, 1]), (RTC, &[0]), (DMA, &[1]), (PSRAM, &[])];

const NAMES: [&str; 4] = ["tiles", "history", "connections", "fonts"];

std::thread_local! {
    static IN_INTERRUPT: Cell<bool> = const { Cell::new(false) };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ShrinkerKind {
    /// Frees one of its blocks a call.
    Gives,
    /// Says that it gave a byte as often for one request, and frees nothing.
    Claims(u16),
    /// Keeps what it has.
    Fails,
    /// Asks for a block first, which it frees at once, then gives one.
    Allocates,
}

#[derive(Clone, Copy, Debug)]
struct Spec {
    name: &'static str,
    memory: usize,
    order: u8,
    kind: ShrinkerKind,
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Register(Spec),
    Unregister(usize),
    /// A block for the cache of a shrinker.
    Cache(usize, usize),
    Request(usize, bool),
    Free(usize),
    Interrupt(bool),
}

/// A call of a shrinker: its name, and what it gave.
type Called = (&'static str, u32);

// The heap's side.

struct Cache {
    heap: &'static Heap,
    spec: Spec,
    blocks: Mutex<Vec<usize>>,
    log: &'static Mutex<Vec<Called>>,
}

impl Cache {
    fn give(&self) -> u32 {
        let block = self.blocks.lock().unwrap().pop();
        block.map_or(0, |block| {
            free(self.heap, block);
            1
        })
    }
}

impl Shrink for Cache {
    fn shrink(&self, shortage: &Shortage) -> u32 {
        let gave = match self.spec.kind {
            ShrinkerKind::Gives => self.give(),
            ShrinkerKind::Claims(calls) => u32::from(shortage.call < calls),
            ShrinkerKind::Fails => 0,
            ShrinkerKind::Allocates => {
                if let Ok(block) = allocate(self.heap, self.spec.memory, false) {
                    free(self.heap, block);
                }
                self.give()
            }
        };
        self.log.lock().unwrap().push((self.spec.name, gave));
        gave
    }
}

fn allocate(heap: &Heap, memory: usize, fail_fast: bool) -> Result<usize, Failure> {
    let mut request = AllocRequest::new(UNIT, MEMORIES[memory].0);
    if fail_fast {
        request = request.fail_fast();
    }
    let block = heap.allocate(&request)?;
    Ok(block.as_ptr().expose_provenance())
}

fn free(heap: &Heap, block: usize) {
    let block = NonNull::new(std::ptr::with_exposed_provenance_mut(block)).unwrap();
    // SAFETY: the blocks of the tests and their caches are their own.
    unsafe { heap.free(block) }.unwrap();
}

/// Two heaps, and how many blocks each can have.
fn heap() -> (&'static Heap, [usize; 2]) {
    let heap: &Heap = Box::leak(Box::new(CapsHeap::new(())));
    for (caps, bytes) in [(RTC, 0x700), (DMA, 0xC00)] {
        let memory = Box::leak(vec![MaybeUninit::uninit(); bytes].into_boxed_slice());
        let caps = [caps, Caps::empty(), Caps::empty()];
        heap.add_buffer(caps, memory).unwrap();
    }
    heap.pressure()
        .set_interrupt_probe(Some(|| IN_INTERRUPT.get()));
    let capacities = [1, 2].map(|memory| {
        let blocks: Vec<_> = (0..)
            .map_while(|_| allocate(heap, memory, true).ok())
            .collect();
        blocks.iter().for_each(|&block| free(heap, block));
        blocks.len()
    });
    (heap, capacities)
}

// The model's side.

struct Registered {
    spec: Spec,
    number: usize,
    /// The heaps of its blocks.
    blocks: Vec<usize>,
    is_running: bool,
    calls: u32,
    gave: u32,
}

impl Registered {
    fn place(&self) -> (u8, usize) {
        (self.spec.order, self.number)
    }
}

struct Model {
    free: [usize; 2],
    shrinkers: Vec<Registered>,
    log: Vec<Called>,
    in_interrupt: bool,
}

impl Model {
    /// The heap that serves, or what was tried in vain.
    fn request(&mut self, memory: usize, fail_fast: bool) -> Result<usize, Vec<Called>> {
        let mut tried = vec![];
        let mut last: Option<((u8, usize), u16, u32)> = None;
        loop {
            let heaps = MEMORIES[memory].1;
            if let Some(&heap) = heaps.iter().find(|&&heap| self.free[heap] > 0) {
                self.free[heap] -= 1;
                return Ok(heap);
            }
            if fail_fast || self.in_interrupt || heaps.is_empty() {
                return Err(tried);
            }
            let again = last.filter(|&(place, _, gave)| gave > 0 && self.waits_at(place));
            let next = again.or_else(|| {
                // Behind the last one, in the order
                let behind = last.map(|(place, ..)| place);
                self.next(behind, heaps).map(|place| (place, 0, 0))
            });
            let Some((place, calls, _)) = next else {
                return Err(tried);
            };
            let (name, gave) = self.run(place, calls);
            tried.push((name, gave));
            last = Some((place, calls + 1, gave));
        }
    }

    fn at(&mut self, place: (u8, usize)) -> &mut Registered {
        let mut shrinkers = self.shrinkers.iter_mut();
        shrinkers.find(|one| one.place() == place).unwrap()
    }

    fn waits_at(&self, place: (u8, usize)) -> bool {
        let mut shrinkers = self.shrinkers.iter();
        shrinkers.any(|one| one.place() == place && !one.is_running)
    }

    fn next(&self, behind: Option<(u8, usize)>, heaps: &[usize]) -> Option<(u8, usize)> {
        let helping = self.shrinkers.iter().filter(|one| {
            let own = MEMORIES[one.spec.memory].1;
            !one.is_running && own.iter().any(|heap| heaps.contains(heap))
        });
        let places = helping.map(Registered::place);
        places.filter(|&place| Some(place) > behind).min()
    }

    fn run(&mut self, place: (u8, usize), calls: u16) -> Called {
        self.at(place).is_running = true;
        let spec = self.at(place).spec;
        if spec.kind == ShrinkerKind::Allocates
            && let Ok(heap) = self.request(spec.memory, false)
        {
            self.free[heap] += 1;
        }
        let gave = match spec.kind {
            ShrinkerKind::Gives | ShrinkerKind::Allocates => {
                let given = self.at(place).blocks.pop();
                given.map_or(0, |heap| {
                    self.free[heap] += 1;
                    1
                })
            }
            ShrinkerKind::Claims(times) => u32::from(calls < times),
            ShrinkerKind::Fails => 0,
        };
        let one = self.at(place);
        one.is_running = false;
        one.calls += 1;
        one.gave += gave;
        self.log.push((spec.name, gave));
        (spec.name, gave)
    }
}

/// Calls of one shrinker in a row are a step of the record, which names some and counts the others.
fn recorded(tried: &[Called]) -> (Vec<(&'static str, u16, u32)>, u8) {
    let (mut steps, mut others) = (Vec::<(&str, u16, u32)>::new(), 0);
    for &(name, gave) in tried {
        let count = steps.len();
        match steps.last_mut() {
            Some((last, calls, bytes)) if *last == name && others == 0 => {
                *calls += 1;
                *bytes += gave;
            }
            _ if count < RELIEF_STEPS => steps.push((name, 1, gave)),
            _ => others += 1,
        }
    }
    (steps, others)
}

// Both.

struct Both {
    heap: &'static Heap,
    log: &'static Mutex<Vec<Called>>,
    caches: Vec<(ShrinkerIndex, &'static Cache)>,
    /// The program's blocks, and their heaps.
    blocks: Vec<(usize, usize)>,
    capacities: [usize; 2],
    model: Model,
    registered: usize,
}

impl Both {
    fn new() -> Self {
        let (heap, capacities) = heap();
        Self {
            heap,
            log: Box::leak(Box::new(Mutex::new(vec![]))),
            caches: vec![],
            blocks: vec![],
            capacities,
            model: Model {
                free: capacities,
                shrinkers: vec![],
                log: vec![],
                in_interrupt: false,
            },
            registered: 0,
        }
    }

    fn register(&mut self, spec: Spec) -> Result<(), TestCaseError> {
        let cache: &Cache = Box::leak(Box::new(Cache {
            heap: self.heap,
            spec,
            blocks: Mutex::new(vec![]),
            log: self.log,
        }));
        let shrinker = Shrinker::new(spec.name, MEMORIES[spec.memory].0, cache);
        let added = self
            .heap
            .pressure()
            .register_shrinker(shrinker.ordered(spec.order));
        prop_assert_eq!(added.is_ok(), self.caches.len() < SHRINKERS);
        if let Ok(index) = added {
            self.caches.push((index, cache));
            self.model.shrinkers.push(Registered {
                spec,
                number: self.registered,
                blocks: vec![],
                is_running: false,
                calls: 0,
                gave: 0,
            });
        }
        self.registered += 1;
        Ok(())
    }

    /// What its cache has is the program's then.
    fn unregister(&mut self, place: usize) {
        let (index, cache) = self.caches.remove(place);
        let gone = self.model.shrinkers.remove(place);
        assert!(self.heap.pressure().unregister_shrinker(index));
        assert!(!self.heap.pressure().unregister_shrinker(index));
        let blocks = core::mem::take(&mut *cache.blocks.lock().unwrap());
        self.blocks.extend(blocks.into_iter().zip(gone.blocks));
    }

    fn request(&mut self, memory: usize, fail_fast: bool) -> Result<(), TestCaseError> {
        let expected = self.model.request(memory, fail_fast);
        match (allocate(self.heap, memory, fail_fast), expected) {
            (Ok(block), Ok(heap)) => self.blocks.push((block, heap)),
            (Err(failure), Err(tried)) => {
                let (steps, others) = recorded(&tried);
                let named = failure.relief.steps();
                let named: Vec<_> = named
                    .map(|step| (step.name, step.calls, step.bytes))
                    .collect();
                prop_assert_eq!(named, steps);
                prop_assert_eq!(failure.relief.not_described(), others);
            }
            (real, expected) => prop_assert!(false, "{real:?} instead of {expected:?}"),
        }
        Ok(())
    }

    fn perform(&mut self, call: Call) -> Result<(), TestCaseError> {
        match call {
            Call::Register(spec) => self.register(spec)?,
            Call::Unregister(_) | Call::Cache(..) if self.caches.is_empty() => {}
            Call::Unregister(place) => self.unregister(place % self.caches.len()),
            Call::Cache(place, memory) => {
                let place = place % self.caches.len();
                let block = allocate(self.heap, memory, true).ok();
                let heap = self.model.request(memory, true).ok();
                prop_assert_eq!(block.is_some(), heap.is_some());
                self.caches[place].1.blocks.lock().unwrap().extend(block);
                self.model.shrinkers[place].blocks.extend(heap);
            }
            Call::Request(memory, fail_fast) => self.request(memory, fail_fast)?,
            Call::Free(_) if self.blocks.is_empty() => {}
            Call::Free(place) => {
                let (block, heap) = self.blocks.swap_remove(place % self.blocks.len());
                free(self.heap, block);
                self.model.free[heap] += 1;
            }
            Call::Interrupt(is_in) => {
                IN_INTERRUPT.set(is_in);
                self.model.in_interrupt = is_in;
            }
        }
        self.check()
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let log = self.log.lock().unwrap();
        prop_assert_eq!(&*log, &self.model.log, "calls of shrinkers, in order");
        drop(log);
        for (heap, caps) in [(0, RTC), (1, DMA)] {
            let used = self.heap.inspect().info(caps).allocated_blocks as usize;
            prop_assert_eq!(
                self.capacities[heap] - used,
                self.model.free[heap],
                "{:?}",
                caps
            );
        }
        let mut figures: Vec<_> = self.heap.pressure().shrinkers().collect();
        let mut expected: Vec<_> = self.model.shrinkers.iter().collect();
        figures.sort_by_key(|one| (one.name, one.calls, one.bytes));
        expected.sort_by_key(|one| (one.spec.name, one.calls, one.gave));
        let figures = figures.iter().map(|one| (one.name, one.calls, one.bytes));
        let expected = expected
            .iter()
            .map(|one| (one.spec.name, one.calls, one.gave));
        prop_assert!(figures.eq(expected));
        let checked = self
            .heap
            .inspect()
            .locked(|heaps| heaps.check_integrity(Caps::INVALID));
        prop_assert_eq!(checked, Ok(()));
        Ok(())
    }

    /// Everything is free again.
    fn end(mut self) -> Result<(), TestCaseError> {
        IN_INTERRUPT.set(false);
        while !self.caches.is_empty() {
            self.unregister(0);
        }
        for (block, _) in self.blocks {
            free(self.heap, block);
        }
        prop_assert_eq!(self.heap.inspect().info(DRAM).allocated_blocks, 0);
        Ok(())
    }
}

fn spec() -> impl Strategy<Value = Spec> {
    let kind = prop_oneof![
        3 => Just(ShrinkerKind::Gives),
        1 => (1_u16..4).prop_map(ShrinkerKind::Claims),
        1 => Just(ShrinkerKind::Fails),
        2 => Just(ShrinkerKind::Allocates),
    ];
    let name = prop::sample::select(&NAMES[..]);
    (name, 0..MEMORIES.len(), 0_u8..4, kind).prop_map(|(name, memory, order, kind)| Spec {
        name,
        memory,
        order,
        kind,
    })
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let memory = || 0..MEMORIES.len();
    let call = prop_oneof![
        3 => spec().prop_map(Call::Register),
        1 => any::<usize>().prop_map(Call::Unregister),
        4 => (any::<usize>(), memory()).prop_map(|(place, memory)| Call::Cache(place, memory)),
        12 => (memory(), prop::bool::weighted(0.1))
            .prop_map(|(memory, fail_fast)| Call::Request(memory, fail_fast)),
        3 => any::<usize>().prop_map(Call::Free),
        1 => prop::bool::weighted(0.3).prop_map(Call::Interrupt),
    ];
    prop::collection::vec(call, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// After every call the same shrinkers have been called in the same order, gave as much, and
    /// served the same request of the same heap; a record names who was tried.
    #[test]
    fn shrinkers_are_called_by_the_rule(calls in calls()) {
        IN_INTERRUPT.set(false);
        let mut both = Both::new();
        for call in calls {
            both.perform(call)?;
        }
        both.end()?;
    }
}
