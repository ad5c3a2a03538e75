//! Test bench of the placement tables: a chip is booted, brought into a state and asked.

use heap_caps::{AllocRequest, HeapView, Placement, Policy, ReallocateError};
use soc_regions::{
    Caps, Chip, ESP32, ESP32C3, ESP32P4, ESP32S3, Setting, common, esp32 as options,
};

use crate::support::Sim;

/// A heap's memory type and whole KiB.
pub(crate) type Heap = &'static str;

/// A chip in a certain state.
#[derive(Clone, Copy)]
pub(crate) struct Board {
    pub(crate) chip: &'static Chip,
    pub(crate) settings: &'static [Setting],
    /// Start-up stacks are still in use.
    pub(crate) starting: bool,
    /// Regions added at run time, in this order: columns, KiB.
    pub(crate) added: &'static [([Caps; 3], u32)],
    /// Sizes above it are external.
    pub(crate) threshold: Option<u32>,
    /// Heaps without a free byte.
    pub(crate) full: &'static [Heap],
}

const PSRAM: Setting = common::PSRAM.of(4 << 20);
const UNPROTECTED: &[Setting] = &[common::MEMORY_PROTECTION.off()];

pub(crate) const fn board(chip: &'static Chip, settings: &'static [Setting]) -> Board {
    Board {
        chip,
        settings,
        starting: false,
        added: &[],
        threshold: None,
        full: &[],
    }
}

pub(crate) const fn with_psram(chip: &'static Chip) -> Board {
    board(chip, &[PSRAM])
}

pub(crate) const DUAL: Board = board(&ESP32, &[]);
pub(crate) const DUAL_PSRAM: Board = with_psram(&ESP32);
pub(crate) const SINGLE: Board = board(
    &ESP32,
    &[common::SINGLE_CORE.on(), common::RTC_HEAP.on(), PSRAM],
);
pub(crate) const BYTES_IN_IRAM: Board =
    board(&ESP32, &[common::SINGLE_CORE.on(), options::IRAM_8BIT.on()]);
pub(crate) const S3: Board = with_psram(&ESP32S3);
pub(crate) const S3_EXEC: Board = board(&ESP32S3, UNPROTECTED);
pub(crate) const C3: Board = board(&ESP32C3, &[]);
pub(crate) const C3_EXEC: Board = board(&ESP32C3, UNPROTECTED);
pub(crate) const P4: Board = with_psram(&ESP32P4);
pub(crate) const P4_EXEC: Board = board(&ESP32P4, UNPROTECTED);

impl Board {
    pub(crate) const fn full(self, full: &'static [Heap]) -> Self {
        Self { full, ..self }
    }

    pub(crate) const fn starting(self) -> Self {
        Self {
            starting: true,
            ..self
        }
    }

    pub(crate) const fn above(self, threshold: u32) -> Self {
        Self {
            threshold: Some(threshold),
            ..self
        }
    }

    pub(crate) const fn adding(self, added: &'static [([Caps; 3], u32)]) -> Self {
        Self { added, ..self }
    }

    /// The board in its state.
    pub(crate) fn boot(&self) -> Sim {
        let options = self.chip.default_options();
        let options = options.with_all(self.settings).unwrap();
        let mut sim = Sim::booted(self.chip, Policy::IdfExact, &options, ());
        if !self.starting {
            sim.enable_stacks();
        }
        for (&(columns, kib), start) in self.added.iter().zip((0x7000_0000..).step_by(0x10_0000)) {
            sim.add_with_caps(columns, start, start + kib * 1024)
                .unwrap();
        }
        sim.heaps.set_external_threshold(self.threshold);
        fill(&mut sim, self.full);
        sim
    }
}

fn name(view: &HeapView) -> String {
    format!("{} {}", view.name, view.span.size() / 1024)
}

/// The heap in which the block at `address` lies, on whatever bus it is.
pub(crate) fn heap_of(sim: &Sim, address: u32) -> String {
    let data = sim.heaps.inspect().chip().unwrap().to_data_bus(address);
    let view = sim.heaps.inspect().heap_at(data.unwrap_or(address));
    name(&view.unwrap())
}

/// Takes all of these heaps: allocates everything there is and frees the others.
fn fill(sim: &mut Sim, full: &[Heap]) {
    if full.is_empty() {
        return;
    }
    let sizes = [4096, 256, 16, 4];
    let everything = [Caps::SPIRAM, Caps::INTERNAL, Caps::BIT8];
    let taken: Vec<u32> = everything
        .iter()
        .flat_map(|&caps| sizes.map(|size| (size, caps)))
        .flat_map(|(size, caps)| sim.exhaust(size, caps))
        .collect();
    for heap in full {
        let mut heaps = sim.heaps.inspect().heaps();
        assert!(heaps.any(|view| name(&view) == *heap), "no heap is {heap}");
    }
    for address in taken {
        if !full.contains(&heap_of(sim, address).as_str()) {
            sim.heaps.free(address).unwrap();
        }
    }
}

