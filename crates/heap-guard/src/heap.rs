//! The heap that a program uses in place of its [`CapsHeap`], to have some of its blocks guarded.
//!
//! ```text
//!   allocate ─► turn? ─ no ──────────────────────────────────────► CapsHeap::allocate
//!                └ yes ─► a slot ─► larger block ─► pattern behind ─► armed behind the user's part
//!   free ─► guarded? ─ no ─► quarantine? ─ no ───────────────────► CapsHeap::free
//!             │                  └ yes ─► pattern ─► ring ─► the oldest: compared, freed
//!             └ yes ─► compared behind ─► pattern ─► armed at its start, kept until the slot is needed
//!   exception ─► slots: who, where ─► poll ─► handler
//! ```

use core::mem;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use heap_caps::{AllocRequest, Failure, Misuse, MisuseKind, Observer, Placement, ReallocateError};
use heap_caps_alloc::ffi::Locked;
use heap_caps_alloc::{Action, CapsHeap, Fault, RawLock, Shortage, Shrink};
use heap_trace::TraceContext;
use multi_heap::{Poison, Unpoisoned};
use soc_regions::Caps;

use crate::caught::{Block, Caught, Change, Hit};
use crate::contents::{self, Forbidden};
use crate::guards::{Ended, Guard, Guards, Stage};
use crate::origin::Origin;
use crate::quarantine::{Kept, Quarantine};
use crate::sampling::{Candidate, Countdown, Random, Sampling};
use crate::slots::{SLOTS, Slots, Written};
use crate::stop::Stop;
use crate::watch::Watchpoints;

/// Bytes behind a guarded block's user part, where a breakpoint can watch as many.
const ZONE: u32 = 32;

/// Called with what was found, outside of every lock: it may use the heap. It runs in the context
/// of a later call of the heap or of [`GuardedHeap::poll`], not in the exception.
pub type CaughtHandler = fn(&Caught);

/// A [`CapsHeap`] of which some blocks are guarded, and which keeps freed blocks for a while.
///
/// | parameter | is |
/// |---|---|
/// | `L` | the lock, that of the heap and of the guards alike |
/// | `W` | the processor's data breakpoints |
/// | `C` | who knows time, core, owner and call stack; asked in the debug exception, too |
/// | `KEPT` | how many freed blocks the quarantine keeps at most |
/// | `P`, `O`, `HEAPS` | as of the heap |
///
/// What it does it does in its own functions: a block that comes from them goes back to them. Typed
/// allocators, buffers and C reach the heap itself, and are not guarded.
pub struct GuardedHeap<
    L: RawLock + 'static,
    W: Watchpoints,
    C: TraceContext = (),
    const KEPT: usize = 64,
    P: Poison + 'static = Unpoisoned,
    O: Observer + 'static = (),
    const HEAPS: usize = 16,
> {
    heap: &'static CapsHeap<L, P, O, HEAPS>,
    watchpoints: W,
    context: C,
    countdown: Countdown,
    /// Whether some block is guarded or some would be kept: else a free is the heap's own.
    active: AtomicBool,
    keeps: AtomicBool,
    slots: Slots,
    /// Which slots may be used, a bit each.
    allowed: u32,
    state: Locked<L, State<KEPT>>,
}

/// What the lock protects.
struct State<const KEPT: usize> {
    guards: Guards,
    quarantine: Quarantine<KEPT>,
    sampling: Sampling,
    random: Random,
    handler: Option<CaughtHandler>,
    last: Option<Caught>,
    sampled: u32,
    caught: u32,
}

/// What there is and what there was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuardFigures {
    /// Allocations that got a guard so far.
    pub sampled: u32,
    /// Blocks in use that are guarded now.
    pub live: usize,
    /// Freed blocks that are guarded now.
    pub freed: usize,
    /// Freed blocks in quarantine besides.
    pub kept: usize,
    /// Their bytes.
    pub kept_bytes: u32,
    /// How often somebody was caught.
    pub caught: u32,
}

