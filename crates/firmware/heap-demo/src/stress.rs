//! Stress test: several cores use one heap at once, and the contents of every block are checked.
//!
//! ```text
//!   core 0 ─ new block ─┐                    ┌─ new block ─ core 1
//!                       ▼                    ▼
//!               ┌──┬──┬──┬──┬──┬──┬──┬──┬──┬──┐   places, exchanged by one atomic instruction
//!               └──┴──┴──┴──┴──┴──┴──┴──┴──┴──┘
//!   core 0 ◄─ whatever was there: looked at, freed ─► core 1
//! ```
//! So any core frees any block, and each is full of words that only its maker knew.

use core::fmt::{self, Write};
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use heap_caps::Observer;
use heap_caps_alloc::{CapsHeap, RawLock};
use multi_heap::Poison;
use soc_regions::Caps;

use crate::board::Board;
use crate::events::{STRESS_OWNER, as_owner};
use crate::random::Random;

const PLACES: u8 = 32;
/// With 32 places some 13 KiB are live at a time.
const MOST_WORDS: u32 = 200;
/// Length and maker stand before the words that follow from them.
const HEAD_WORDS: u32 = 2;
const CAPS: Caps = Caps::BIT8.union(Caps::INTERNAL);

/// All cores at once on the board's heap; afterwards every byte is back.
#[expect(clippy::panic, reason = "a demonstration that finds damage ends there")]
pub(crate) fn run<B: Board>(out: &mut impl Write) {
    static STRESS: Stress = Stress::new();
    let heap = B::heap();
    let free = heap.inspect().free_size(Caps::BIT8);
    let who = as_owner(STRESS_OWNER, || {
        B::on_all_cores(|core, number| STRESS.round(B::heap(), core, number))
    });
    let finished = STRESS.finish(heap);
    let (blocks, strangers) = finished.unwrap_or_else(|damage| panic!("stress by {who}: {damage}"));
    let _ = writeln!(
        out,
        "stress by {who}: {blocks} blocks, {strangers} of them freed by the other one, all intact"
    );
    let sound = heap
        .inspect()
        .locked(|heaps| heaps.check_integrity(Caps::INVALID));
    assert!(sound.is_ok(), "the heap is damaged: {sound:?}");
    assert_eq!(
        heap.inspect().free_size(Caps::BIT8),
        free,
        "every byte is back"
    );
}

/// What the cores share.
#[derive(Debug)]
pub struct Stress {
    places: [AtomicPtr<u32>; PLACES as usize],
    made: AtomicU32,
    freed: AtomicU32,
    /// Blocks of another core than the one that freed them.
    strangers: AtomicU32,
    damaged: AtomicU32,
}

/// Blocks that were not what their maker wrote, or that nobody freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Blocks with other words than their maker's.
    pub damaged: u32,
    /// Blocks that are gone without being freed.
    pub lost: u32,
}

impl fmt::Display for Damage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} blocks are damaged, {} are lost",
            self.damaged, self.lost
        )
    }
}

