//! The heap that a program uses in place of its [`CapsHeap`], to have some of its blocks guarded.
//!
//! ```text
//!   allocate ─► turn? ─ no ──────────────────────────────────────► CapsHeap::allocate
//!                └ yes ─► a slot ─► larger block ─► pattern behind ─► armed behind the user's part
//!   free ─► guarded? ─ no ─► quarantine? ─ no ───────────────────► CapsHeap::free
//!             │                  └ yes ─► pattern ─► ring ─► the oldest: compared, freed
//!             └ yes ─► compared behind ─► pattern ─► armed at its start, kept until the slot is needed
//!   exception ─► slots: writer, place ─► poll ─► handler
//! ```

mod exception;
mod free;
mod keep;
mod sample;

use core::mem;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use heap_caps::{AllocRequest, Failure, Misuse, ReallocateError};
use heap_caps_alloc::CapsHeap;
use heap_caps_alloc::ffi::Locked;
use heap_trace::TraceContext;
use multi_heap::Unpoisoned;
use soc_regions::Caps;

use crate::caught::Caught;
use crate::guardable::GuardableHeap;
use crate::guards::{Guards, Stage};
use crate::quarantine::Quarantine;
use crate::sampling::{Countdown, Random, Sampling};
use crate::slots::{SLOTS, Slots};
use crate::watch::Watchpoints;

/// Called with what was found, outside of every lock: it may use the heap. It runs in the context
/// of a later call of the heap or of [`GuardedHeap::poll`], not in the exception.
pub type CaughtHandler = fn(&Caught);

/// A [`CapsHeap`] of which some blocks are guarded, and which keeps freed blocks for a while.
///
/// | parameter | is |
/// |---|---|
/// | `L` | the lock, that of the heap and of the guards alike |
/// | `W` | the processor's data breakpoints |
/// | `C` | source of time, core, owner and call stack; asked in the debug exception, too |
/// | `KEPT` | how many freed blocks the quarantine keeps at most |
/// | `P`, `O`, `HEAPS` | as of the heap |
pub type GuardedHeap<
    L,
    W,
    C = (),
    const KEPT: usize = 64,
    P = Unpoisoned,
    O = (),
    const HEAPS: usize = 16,
> = Guarded<CapsHeap<L, P, O, HEAPS>, W, C, KEPT>;

/// A heap of which some blocks are guarded, see [`GuardedHeap`].
///
/// What it does it does in its own functions: a block that comes from them goes back to them. Typed
/// allocators, buffers and C reach the heap itself, and are not guarded.
pub struct Guarded<H: GuardableHeap + 'static, W: Watchpoints, C: TraceContext, const KEPT: usize> {
    heap: &'static H,
    watchpoints: W,
    context: C,
    countdown: Countdown,
    /// Whether some block is guarded or some would be kept: else a free is the heap's own.
    active: AtomicBool,
    keeps: AtomicBool,
    slots: Slots,
    /// Which slots may be used, a bit each.
    allowed: u32,
    state: Locked<H::Lock, State<KEPT>>,
}

/// What the lock protects.
struct State<const KEPT: usize> {
    guards: Guards,
    quarantine: Quarantine<KEPT>,
    sampling: Sampling,
    random: Random,
    handler: Option<CaughtHandler>,
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
    /// How often a writer was caught.
    pub caught: u32,
}

impl<H: GuardableHeap, W: Watchpoints, C: TraceContext, const KEPT: usize> Guarded<H, W, C, KEPT> {
    /// The same heap, so far without guards and without quarantine. May use every data breakpoint
    /// that nobody else has armed.
    #[must_use]
    pub const fn new(heap: &'static H, watchpoints: W, context: C) -> Self {
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

    /// Returns the heap behind it.
    pub const fn heap(&self) -> &'static H {
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

    /// Keeps freed blocks from now on, up to `bytes` bytes; 0 for none. The excess is
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

    /// Sets the handler and returns the previous one (initially `None`): a finding is counted.
    pub fn set_handler(&self, handler: Option<CaughtHandler>) -> Option<CaughtHandler> {
        mem::replace(&mut self.state.acquire().handler, handler)
    }

    /// Returns what there is and what there was. O(1).
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

    /// Returns whether frees and resizes have to come by.
    #[inline(always)]
    pub(crate) fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }
}

/// Allocation and free: as the functions of [`CapsHeap`], whose contracts and errors they have.
#[expect(
    clippy::result_large_err,
    reason = "the record is what one calls these for; GlobalAlloc uses the cause alone"
)]
impl<H: GuardableHeap, W: Watchpoints, C: TraceContext, const KEPT: usize> Guarded<H, W, C, KEPT> {
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
    /// As [`CapsHeap::free`]; a block that is kept is
    /// [`AlreadyFree`](heap_caps::MisuseKind::AlreadyFree).
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
    /// As [`CapsHeap::reallocate`]; a block that is kept is
    /// [`AlreadyFree`](heap_caps::MisuseKind::AlreadyFree).
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

    /// Returns the bytes that can be used at `pointer`, at least those asked for; of a guarded
    /// block exactly those. O(heaps).
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
        self.heap.usable_size(pointer)
    }
}
