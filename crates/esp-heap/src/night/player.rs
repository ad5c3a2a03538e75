//! A recorded program on a heap that may be too small, under one mechanism.
//!
//! Time is counted in operations of the program. A request that is refused is gone: what the
//! program does with its block later is left out. One that waits holds up its own task alone: the
//! others go on, and its block is freed as much later as it was had later.

use std::collections::{BTreeMap, HashMap};
use std::error::Error as StdError;
use std::future::Future;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

use esp_heap::error::Error;
use heap_caps::{AllocRequest, Failure, Owner};
use heap_caps_alloc::{
    CapsHeap, EmergencyReserve, OwnerAccounts, OwnerLimits, Shrinker, SpinLock, Unpoisoned,
};
use heap_report::recorded::{Operation, Trace};
use soc_regions::Caps;

use super::cache::Cache;
use super::{
    CACHED_EVERY, CACHED_FROM, MINIMUM_PERCENT, Mechanism, RESERVE_PERCENT, SMALL_BELOW, TIME_OUT,
};

/// One heap in one region.
pub(super) type Heap = CapsHeap<SpinLock, Unpoisoned, (), 1>;

type Waiting = Pin<Box<dyn Future<Output = Result<NonNull<u8>, Failure>>>>;

const CAPS: Caps = Caps::BIT8.union(Caps::DEFAULT);
const SMALL: Owner = Owner(1);
/// Regions begin at a multiple of this, as on a chip.
const PAGE: usize = 4096;

/// How a program fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Allocations and reallocations of the program, without those of blocks that it never got.
    pub(crate) requests: usize,
    /// Of these, how many were refused, or gave up waiting.
    pub(crate) refused: usize,
    /// Of the refused ones, those for few bytes.
    pub(crate) refused_small: usize,
    /// Served after a wait.
    pub(crate) waited: usize,
    /// The longest wait of one that was served, in operations.
    pub(crate) longest_wait: usize,
    /// Blocks of the cache that were dropped: the program has to load them again.
    pub(crate) dropped: usize,
    /// Operations done before the first refusal.
    pub(crate) first_refusal: Option<usize>,
}

/// A block of the program, or what stands for it.
struct PlayedBlock {
    size: u32,
    alignment: u32,
    place: Option<NonNull<u8>>,
    waiting: Option<(Waiting, usize)>,
    /// How much later its task is.
    late: usize,
    /// When the program frees it, if it does so while it waits.
    freed_at: Option<usize>,
}

struct Player {
    heap: &'static Heap,
    mechanism: Mechanism,
    cache: &'static Cache,
    /// PlayedBlock of each slot, by number.
    slots: Vec<Option<usize>>,
    blocks: HashMap<usize, PlayedBlock>,
    in_queue: Vec<usize>,
    /// Blocks to be freed, by time.
    later: BTreeMap<usize, Vec<usize>>,
    next: usize,
    cacheable: usize,
    now: usize,
    outcome: Outcome,
}

/// Replays a trace on a heap of `bytes` bytes, control structure included.
///
/// # Errors
/// They are too few for a heap, or for what the mechanism keeps back.
pub(super) fn play(trace: &Trace, bytes: u32, mechanism: Mechanism) -> Result<Outcome, Error> {
    let mut player = Player::new(trace.slots, bytes, mechanism).map_err(|why| {
        Error::Failed(format!(
            "{}: {bytes} B with {}: {why}",
            trace.name,
            mechanism.name()
        ))
    })?;
    for operation in &trace.operations {
        player.perform(*operation);
        player.go_on();
    }
    Ok(player.finish())
}