impl Stress {
    /// No blocks yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            places: [const { AtomicPtr::new(ptr::null_mut()) }; PLACES as usize],
            made: AtomicU32::new(0),
            freed: AtomicU32::new(0),
            strangers: AtomicU32::new(0),
            damaged: AtomicU32::new(0),
        }
    }

    /// What each core does again and again, with a number of its own: a new block, in the place of
    /// one that is freed.
    pub fn round<L: RawLock, P: Poison, O: Observer, const HEAPS: usize>(
        &self,
        heap: &CapsHeap<L, P, O, HEAPS>,
        core: u32,
        number: u32,
    ) {
        let mut random = Random::new(number.wrapping_mul(0x9E37_79B9) ^ core);
        let words = HEAD_WORDS + random.below(MOST_WORDS);
        let place = random.below(PLACES.into()) as usize;
        if let Some(place) = self.places.get(place) {
            let block = self.make(heap, core, words);
            let old = place.swap(block, Ordering::AcqRel);
            self.end(heap, core, old);
        }
    }

    /// Returns a full block; null where the heap refuses.
    fn make<L: RawLock, P: Poison, O: Observer, const HEAPS: usize>(
        &self,
        heap: &CapsHeap<L, P, O, HEAPS>,
        core: u32,
        words: u32,
    ) -> *mut u32 {
        let Ok(block) = heap.malloc(words as usize * size_of::<u32>(), CAPS) else {
            return ptr::null_mut();
        };
        self.made.fetch_add(1, Ordering::Relaxed);
        let block = block.cast::<u32>().as_ptr();
        for index in 0..words {
            // SAFETY: the block has that many words, and nothing else refers to it yet.
            unsafe {
                block
                    .wrapping_add(index as usize)
                    .write(word(index, words, core));
            };
        }
        block
    }

    fn end<L: RawLock, P: Poison, O: Observer, const HEAPS: usize>(
        &self,
        heap: &CapsHeap<L, P, O, HEAPS>,
        core: u32,
        block: *mut u32,
    ) {
        let Some(block) = NonNull::new(block) else {
            return;
        };
        // SAFETY: it was in a place, so it is a block of at least two words; taking it out made it
        // ours.
        let [words, maker] = unsafe { block.cast::<[u32; 2]>().read() };
        let is_length = (HEAD_WORDS..HEAD_WORDS + MOST_WORDS).contains(&words);
        let read = |index: u32| {
            // SAFETY: as above, and no block is longer than it says.
            unsafe { block.as_ptr().wrapping_add(index as usize).read() }
        };
        if !is_length || (0..words).any(|index| read(index) != word(index, words, maker)) {
            self.damaged.fetch_add(1, Ordering::Relaxed);
        }
        if maker != core {
            self.strangers.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: nobody else has it any more.
        let freed = unsafe { heap.free(block.cast()) };
        self.freed
            .fetch_add(freed.is_ok().into(), Ordering::Relaxed);
    }

    /// Frees what is left when every core is done. How many blocks there were, and how many of them
    /// another core than their maker freed.
    ///
    /// # Errors
    /// Some blocks were damaged or lost.
    pub fn finish<L: RawLock, P: Poison, O: Observer, const HEAPS: usize>(
        &self,
        heap: &CapsHeap<L, P, O, HEAPS>,
    ) -> Result<(u32, u32), Damage> {
        for place in &self.places {
            let left = place.swap(ptr::null_mut(), Ordering::AcqRel);
            // Nobody's core: what is left over does not count as handed over.
            let strangers = self.strangers.load(Ordering::Relaxed);
            self.end(heap, u32::MAX, left);
            self.strangers.store(strangers, Ordering::Relaxed);
        }
        let made = self.made.load(Ordering::Relaxed);
        let damaged = self.damaged.load(Ordering::Relaxed);
        let lost = made.wrapping_sub(self.freed.load(Ordering::Relaxed));
        if damaged == 0 && lost == 0 {
            Ok((made, self.strangers.load(Ordering::Relaxed)))
        } else {
            Err(Damage { damaged, lost })
        }
    }
}

impl Default for Stress {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns what stands in a block: its length, its maker, then words that follow from these and
/// their place.
const fn word(index: u32, words: u32, maker: u32) -> u32 {
    match index {
        0 => words,
        1 => maker,
        _ => (index ^ words.rotate_left(16) ^ maker.rotate_left(8)).wrapping_mul(0x9E37_79B9),
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use heap_caps::SimulatedMemory;
    use heap_caps_alloc::SpinLock;
    use soc_regions::{ESP32, options};

    fn heap() -> CapsHeap<SpinLock> {
        let heap = CapsHeap::new(());
        let options = options!(ESP32);
        let memory = SimulatedMemory::dirty(0xA5);
        let symbols = ESP32.sample_symbols(&options);
        // SAFETY: the simulated memory is this heap's alone, and lives as long as the test process.
        unsafe { heap.boot(&ESP32, &options, &symbols, &memory) }.unwrap();
        core::mem::forget(memory);
        heap
    }

    #[test]
    fn threads_hand_blocks_to_each_other_and_none_is_damaged_or_lost() {
        let (heap, stress) = (heap(), Stress::new());
        let free = heap.inspect().free_size(CAPS);
        std::thread::scope(|scope| {
            for core in 0..2 {
                let (heap, stress) = (&heap, &stress);
                scope.spawn(move || (0..5_000).for_each(|number| stress.round(heap, core, number)));
            }
        });
        let (blocks, strangers) = stress.finish(&heap).unwrap();
        assert_eq!(blocks, 10_000);
        assert!((1..blocks).contains(&strangers), "{strangers}");
        assert_eq!(heap.inspect().free_size(CAPS), free);
    }

    #[test]
    fn a_changed_word_and_a_lost_block_are_reported() {
        let (heap, stress) = (heap(), Stress::new());
        (0..100).for_each(|number| stress.round(&heap, 0, number));
        let [first, second, ..] = &stress.places;
        let block = first.load(Ordering::Relaxed);
        // SAFETY: every place has a block by now, of two words at least.
        unsafe { block.wrapping_add(1).write(7) };
        second.store(ptr::null_mut(), Ordering::Relaxed);
        assert_eq!(
            stress.finish(&heap),
            Err(Damage {
                damaged: 1,
                lost: 1
            })
        );
    }
}