impl<
    L: RawLock,
    W: Watchpoints,
    C: TraceContext,
    const KEPT: usize,
    P: Poison,
    O: Observer,
    const HEAPS: usize,
> GuardedHeap<L, W, C, KEPT, P, O, HEAPS>
{
    /// The same heap, so far without guards and without quarantine. May use every data breakpoint
    /// that nobody else has armed.
    #[must_use]
    pub const fn new(heap: &'static CapsHeap<L, P, O, HEAPS>, watchpoints: W, context: C) -> Self {
        Self {
            heap,
            watchpoints,
            context,
            countdown: Countdown::stopped(),
            active: AtomicBool::new(false),
            keeps: AtomicBool::new(false),
            slots: Slots::new(),
            allowed: u32::MAX,
            state: Locked::new(State {
                guards: Guards::new(),
                quarantine: Quarantine::new(),
                sampling: Sampling::OFF,
                random: Random::new(),
                handler: None,
                last: None,
                sampled: 0,
                caught: 0,
            }),
        }
    }

    /// The same with these slots only, a bit each: the rest is left to a debugger, or to what
    /// watches the stack.
    #[must_use]
    pub const fn with_slots(mut self, mask: u32) -> Self {
        self.allowed = mask;
        self
    }

    /// The heap behind it.
    pub const fn heap(&self) -> &'static CapsHeap<L, P, O, HEAPS> {
        self.heap
    }

    /// From now on these allocations get guards. Guards that are there stay until their slot is
    /// needed; [`GuardedHeap::release`] ends them.
    pub fn set_sampling(&self, sampling: Sampling) {
        let stir = self.context.ticks();
        let mut state = self.state.acquire();
        state.sampling = sampling;
        let interval = sampling.interval(state.random.next(stir));
        self.countdown.set(interval);
    }

    /// From now on freed blocks are kept, up to so many bytes; 0 for none. What is too much is
    /// freed now.
    ///
    /// As long as the budget is not 0, a free takes time in proportion to the block's size: it is
    /// filled with [`PATTERN`](crate::PATTERN), and compared when it leaves.
    pub fn set_quarantine(&self, bytes: u32) {
        self.state.acquire().quarantine.set_budget(bytes);
        while let Some(kept) = self.pop_for(0) {
            self.release_kept(&kept);
        }
        self.refresh_active();
    }

    /// Sets who is told of what was found; returns who was. Nobody is, at first: it is counted and
    /// the last is kept.
    pub fn set_handler(&self, handler: Option<CaughtHandler>) -> Option<CaughtHandler> {
        mem::replace(&mut self.state.acquire().handler, handler)
    }

    /// The last that was found.
    #[must_use]
    pub fn last_caught(&self) -> Option<Caught> {
        self.state.acquire().last
    }

    /// What there is and what there was. O(1).
    #[must_use]
    pub fn figures(&self) -> GuardFigures {
        let state = self.state.acquire();
        let of = |stage| {
            let guards = state.guards.iter();
            guards.filter(|guard| guard.stage == stage).count()
        };
        GuardFigures {
            sampled: state.sampled,
            live: of(Stage::Live),
            freed: of(Stage::Freed),
            kept: state.quarantine.blocks(),
            kept_bytes: state.quarantine.bytes(),
            caught: state.caught,
        }
    }

    /// Ends all guards, and frees what is kept.
    pub fn release(&self) {
        self.poll();
        for slot in 0..SLOTS {
            let (guard, hit) = {
                let mut state = self.state.acquire();
                let is_there = state
                    .guards
                    .get(slot)
                    .is_some_and(|guard| matches!(guard.stage, Stage::Live | Stage::Freed));
                if !is_there {
                    continue;
                }
                state.guards.retire(slot, &self.slots, &self.watchpoints)
            };
            self.ended(&guard, hit);
        }
        while let Some(kept) = self.pop() {
            self.release_kept(&kept);
        }
        self.refresh_active();
    }
}