/// All heaps that serve `caps`, in order: each is filled to the last word before the next one is
/// asked for.
pub(crate) fn order(sim: &mut Sim, caps: Caps) -> Vec<String> {
    let mut order = Vec::new();
    while let Ok(first) = sim.heaps.malloc(4, caps) {
        let heap = heap_of(sim, first);
        for size in [4096, 256, 16, 4] {
            while let Ok(address) = sim.heaps.malloc(size, caps) {
                if heap_of(sim, address) != heap {
                    sim.heaps.free(address).unwrap();
                    break;
                }
            }
        }
        assert!(!order.contains(&heap), "{heap} is full");
        order.push(heap);
    }
    order
}

/// One call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ask {
    Malloc(usize, Caps),
    Calloc(usize, usize, Caps),
    Aligned(usize, usize, Caps),
    Prefer(usize, &'static [Caps]),
    CallocPrefer(usize, usize, &'static [Caps]),
    Default(usize),
    CallocDefault(usize, usize),
    AlignedDefault(usize, usize),
    /// A block's size and capabilities, then its new size and capabilities.
    Realloc([(usize, Caps); 2]),
    /// The same, the new size by the policy of `malloc`.
    ReallocDefault((usize, Caps), usize),
    ReallocPrefer((usize, Caps), usize, &'static [Caps]),
}

/// What comes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expect {
    In(Heap),
    /// A resized block keeps its address, which is in this heap.
    Stays(Heap),
    /// A resized block gets another address, in this heap.
    Moves(Heap),
    /// Null; a report would name these capabilities.
    Refused(Caps),
}

/// The block that is resized, if any, and the answer.
fn answer(sim: &mut Sim, ask: Ask) -> (Option<u32>, Result<u32, Caps>) {
    let heaps = &mut sim.heaps;
    let old = match ask {
        Ask::Realloc([(size, caps), _])
        | Ask::ReallocDefault((size, caps), _)
        | Ask::ReallocPrefer((size, caps), ..) => heaps.malloc(size, caps).unwrap(),
        _ => 0,
    };
    let resized = |result: Result<u32, ReallocateError>| match result {
        Ok(address) => Ok(address),
        Err(ReallocateError::Failure(failure)) => Err(failure.caps),
        Err(ReallocateError::Misuse(misuse)) => panic!("{misuse}"),
    };
    let fresh = match ask {
        Ask::Malloc(size, caps) => heaps.malloc(size, caps),
        Ask::Calloc(count, size, caps) => heaps.calloc(count, size, caps),
        Ask::Aligned(alignment, size, caps) => heaps.aligned_alloc(alignment, size, caps),
        Ask::Prefer(size, choices) => heaps
            .allocate(&AllocRequest::new(size, Caps::empty()).placed(Placement::Prefer(choices))),
        Ask::CallocPrefer(count, size, choices) => heaps.allocate(
            &AllocRequest::array(count, size, Caps::empty())
                .placed(Placement::Prefer(choices))
                .zeroed(),
        ),
        Ask::Default(size) => heaps.allocate(&AllocRequest::in_default_memory(size)),
        Ask::CallocDefault(count, size) => heaps.allocate(
            &AllocRequest::array(count, size, Caps::empty())
                .placed(Placement::Default)
                .zeroed(),
        ),
        Ask::AlignedDefault(alignment, size) => {
            heaps.allocate(&AllocRequest::in_default_memory(size).aligned_to(alignment))
        }
        Ask::Realloc([_, (size, caps)]) => {
            return (Some(old), resized(heaps.realloc(old, size, caps)));
        }
        Ask::ReallocDefault(_, size) => {
            return (
                Some(old),
                resized(heaps.reallocate(old, &AllocRequest::in_default_memory(size))),
            );
        }
        Ask::ReallocPrefer(_, size, choices) => {
            return (
                Some(old),
                resized(heaps.reallocate(
                    old,
                    &AllocRequest::new(size, Caps::empty()).placed(Placement::Prefer(choices)),
                )),
            );
        }
    };
    (None, fresh.map_err(|failure| failure.caps))
}

/// A rule in words, the state, the call, what comes of it.
pub(crate) type Row = (&'static str, Board, Ask, Expect);

pub(crate) fn check(rows: &[Row]) {
    for &(rule, board, ask, expect) in rows {
        let mut sim = board.boot();
        let (old, answer) = answer(&mut sim, ask);
        let what = format!("{}, {ask:X?}: {rule}: {answer:X?}", board.chip.name());
        let (heap, stays) = match expect {
            Expect::Refused(caps) => {
                assert_eq!(answer, Err(caps), "{what}");
                continue;
            }
            Expect::In(heap) => (heap, None),
            Expect::Stays(heap) => (heap, Some(true)),
            Expect::Moves(heap) => (heap, Some(false)),
        };
        let Ok(address) = answer else {
            panic!("{what}, expected {heap}");
        };
        assert_eq!(heap_of(&sim, address), heap, "{what}");
        assert_eq!(old.map(|old| old == address), stays, "{what}");
    }
}
