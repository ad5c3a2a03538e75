//! What is measured: fixed sizes, a random mix, alignment, growth, density.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use multi_heap::{Comprehensive, Light, Unpoisoned};

use crate::figure::Figure;
use crate::meter::Meter;
use crate::random::Random;
use crate::subject::{Measured, Subject};
use crate::subjects::{Empty, MultiHeap, Rlsf};

/// Bytes of memory that the workloads need; its start should be a multiple of 4096.
pub const REGION_BYTES: usize = MIX_BYTES;

const SMALL_BYTES: usize = 64 * 1024;
const MIX_BYTES: usize = 256 * 1024;

const PAIRS: [(usize, &str, &str); 3] = [
    (16, "malloc_16", "free_16"),
    (64, "malloc_64", "free_64"),
    (1024, "malloc_1024", "free_1024"),
];
const COUNTED: [(usize, &str); 3] = [
    (16, "blocks_of_16"),
    (32, "blocks_of_32"),
    (100, "blocks_of_100"),
];

/// Blocks that the random mix keeps alive, and how often it replaces one.
const LIVE: usize = 200;
const ROUNDS: u32 = 10_000;

/// Runs every workload on every heap. A figure whose value is a mean has a metric that ends in `_x100`.
///
/// # Safety
/// The region has [`REGION_BYTES`] bytes that nothing else uses meanwhile.
pub unsafe fn run(meter: &impl Meter, region: NonNull<[u8]>, report: &mut dyn FnMut(Figure)) {
    // SAFETY: the caller gives the region away.
    unsafe {
        all::<Empty>(meter, region, report);
        all::<MultiHeap<Unpoisoned>>(meter, region, report);
        all::<MultiHeap<Light>>(meter, region, report);
        all::<MultiHeap<Comprehensive>>(meter, region, report);
        all::<Rlsf>(meter, region, report);
    }
}

/// # Safety
/// As [`run`].
unsafe fn all<S: Subject>(
    meter: &impl Meter,
    region: NonNull<[u8]>,
    report: &mut dyn FnMut(Figure),
) {
    let mut say = |workload, metric, value: u64| {
        report(Figure {
            subject: S::NAME,
            workload,
            metric,
            value,
        });
    };
    // SAFETY: the workloads use the region one after the other.
    unsafe {
        pairs::<S>(meter, part(region, SMALL_BYTES), &mut say);
        growth::<S>(meter, part(region, SMALL_BYTES), &mut say);
        mix::<S>(meter, part(region, MIX_BYTES), &mut say);
        density::<S>(meter, part(region, SMALL_BYTES), &mut say);
    }
}

type Say<'a> = &'a mut dyn FnMut(&'static str, &'static str, u64);

fn part(region: NonNull<[u8]>, bytes: usize) -> NonNull<[u8]> {
    NonNull::slice_from_raw_parts(region.cast(), bytes)
}

/// One block taken and given back, in a heap that is empty otherwise.
unsafe fn pairs<S: Subject>(meter: &impl Meter, region: NonNull<[u8]>, say: Say<'_>) {
    let mut place = MaybeUninit::<S>::uninit();
    // SAFETY: the caller gives the region away.
    let mut heap = unsafe { Measured::start(&mut place, meter, region) };
    for (size, malloc, free) in PAIRS {
        let (block, cost) = heap.allocate(size);
        say(malloc, "instructions", cost.into());
        say(free, "instructions", heap.free(block, size, 4).into());
    }
}

/// A block that doubles from 16 to 4096 bytes: alone, then with an obstacle behind it each time.
unsafe fn growth<S: Subject>(meter: &impl Meter, region: NonNull<[u8]>, say: Say<'_>) {
    for (blocked, workload) in [(false, "grow"), (true, "grow_blocked")] {
        let mut place = MaybeUninit::<S>::uninit();
        // SAFETY: the caller gives the region away.
        let mut heap = unsafe { Measured::start(&mut place, meter, region) };
        let (mut block, _) = heap.allocate(16);
        let (mut size, mut sum) = (16, 0_u64);
        while size < 4096 {
            if blocked {
                heap.allocate(16);
            }
            let (grown, cost) = heap.grow(block, size, size * 2);
            (block, size, sum) = (grown, size * 2, sum + u64::from(cost));
        }
        say(workload, "instructions", sum);
    }
}

/// Costs of many calls of one kind.
#[derive(Clone, Copy, Default)]
struct Costs {
    sum: u64,
    worst: u32,
    calls: u32,
}

impl Costs {
    fn add(&mut self, cost: u32) {
        self.sum += u64::from(cost);
        self.worst = self.worst.max(cost);
        self.calls += 1;
    }

    fn mean_x100(self) -> u64 {
        (self.sum * 100 + u64::from(self.calls) / 2) / u64::from(self.calls.max(1))
    }
}

#[derive(Clone, Copy, Default)]
struct Block {
    at: usize,
    size: usize,
}

/// Blocks of 1 to 1024 bytes come and go at random; then blocks of 100 bytes at alignment 64 in the heap as it was left.
unsafe fn mix<S: Subject>(meter: &impl Meter, region: NonNull<[u8]>, say: Say<'_>) {
    let mut place = MaybeUninit::<S>::uninit();
    // SAFETY: the caller gives the region away.
    let mut heap = unsafe { Measured::start(&mut place, meter, region) };
    let mut random = Random::new(1);
    let size = |random: &mut Random| 1 + (random.next() % 1024) as usize;
    let mut blocks = [Block::default(); LIVE];
    for block in &mut blocks {
        let size = size(&mut random);
        *block = Block {
            at: heap.allocate(size).0,
            size,
        };
    }
    let (mut malloc, mut free) = (Costs::default(), Costs::default());
    for _ in 0..ROUNDS {
        let block = &mut blocks[random.next() as usize % LIVE];
        free.add(heap.free(block.at, block.size, 4));
        block.size = size(&mut random);
        let (at, cost) = heap.allocate(block.size);
        block.at = at;
        malloc.add(cost);
    }
    say("mix_malloc", "instructions_x100", malloc.mean_x100());
    say("mix_free", "instructions_x100", free.mean_x100());
    say("mix_malloc", "instructions_max", malloc.worst.into());
    say("mix_free", "instructions_max", free.worst.into());
    aligned(&mut heap, say);
}

fn aligned<S: Subject>(heap: &mut Measured<'_, S, impl Meter>, say: Say<'_>) {
    let (mut malloc, mut free) = (Costs::default(), Costs::default());
    let blocks: [usize; 32] = core::array::from_fn(|_| {
        let (block, cost) = heap.allocate_aligned(100, 64);
        malloc.add(cost);
        block
    });
    for block in blocks {
        free.add(heap.free(block, 100, 64));
    }
    say("aligned_malloc", "instructions_x100", malloc.mean_x100());
    say("aligned_free", "instructions_x100", free.mean_x100());
    say("aligned_malloc", "instructions_max", malloc.worst.into());
    say("aligned_free", "instructions_max", free.worst.into());
}

/// How many blocks of a size fit into 64 KiB.
unsafe fn density<S: Subject>(meter: &impl Meter, region: NonNull<[u8]>, say: Say<'_>) {
    for (size, workload) in COUNTED {
        let mut place = MaybeUninit::<S>::uninit();
        // SAFETY: the caller gives the region away.
        let mut heap = unsafe { Measured::start(&mut place, meter, region) };
        let mut blocks = 0;
        let words = region.len() as u64 / 4;
        while blocks < words && heap.allocate(size).0 != 0 {
            blocks += 1;
        }
        say(workload, "blocks_in_64k", blocks);
    }
}