/// Allocation and free: as the functions of [`CapsHeap`], whose contracts and errors they have.
#[expect(
    clippy::result_large_err,
    reason = "the record is what one calls these for; GlobalAlloc uses the cause alone"
)]
impl<
    L: RawLock,
    W: Watchpoints,
    C: TraceContext,
    const KEPT: usize,
    P: Poison,
    O: Observer,
    const HEAPS: usize,
> GuardedHeap<L, W, C, KEPT, P, O, HEAPS>
{
    /// Allocates what `request` asks for.
    ///
    /// # Errors
    /// As [`CapsHeap::allocate`].
    pub fn allocate(&self, request: &AllocRequest<'_>) -> Result<NonNull<u8>, Failure> {
        match self.sampled(request) {
            Some(block) => Ok(block),
            None => self.heap.allocate(request),
        }
    }

    /// Allocates `size` bytes of memory that has all of `caps`: [`GuardedHeap::allocate`] by
    /// ESP-IDF's name.
    ///
    /// # Errors
    /// As [`CapsHeap::allocate`].
    #[track_caller]
    pub fn malloc(&self, size: usize, caps: Caps) -> Result<NonNull<u8>, Failure> {
        self.allocate(&AllocRequest::new(size, caps))
    }

    /// Frees a block. One that is guarded or goes into quarantine is kept, and freed later.
    ///
    /// # Errors
    /// As [`CapsHeap::free`]; a block that is kept is [`MisuseKind::AlreadyFree`].
    ///
    /// # Safety
    /// As [`CapsHeap::free`].
    #[inline]
    pub unsafe fn free(&self, pointer: NonNull<u8>) -> Result<(), Misuse> {
        if self.is_active() {
            // SAFETY: the caller keeps the same contract.
            return unsafe { self.free_slowly(pointer) };
        }
        // SAFETY: the same.
        unsafe { self.heap.free(pointer) }
    }

    /// Resizes a block. A guarded one loses its guard.
    ///
    /// # Errors
    /// As [`CapsHeap::reallocate`]; a block that is kept is [`MisuseKind::AlreadyFree`].
    ///
    /// # Safety
    /// As [`CapsHeap::reallocate`].
    pub unsafe fn reallocate(
        &self,
        pointer: NonNull<u8>,
        request: &AllocRequest<'_>,
    ) -> Result<NonNull<u8>, ReallocateError> {
        if self.is_active() {
            self.unguard(pointer).map_err(ReallocateError::Misuse)?;
        }
        // SAFETY: the caller keeps the same contract.
        unsafe { self.heap.reallocate(pointer, request) }
    }

    /// Bytes that can be used at `pointer`, at least those asked for; of a guarded block exactly
    /// those. O(heaps).
    ///
    /// # Errors
    /// As [`GuardedHeap::free`].
    pub fn usable_size(&self, pointer: NonNull<u8>) -> Result<u32, Misuse> {
        if let Some(slot) = self.slots.find(pointer.addr().get()) {
            let guard = self.state.acquire().guards.get(slot).copied();
            match guard.map(|guard| (guard.stage, guard.size)) {
                Some((Stage::Live, size)) => return Ok(size),
                _ => return Err(self.already_free(pointer)),
            }
        }
        if self.is_kept(pointer) {
            return Err(self.already_free(pointer));
        }
        self.heap.inspect().usable_size(pointer)
    }
}

/// What the program's debug exception and its idle task call.
impl<
    L: RawLock,
    W: Watchpoints,
    C: TraceContext,
    const KEPT: usize,
    P: Poison,
    O: Observer,
    const HEAPS: usize,