impl Player {
    fn new(slots: usize, bytes: u32, mechanism: Mechanism) -> Result<Self, Box<dyn StdError>> {
        // Heaps have their memory for good: a command that ends soon can leave it.
        let heap: &'static Heap = Box::leak(Box::new(CapsHeap::new(())));
        let room = vec![MaybeUninit::uninit(); bytes as usize + PAGE].leak();
        let lead = room.as_ptr().align_offset(PAGE);
        if let Some(region) = room.get_mut(lead..lead + bytes as usize) {
            heap.add_buffer([CAPS, Caps::empty(), Caps::empty()], region)?;
        }
        let cache: &'static Cache = Box::leak(Box::new(Cache::new(heap)));
        let share = |percent| bytes / 100 * percent;
        let control = heap.pressure();
        if mechanism.shrinks() {
            control.register_shrinker(Shrinker::new("cache", CAPS, cache))?;
        }
        if mechanism == Mechanism::Emergency {
            control.arm_emergency(EmergencyReserve::new(
                "reserve",
                CAPS,
                share(RESERVE_PERCENT),
            ))?;
        }
        if mechanism == Mechanism::Minimum {
            let accounts = Box::leak(Box::new(OwnerAccounts::<1, 8192>::new()));
            control.open_accounts(accounts, || Owner::NOBODY)?;
            let limits = OwnerLimits::new(SMALL, "small", CAPS).guaranteed(share(MINIMUM_PERCENT));
            control.limit_owner(limits)?;
        }
        Ok(Self {
            heap,
            mechanism,
            cache,
            slots: vec![None; slots],
            blocks: HashMap::new(),
            in_queue: Vec::new(),
            later: BTreeMap::new(),
            next: 0,
            cacheable: 0,
            now: 0,
            outcome: Outcome::default(),
        })
    }

    fn perform(&mut self, operation: Operation) {
        match operation {
            Operation::Allocate {
                slot,
                size,
                alignment,
            } => {
                let number = self.next;
                self.next += 1;
                let block = PlayedBlock {
                    size,
                    alignment,
                    place: None,
                    waiting: None,
                    late: 0,
                    freed_at: None,
                };
                self.blocks.insert(number, block);
                self.set_slot(slot, Some(number));
                self.request(number);
            }
            Operation::Reallocate { slot, size } => {
                if let Some(number) = self.slot(slot) {
                    self.resize(number, size);
                }
            }
            Operation::Free { slot } => {
                if let Some(number) = self.slot(slot) {
                    self.set_slot(slot, None);
                    self.free_in_time(number);
                }
            }
        }
    }

    fn slot(&self, slot: usize) -> Option<usize> {
        let number = self.slots.get(slot).copied().flatten()?;
        self.blocks.contains_key(&number).then_some(number)
    }

    fn set_slot(&mut self, slot: usize, number: Option<usize>) {
        if let Some(place) = self.slots.get_mut(slot) {
            *place = number;
        }
    }