> GuardedHeap<L, W, C, KEPT, P, O, HEAPS>
{
    /// Writes down who wrote, if the exception is about a guard, and disarms it: the instruction
    /// goes on. Returns whether it was; if not, it is a debugger's or a fault. O(slots), without a
    /// lock, whatever was interrupted.
    pub fn on_debug_exception(&self, stop: &Stop) -> bool {
        let Some(slot) = self.slots.touched(stop) else {
            let slot = stop.slot.filter(|slot| self.slots.is_taken((*slot).into()));
            // The other core has changed what is watched, and this one had not heard of it.
            return slot.is_some_and(|slot| {
                self.watchpoints.set(slot, self.slots.watch(slot.into()));
                true
            });
        };
        let written = Written {
            stop: *stop,
            owner: self.context.owner(),
            core: self.context.core(),
            ticks: self.context.ticks(),
        };
        self.slots.keep(slot, &written);
        if let Ok(slot) = u8::try_from(slot) {
            self.watchpoints.set(slot, None);
        }
        true
    }

    /// Whether a guard watches some of these bytes: for [`riscv::stop`](crate::riscv::stop).
    /// O(slots).
    #[must_use]
    pub fn watches(&self, access: crate::Access) -> bool {
        self.slots.touching(access.address, access.bytes).is_some()
    }

    /// Arms on the core that calls what the guards watch now: breakpoints are each core's own, and
    /// a guard is armed by the core that allocates or frees. For the other core's timer, or an
    /// interrupt between the cores. O(slots).
    pub fn arm_this_core(&self) {
        let _guards_stay = self.state.acquire();
        for slot in (0..SLOTS).filter(|slot| self.slots.is_taken(*slot)) {
            if let Ok(number) = u8::try_from(slot) {
                self.watchpoints.set(number, self.slots.watch(slot));
            }
        }
    }

    /// Tells the handler of writes that nobody has told of yet; returns how many. Calls of the heap
    /// that have to do with guards do so, too: this is for the idle task, and for the last words of
    /// a program. O(slots).
    pub fn poll(&self) -> u32 {
        if !self.slots.has_hits() {
            return 0;
        }
        self.slots.clear_hits();
        let mut hits = 0;
        for slot in 0..SLOTS {
            let hit = self.state.acquire().guards.collect(slot, &self.slots);
            hits += u32::from(hit.is_some());
            self.report_hit(hit);
        }
        hits
    }
}

/// Sampled blocks.
impl<
    L: RawLock,
    W: Watchpoints,
    C: TraceContext,
    const KEPT: usize,
    P: Poison,
    O: Observer,
    const HEAPS: usize,
> GuardedHeap<L, W, C, KEPT, P, O, HEAPS>
{
    /// A guarded block for `request`, if it is its turn.
    #[inline(always)]
    pub(crate) fn sampled(&self, request: &AllocRequest<'_>) -> Option<NonNull<u8>> {
        if self.countdown.is_due() {
            self.sample(request)
        } else {
            None
        }
    }

    #[cold]
    #[inline(never)]
    fn sample(&self, request: &AllocRequest<'_>) -> Option<NonNull<u8>> {
        self.poll();
        let larger = enlarged::<W>(request)?;
        let caps = first_caps(request.placement())?;
        let needed = larger.size().checked_add(larger.alignment())?;
        if usize::try_from(self.heap.inspect().largest_free_block(caps)).ok()? < needed {
            return None; // a guard is no reason to refuse somebody memory
        }
        let origin = Origin::now(&self.context, request.caller());
        let slot = self.reserve(request.size(), &origin)?;
        let Some((block, guard)) = self.guarded(request, &larger, origin) else {
            self.state.acquire().guards.empty(slot, &self.slots);
            return None;
        };
        let mut state = self.state.acquire();
        state.sampled = state.sampled.saturating_add(1);
        state
            .guards
            .arm(slot, guard, &self.slots, &self.watchpoints);
        self.active.store(true, Ordering::Relaxed);
        Some(block)
    }

    /// A slot for a request that the sampling wants; the next interval begins.
    fn reserve(&self, size: usize, origin: &Origin) -> Option<usize> {
        let [caller, ..] = origin.callers;
        let candidate = Candidate {
            size,
            owner: origin.owner,
            place: origin.place,
            caller,
        };
        let (slot, guard, hit) = {
            let mut state = self.state.acquire();
            if !state.sampling.wants(&candidate) {
                return None;
            }
            let slot = state.guards.room(&self.watchpoints, self.allowed)?;
            let random = state.random.next(origin.ticks);
            self.countdown.set(state.sampling.interval(random));
            let (guard, hit) = state.guards.disarm(slot, &self.slots, &self.watchpoints);
            self.slots.set_pointer(slot, 0);
            (slot, guard, hit)
        };
        self.ended(&guard, hit);
        Some(slot)
    }

    /// A block that is larger than asked for, with the pattern behind the user's part.
    fn guarded(
        &self,
        request: &AllocRequest<'_>,
        larger: &AllocRequest<'_>,
        origin: Origin,
    ) -> Option<(NonNull<u8>, Guard)> {
        let block = self.heap.try_allocate(*larger)?;
        let address = self.heap.inspect().address_of(block).ok()?;
        let size = u32::try_from(request.size()).ok()?;
        let room = u32::try_from(larger.size()).ok()?;
        // SAFETY: the block was just allocated with so many bytes, and its user is told of the
        // first `size` only.
        let behind = unsafe { Forbidden::behind(block, size, room) };
        behind.fill();
        let place = (block.as_ptr().expose_provenance(), address);
        Some((block, Guard::live(place, (size, room), origin)))
    }

    /// A guard has ended because its slot is needed: a freed block goes on its way.
    fn ended(&self, guard: &Guard, hit: Option<Hit>) {
        let is_hit = guard.is_hit || hit.is_some();
        self.report_hit(hit);
        if guard.stage != Stage::Freed {
            return;
        }
        self.compare_and_free(guard.pointer, guard.room, guard.block(), is_hit);
    }

    /// # Safety
    /// As [`CapsHeap::free`].
    #[cold]
    #[inline(never)]
    unsafe fn free_slowly(&self, pointer: NonNull<u8>) -> Result<(), Misuse> {
        self.poll();
        if let Some(slot) = self.slots.find(pointer.addr().get()) {
            return self.free_guarded(slot, pointer);
        }
        if self.keeps.load(Ordering::Relaxed) {
            // SAFETY: the caller keeps the same contract.
            return unsafe { self.keep(pointer) };
        }
        // SAFETY: the same.
        unsafe { self.heap.free(pointer) }
    }

    /// Keeps a guarded block that its user gives up: it is armed at its start.
    fn free_guarded(&self, slot: usize, pointer: NonNull<u8>) -> Result<(), Misuse> {
        let freed = Origin::now(&self.context, None);
        let guard = self.end_live(slot, pointer, Guards::disarm)?;
        // SAFETY: its user has given up all of it.
        let all = unsafe { Forbidden::behind(pointer, 0, guard.room) };
        all.fill();
        let guard = guard.freed_by(freed);
        let mut state = self.state.acquire();
        state
            .guards
            .arm(slot, guard, &self.slots, &self.watchpoints);
        Ok(())
    }

    /// Ends the guard of a block in use by `end`, and tells what was written behind it.
    ///
    /// # Errors
    /// The block is kept.
    fn end_live(
        &self,
        slot: usize,
        pointer: NonNull<u8>,
        end: fn(&mut Guards, usize, &Slots, &W) -> Ended,
    ) -> Result<Guard, Misuse> {
        let (guard, hit) = {
            let mut state = self.state.acquire();
            let stage = state.guards.get(slot).map(|guard| guard.stage);
            if stage != Some(Stage::Live) {
                drop(state);
                return Err(self.already_free(pointer));
            }
            end(&mut state.guards, slot, &self.slots, &self.watchpoints)
        };
        let is_hit = guard.is_hit || hit.is_some();
        self.report_hit(hit);
        // SAFETY: the guard's block is still allocated, and `size` was all that its user had.
        let behind = unsafe { Forbidden::behind(pointer, guard.size, guard.room) };
        self.report_change(behind.changed().filter(|_| !is_hit), guard.block());
        Ok(guard)
    }

    /// The block at `pointer` has no guard any more: the heap itself may have it.
    ///
    /// # Errors
    /// It is kept.
    pub(crate) fn unguard(&self, pointer: NonNull<u8>) -> Result<(), Misuse> {
        self.poll();
        if self.is_kept(pointer) {
            return Err(self.already_free(pointer));
        }
        let Some(slot) = self.slots.find(pointer.addr().get()) else {
            return Ok(());
        };
        self.end_live(slot, pointer, Guards::retire)?;
        self.refresh_active();
        Ok(())
    }
}