    fn wanted(&self, block: &PlayedBlock) -> AllocRequest<'static> {
        let request = AllocRequest::new(block.size as usize, CAPS);
        let request = request.aligned_to(block.alignment as usize).anonymous();
        if self.mechanism == Mechanism::Minimum && block.size < SMALL_BELOW {
            request.on_behalf_of(SMALL)
        } else {
            request
        }
    }

    /// Asks for a block that the program does not have yet.
    fn request(&mut self, number: usize) {
        self.outcome.requests += 1;
        let Some(block) = self.blocks.get(&number) else {
            return;
        };
        let request = self.wanted(block);
        if !self.mechanism.waits() {
            let served = self.heap.try_allocate(request);
            return match served {
                Some(place) => self.served(number, place),
                None => self.refused(number),
            };
        }
        let heap = self.heap;
        let mut waiting: Waiting = Box::pin(heap.allocate_async(request));
        match waiting
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(Ok(place)) => self.served(number, place),
            Poll::Ready(Err(_)) => self.refused(number),
            Poll::Pending => {
                self.note_dropped();
                let now = self.now;
                if let Some(block) = self.blocks.get_mut(&number) {
                    block.waiting = Some((waiting, now));
                    self.in_queue.push(number);
                }
            }
        }
    }

    fn served(&mut self, number: usize, place: NonNull<u8>) {
        self.note_dropped();
        let Some(block) = self.blocks.get_mut(&number) else {
            return;
        };
        if let Some(old) = block.place.replace(place) {
            // SAFETY: the block was this program's own, and moved.
            let freed = unsafe { self.heap.free(old) };
            debug_assert!(freed.is_ok(), "a block of its own");
        }
        let (size, freed_at) = (block.size, block.freed_at);
        if let Some(freed_at) = freed_at {
            let at = freed_at + block.late;
            self.later.entry(at).or_default().push(number);
        } else if size >= CACHED_FROM {
            self.cacheable += 1;
            if self.cacheable.is_multiple_of(CACHED_EVERY) && self.mechanism.shrinks() {
                self.cache.keep(number, place, size);
            }
        }
    }

    fn refused(&mut self, number: usize) {
        self.note_dropped();
        let Some(block) = self.blocks.remove(&number) else {
            return;
        };
        if let Some(old) = block.place {
            // SAFETY: the block is this program's own: what could not grow is given up.
            let freed = unsafe { self.heap.free(old) };
            debug_assert!(freed.is_ok(), "a block of its own");
        }
        self.outcome.refused += 1;
        if block.size < SMALL_BELOW {
            self.outcome.refused_small += 1;
        }
        self.outcome.first_refusal.get_or_insert(self.now);
    }

    /// Forgets the blocks that the shrinker has freed.
    fn note_dropped(&mut self) {
        for number in self.cache.dropped() {
            self.blocks.remove(&number);
            self.outcome.dropped += 1;
        }
    }

    fn resize(&mut self, number: usize, size: u32) {
        self.cache.forget(number);
        let Some(block) = self.blocks.get_mut(&number) else {
            return;
        };
        block.size = size;
        if block.waiting.is_some() {
            return self.wait_for_other_size(number);
        }
        let Some(place) = block.place else { return };
        let block = &self.blocks[&number];
        let request = self.wanted(block);
        // SAFETY: the block is this program's own.
        let resized = unsafe { self.heap.try_reallocate(place, request) };
        match resized {
            Ok(place) => {
                self.outcome.requests += 1;
                self.note_dropped();
                if let Some(block) = self.blocks.get_mut(&number) {
                    block.place = Some(place);
                }
            }
            Err(_) if self.mechanism.waits() => self.request(number),
            Err(_) => {
                self.outcome.requests += 1;
                self.refused(number);
            }
        }
    }

    /// The program would have resized a block for which it still waits: it waits for the new size
    /// instead, at the end of the queue.
    fn wait_for_other_size(&mut self, number: usize) {
        let begun = self
            .blocks
            .get_mut(&number)
            .and_then(|block| block.waiting.take());
        self.in_queue.retain(|&waiting| waiting != number);
        self.request(number);
        if let (Some((_, begun)), Some(block)) = (begun, self.blocks.get_mut(&number)) {
            match &mut block.waiting {
                Some((_, since)) => *since = begun,
                None => self.note_wait(number, begun),
            }
        }
    }

    fn note_wait(&mut self, number: usize, begun: usize) {
        let wait = self.now - begun;
        self.outcome.waited += 1;
        self.outcome.longest_wait = self.outcome.longest_wait.max(wait);
        if let Some(block) = self.blocks.get_mut(&number) {
            block.late += wait;
        }
    }

    /// Frees a block now, or as much later as its task is late.
    fn free_in_time(&mut self, number: usize) {
        self.cache.forget(number);
        let now = self.now;
        let Some(block) = self.blocks.get_mut(&number) else {
            return;
        };
        block.freed_at = Some(now);
        match (block.waiting.is_some(), block.late) {
            (true, _) => {}
            (false, 0) => self.free(number),
            (false, late) => self.later.entry(now + late).or_default().push(number),
        }
    }

    fn free(&mut self, number: usize) {
        if let Some(place) = self.blocks.remove(&number).and_then(|block| block.place) {
            // SAFETY: the block was this program's own.
            let freed = unsafe { self.heap.free(place) };
            debug_assert!(freed.is_ok(), "a block of its own");
        }
    }

    /// Time goes on: tasks that are late free their blocks, those that wait are served or give up.
    fn go_on(&mut self) {
        self.now += 1;
        while let Some(entry) = self
            .later
            .first_entry()
            .filter(|entry| *entry.key() <= self.now)
        {
            entry
                .remove()
                .into_iter()
                .for_each(|number| self.free(number));
        }
        for number in self.in_queue.clone() {
            self.look_at_waiting(number);
        }
    }

    fn look_at_waiting(&mut self, number: usize) {
        let now = self.now;
        let Some(block) = self.blocks.get_mut(&number) else {
            return;
        };
        let Some((waiting, begun)) = &mut block.waiting else {
            return;
        };
        let begun = *begun;
        let polled = waiting
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        if polled.is_pending() && now - begun < TIME_OUT {
            return;
        }
        block.waiting = None;
        self.in_queue.retain(|&waiting| waiting != number);
        match polled {
            Poll::Ready(Ok(place)) => {
                self.note_wait(number, begun);
                self.served(number, place);
            }
            Poll::Ready(Err(_)) | Poll::Pending => self.refused(number),
        }
    }

    /// Ends the replay of the trace: requests that still wait are refused.
    fn finish(mut self) -> Outcome {
        for number in std::mem::take(&mut self.in_queue) {
            if let Some(block) = self.blocks.get_mut(&number) {
                block.waiting = None;
            }
            self.refused(number);
        }
        self.outcome
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome;
    use crate::night::Mechanism;
    use heap_report::recorded::Trace;

    fn trace(text: &str) -> Trace {
        Trace::from_bytes("test", text.as_bytes()).unwrap()
    }

    fn play(trace: &Trace, bytes: u32, mechanism: Mechanism) -> Outcome {
        super::play(trace, bytes, mechanism).unwrap()
    }

    #[test]
    fn a_roomy_heap_serves_all_under_every_mechanism() {
        let trace = trace("a 0 1000\na 1 200\nr 0 3000\nf 1\nm 1 64 100\nf 0\n");
        for mechanism in Mechanism::ALL {
            let outcome = play(&trace, 16_384, mechanism);
            let all = Outcome {
                requests: 4,
                ..Outcome::default()
            };
            assert_eq!(outcome, all, "{mechanism:?}");
        }
        let too_small = super::play(&trace, 16, Mechanism::Nothing).unwrap_err();
        assert!(
            too_small
                .to_string()
                .starts_with("test: 16 B with nothing: "),
            "{too_small}"
        );
    }

    #[test]
    fn what_is_refused_is_left_out_later() {
        let trace = trace("a 0 1500\na 1 1500\nr 1 1600\nf 1\nf 0\na 0 100\n");
        let outcome = play(&trace, 2700, Mechanism::Nothing);
        assert_eq!((outcome.requests, outcome.refused), (3, 1));
        assert_eq!((outcome.first_refusal, outcome.refused_small), (Some(1), 0));
    }

    #[test]
    fn one_that_waits_is_served_by_the_next_free_and_frees_as_much_later() {
        // The second one waits for operations 2 to 4 and lives as long as recorded: 2 operations.
        let trace = trace("a 0 1500\na 1 1500\na 2 10\nf 1\nf 0\na 3 10\na 4 10\na 5 1500\n");
        let outcome = play(&trace, 2700, Mechanism::Waiting);
        assert_eq!(
            (outcome.requests, outcome.refused, outcome.waited),
            (6, 0, 1)
        );
        assert_eq!(outcome.longest_wait, 4);
        assert_eq!(play(&trace, 2700, Mechanism::Nothing).refused, 1);
    }

    #[test]
    fn one_that_waits_to_the_end_is_refused() {
        let trace = trace("a 0 1500\na 1 1500\na 2 10\n");
        let outcome = play(&trace, 2700, Mechanism::Waiting);
        assert_eq!((outcome.refused, outcome.waited), (1, 0));
    }

    #[test]
    fn the_cache_is_every_fourth_large_block_and_gives_way() {
        let trace = trace("a 0 600\na 1 600\na 2 600\na 3 600\na 4 600\nf 3\nf 4\n");
        let outcome = play(&trace, 3300, Mechanism::Shrinkers);
        assert_eq!((outcome.refused, outcome.dropped), (0, 1));
        assert_eq!(play(&trace, 3300, Mechanism::Nothing).refused, 1);
    }

    #[test]
    fn a_reserve_is_used_once() {
        let trace = trace(
            &(0..60)
                .map(|slot| format!("a {slot} 100\n"))
                .collect::<String>(),
        );
        let plain = play(&trace, 5000, Mechanism::Nothing);
        let reserve = play(&trace, 5000, Mechanism::Emergency);
        assert!(reserve.refused > 0 && reserve.refused <= plain.refused + 1);
        assert!(reserve.first_refusal >= plain.first_refusal.map(|first| first - 1));
    }

    #[test]
    fn a_minimum_keeps_room_for_small_ones() {
        let mut text: String = (0..20).map(|slot| format!("a {slot} 300\n")).collect();
        text.push_str("a 20 40\na 21 40\n");
        let plain = play(&trace(&text), 4000, Mechanism::Nothing);
        let minimum = play(&trace(&text), 4000, Mechanism::Minimum);
        assert_eq!(minimum.refused_small, 0);
        assert!(minimum.refused >= plain.refused);
    }
}