/// Quarantine.
impl<
    L: RawLock,
    W: Watchpoints,
    C: TraceContext,
    const KEPT: usize,
    P: Poison,
    O: Observer,
    const HEAPS: usize,
> GuardedHeap<L, W, C, KEPT, P, O, HEAPS>
{
    /// Keeps a block that its user gives up, if it is one and there is room for it; else the heap
    /// has it.
    ///
    /// # Safety
    /// As [`CapsHeap::free`].
    unsafe fn keep(&self, pointer: NonNull<u8>) -> Result<(), Misuse> {
        let bytes = self.heap.inspect().usable_size(pointer)?;
        let address = self.heap.inspect().address_of(pointer)?;
        // SAFETY: a block of the heap, which has a word at least.
        if unsafe { contents::begins_with_pattern(pointer) } && self.is_kept(pointer) {
            return Err(self.already_free(pointer));
        }
        let is_data = self
            .heap
            .inspect()
            .locked(|heaps| heaps.heap_at(address).is_some());
        let takes = self.state.acquire().quarantine.takes(bytes);
        if !is_data || !takes || bytes < 4 {
            // SAFETY: the caller keeps the same contract.
            return unsafe { self.heap.free(pointer) };
        }
        // SAFETY: a block of so many bytes, which its user has given up.
        let all = unsafe { Forbidden::behind(pointer, 0, bytes) };
        all.fill();
        let freed = Origin::now(&self.context, None);
        let kept = Kept::new(pointer.as_ptr().expose_provenance(), address, bytes, &freed);
        loop {
            while let Some(oldest) = self.pop_for(bytes) {
                self.release_kept(&oldest);
            }
            if self.state.acquire().quarantine.push(kept) {
                return Ok(()); // else somebody else took the place meanwhile
            }
        }
    }

    fn pop_for(&self, bytes: u32) -> Option<Kept> {
        self.state.acquire().quarantine.pop_for(bytes)
    }

    fn pop(&self) -> Option<Kept> {
        self.state.acquire().quarantine.pop()
    }

    fn is_kept(&self, pointer: NonNull<u8>) -> bool {
        self.keeps.load(Ordering::Relaxed)
            && self
                .state
                .acquire()
                .quarantine
                .contains(pointer.addr().get())
    }

    fn release_kept(&self, kept: &Kept) {
        let block = Block {
            address: kept.address,
            size: kept.bytes,
            allocated: None,
            freed: Some(kept.freed()),
        };
        self.compare_and_free(kept.pointer, kept.bytes, block, false);
    }

    /// Frees a block that was kept; a change of its contents is told, unless it is known.
    fn compare_and_free(&self, pointer: usize, bytes: u32, block: Block, is_known: bool) {
        let Some(pointer) = NonNull::new(core::ptr::with_exposed_provenance_mut(pointer)) else {
            return;
        };
        // SAFETY: a block that its user gave up; it is still allocated, and was exposed.
        let all = unsafe { Forbidden::behind(pointer, 0, bytes) };
        self.report_change(all.changed().filter(|_| !is_known), block);
        // SAFETY: nobody uses it.
        let freed = unsafe { self.heap.free(pointer) };
        self.report(Action::Free, pointer, freed);
    }

    /// Frees the oldest block that is kept; returns how many bytes that were.
    fn release_oldest(&self) -> u32 {
        if let Some(kept) = self.pop() {
            self.release_kept(&kept);
            return kept.bytes;
        }
        let (guard, hit) = {
            let mut state = self.state.acquire();
            let Some(slot) = state.guards.oldest_freed() else {
                return 0;
            };
            state.guards.retire(slot, &self.slots, &self.watchpoints)
        };
        self.ended(&guard, hit);
        self.refresh_active();
        guard.room
    }

    /// Decides again whether a free has to come by.
    fn refresh_active(&self) {
        let state = self.state.acquire();
        let keeps = state.quarantine.budget() > 0;
        self.keeps.store(keeps, Ordering::Relaxed);
        let active = keeps || !state.guards.is_empty();
        self.active.store(active, Ordering::Relaxed);
    }

    /// A block that is kept was given up once more, or used.
    #[cold]
    fn already_free(&self, pointer: NonNull<u8>) -> Misuse {
        let address = match self.heap.inspect().address_of(pointer) {
            Ok(address) => address,
            Err(misuse) => return misuse,
        };
        let view = self.heap.inspect().locked(|heaps| heaps.heap_at(address));
        Misuse {
            address,
            heap_start: view.map(|view| view.span.start()),
            kind: MisuseKind::AlreadyFree,
        }
    }

    /// Reports a misuse, if it is one, to the heap's report handler.
    pub(crate) fn report(&self, action: Action, pointer: NonNull<u8>, done: Result<(), Misuse>) {
        if let Err(misuse) = done {
            let faults = self.heap.faults();
            faults.report_of(action, Fault::Misuse(misuse), pointer.as_ptr());
        }
    }

    fn report_hit(&self, hit: Option<Hit>) {
        if let Some(hit) = hit {
            self.notify(&Caught::Write(hit));
        }
    }

    /// Tells of a change at a distance from the block's start.
    fn report_change(&self, changed: Option<(u32, u32)>, block: Block) {
        if let Some((distance, found)) = changed {
            self.notify(&Caught::Change(Change {
                address: block.address.wrapping_add(distance),
                found,
                block,
            }));
        }
    }

    #[cold]
    fn notify(&self, caught: &Caught) {
        let handler = {
            let mut state = self.state.acquire();
            state.caught = state.caught.saturating_add(1);
            state.last = Some(*caught);
            state.handler
        };
        if let Some(handler) = handler {
            handler(caught);
        }
    }

    /// Whether frees and resizes have to come by.
    #[inline(always)]
    pub(crate) fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }
}

/// Under pressure it gives back what it keeps, the oldest first: registered as a
/// [`Shrinker`](heap_caps_alloc::Shrinker), no request is refused because of it.
impl<
    L: RawLock + Sync,
    W: Watchpoints + Sync,
    C: TraceContext + Sync,
    const KEPT: usize,
    P: Poison + Sync,
    O: Observer + Sync,
    const HEAPS: usize,
> Shrink for GuardedHeap<L, W, C, KEPT, P, O, HEAPS>
where
    Self: Sync,
{
    fn shrink(&self, _: &Shortage) -> u32 {
        self.release_oldest()
    }
}

/// The same request, larger by what is watched behind it, and so aligned that much of it can be
/// watched when it is free. `None` if it is one that gets no guard: of code, by type, impossible.
fn enlarged<'a, W: Watchpoints>(request: &AllocRequest<'a>) -> Option<AllocRequest<'a>> {
    const ALIGNMENT: u32 = 64;
    let alignment = usize::try_from(ALIGNMENT.min(W::LARGEST)).ok()?;
    let zone = usize::try_from(ZONE.min(W::LARGEST)).ok()?;
    if request.size() == 0 || !request.is_well_aligned() {
        return None;
    }
    let used = request.size().checked_next_multiple_of(4)?;
    let larger = request.with_size(used.checked_add(zone)?);
    let alignment = alignment.max(request.alignment());
    Some(larger.aligned_to(alignment).fail_fast())
}

/// The capabilities by which memory is looked for first; `None` for code, which has two addresses,
/// and for memory by its type.
fn first_caps(placement: Placement<'_>) -> Option<Caps> {
    let caps = match placement {
        Placement::Caps(caps) => caps,
        Placement::Default => Caps::DEFAULT,
        Placement::Prefer(sets) => *sets.first()?,
        Placement::Tag(_) => return None,
    };
    (!caps.contains(Caps::EXEC)).then_some(caps)
}
