//! Emergency reserves: blocks that are kept back until nothing else is left.
//!
//! ```text
//!   armed ── failure path, or by hand ──► open ── the largest free block is large enough again ──► armed
//!     a block of the heap                   no block; each free checks `rearm_at`
//! ```
//!
//! In between a reserve is *in transition*: its block is being allocated, filled or freed without
//! the lock, by the one context that put it there.
//!
//! A block is freed and the request tried under the same lock. What cannot be served even so costs
//! no reserve: the block is allocated again. Until the handlers have returned, the bytes are
//! *held*: they go neither to requests that wait nor back into a reserve.

use core::ptr::NonNull;

use heap_caps::{
    AllocRequest, FailureKind, HeapMask, Misuse, Observer, Owner, PendingAllocation, PressureEvent,
    PressureKind, Relief,
};
use multi_heap::Poison;
use soc_regions::Caps;

use super::PressureControl;
use super::limit::Ruling;
use super::table::Table;
use crate::heap::{CapsHeap, State};
use crate::lock::{Guard, RawLock};
use crate::report::{Action, Fault};

/// How many emergency reserves a heap can have.
pub const EMERGENCIES: usize = 2;

/// An emergency reserve was released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmergencyRelease {
    /// Its name.
    pub name: &'static str,
    /// Its bytes.
    pub bytes: u32,
    /// How often it has been released so far, this time included.
    pub releases: u32,
}

/// Called after a reserve was released, outside of the lock: it may use the heap. Nobody who waits
/// for memory is served before it has returned, so it must not wait itself.
pub type EmergencyHandler = fn(&EmergencyRelease);

/// Memory kept for the last actions before a restart: report, close files, reset.
#[derive(Clone, Copy, Debug)]
pub struct EmergencyReserve {
    name: &'static str,
    request: AllocRequest<'static>,
    rearm_at: u32,
    serves_requests: bool,
    handler: Option<EmergencyHandler>,
}

impl EmergencyReserve {
    /// Creates a block of `bytes` in memory that has all of `caps`. After a release it is armed
    /// again as soon as there is a free block of twice its size.
    #[must_use]
    #[track_caller]
    pub const fn new(name: &'static str, caps: Caps, bytes: u32) -> Self {
        Self {
            name,
            // widening; the block has no owner, whichever task arms it, and costs no other reserve
            request: AllocRequest::new(bytes as usize, caps)
                .on_behalf_of(Owner::NOBODY)
                .fail_fast(),
            rearm_at: bytes.saturating_mul(2),
            serves_requests: true,
            handler: None,
        }
    }

    /// The same reserve, armed again when there is a free block of `bytes`; `u32::MAX`: never.
    #[must_use]
    pub const fn rearmed_at(self, bytes: u32) -> Self {
        Self {
            rearm_at: bytes,
            ..self
        }
    }

    /// The same reserve with a handler that is called after each release.
    #[must_use]
    pub const fn with_handler(self, handler: EmergencyHandler) -> Self {
        Self {
            handler: Some(handler),
            ..self
        }
    }

    /// The same reserve, kept from the request that fails: it is refused nevertheless, and the
    /// bytes are there for the handlers, unless there is a free block of their size anyway. For
    /// programs that cope with a refused request.
    #[must_use]
    pub const fn for_handlers(self) -> Self {
        Self {
            serves_requests: false,
            ..self
        }
    }

    const fn bytes(&self) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "it was made of 32 bits")]
        let bytes = self.request.size() as u32;
        bytes
    }
}

/// Why a reserve cannot be armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmergencyError {
    /// There are [`EMERGENCIES`] already.
    TableFull,
    /// There is no memory for it; the heap has the record.
    Refused(FailureKind),
}

multi_heap::texts!(EmergencyError {
    Self::TableFull => "there are {} emergency reserves already", EMERGENCIES;
    Self::Refused(cause) => "no memory for the emergency reserve: {}", cause;
});

impl core::error::Error for EmergencyError {}

/// Identity of an emergency reserve of a heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmergencyIndex(u8);

impl EmergencyIndex {
    /// Returns the number, for interfaces that hand out numbers.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Returns the index of a number: valid only for one that [`EmergencyIndex::number`] returned.
    #[must_use]
    pub const fn of_number(number: u8) -> Self {
        Self(number)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ReserveState {
    /// The block is being allocated or freed, without the lock.
    InTransition,
    Armed(NonNull<u8>),
    Open,
}

struct Entry {
    reserve: EmergencyReserve,
    state: ReserveState,
    releases: u32,
    /// A handler is to be called for the last release.
    unreported: bool,
    /// Its bytes are held until that handler is called.
    holds: bool,
}

impl Entry {
    const fn release(&self) -> EmergencyRelease {
        EmergencyRelease {
            name: self.reserve.name,
            bytes: self.reserve.bytes(),
            releases: self.releases,
        }
    }
}

/// The emergency reserves of a heap.
pub(super) struct Emergencies {
    entries: Table<Entry, EMERGENCIES>,
    /// Handlers that run at this moment, in the memory of a reserve.
    holders: u32,
}

// SAFETY: a block is memory of the heap, not of a thread.
unsafe impl Send for Emergencies {}

impl Emergencies {
    pub(super) const fn new() -> Self {
        Self {
            entries: Table::new(),
            holders: 0,
        }
    }

    /// Returns whether bytes of a reserve are kept for handlers.
    pub(super) fn is_held(&self) -> bool {
        self.holders > 0 || self.entries.iter().any(|(_, entry)| entry.holds)
    }

    /// Returns whether one waits to be armed again.
    pub(super) fn is_any_open(&self) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|(_, entry)| entry.state == ReserveState::Open)
    }

    /// Returns whether a handler is to be called.
    pub(super) fn is_any_unreported(&self) -> bool {
        self.entries.iter().any(|(_, entry)| entry.unreported)
    }

    fn get_mut(&mut self, index: EmergencyIndex) -> Option<&mut Entry> {
        self.entries.get_mut(index.0)
    }

    /// Returns the handler of a release that was not reported yet. Who calls it does so while it
    /// has a [`Held::begun`].
    pub(super) fn next_unreported(&mut self) -> Option<(EmergencyHandler, EmergencyRelease)> {
        let mut entries = self.entries.iter_mut();
        let (_, entry) = entries.find(|(_, entry)| entry.unreported)?;
        entry.unreported = false;
        entry.holds = false;
        let next = (entry.reserve.handler?, entry.release());
        self.holders += 1; // at most one a running context
        Some(next)
    }
}

/// A handler runs in the memory of a reserve. When this is dropped, it does not any more, even if
/// it panicked; [`CapsHeap::run_deferred`] is called then.
pub(super) struct Held<'h, L: RawLock, P: Poison, O: Observer, const HEAPS: usize> {
    heap: &'h CapsHeap<L, P, O, HEAPS>,
}

impl<'h, L: RawLock, P: Poison, O: Observer, const HEAPS: usize> Held<'h, L, P, O, HEAPS> {
    /// Ends what was counted among the holders.
    pub(super) const fn begun(heap: &'h CapsHeap<L, P, O, HEAPS>) -> Self {
        Self { heap }
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> Drop for Held<'_, L, P, O, HEAPS> {
    fn drop(&mut self) {
        self.heap.state.acquire().pressure.emergencies.holders -= 1;
    }
}

/// A reserve that is being armed: its block is taken, but not ready.
pub(super) struct Arming<P: Poison> {
    index: EmergencyIndex,
    pending: PendingAllocation<P>,
    block: NonNull<u8>,
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> State<L, P, O, HEAPS> {
    /// Allocates the block of an open reserve for which there is enough memory again.
    pub(super) fn arm_next(&mut self) -> Option<Arming<P>> {
        (0..)
            .take(EMERGENCIES)
            .find_map(|number| self.arm(EmergencyIndex(number)))
    }

    fn arm(&mut self, index: EmergencyIndex) -> Option<Arming<P>> {
        let entry = self.pressure.emergencies.get_mut(index)?;
        let (reserve, is_open) = (entry.reserve, entry.state == ReserveState::Open);
        let request = reserve.request;
        let caps = self.heaps.inspect().first_set(request.placement(), 0)?;
        if !is_open || self.heaps.inspect().largest_free_block(caps) < reserve.rearm_at {
            return None;
        }
        let ruling = self.rule(&request);
        self.allocate_reserve(index, &ruling)
    }

    /// Allocates the block of a reserve.
    fn allocate_reserve(&mut self, index: EmergencyIndex, ruling: &Ruling) -> Option<Arming<P>> {
        let request = self.pressure.emergencies.get_mut(index)?.reserve.request;
        let allocated = self.allocate_open(&request, ruling)?;
        let pending = self.heaps.phases().pending(allocated, &request);
        let block = self.pointer_to(allocated.address);
        if let Some(entry) = self.pressure.emergencies.get_mut(index) {
            entry.state = ReserveState::InTransition;
        }
        self.update_detour();
        Some(Arming {
            index,
            pending,
            block,
        })
    }

    /// Returns whether a reserve is armed and lies in memory that could serve a request
    /// (`for_request`), or is kept for handlers, who have no such block without it.
    fn is_releasable(
        &mut self,
        index: EmergencyIndex,
        candidates: HeapMask,
        for_request: bool,
    ) -> bool {
        let Some(entry) = self.pressure.emergencies.get_mut(index) else {
            return false;
        };
        let reserve = entry.reserve;
        let is_armed = matches!(entry.state, ReserveState::Armed(_));
        if !is_armed || candidates.is_empty() || reserve.serves_requests != for_request {
            return false;
        }
        let own = self.heaps.phases().candidates(&reserve.request);
        own.overlaps(candidates) && (for_request || !self.has_room_beside(&reserve))
    }

    /// Returns whether there is a free block of a reserve's size, without the reserve.
    fn has_room_beside(&self, reserve: &EmergencyReserve) -> bool {
        let heaps = self.heaps.inspect();
        let caps = heaps.first_set(reserve.request.placement(), 0);
        caps.is_some_and(|caps| heaps.largest_free_block(caps) >= reserve.bytes())
    }

    /// A reserve has no block any more.
    fn open(&mut self, index: EmergencyIndex) {
        if let Some(entry) = self.pressure.emergencies.get_mut(index) {
            entry.state = ReserveState::Open;
        }
        self.update_detour();
    }

    /// Counts a release: the block of a reserve was freed for good.
    fn count_release(&mut self, index: EmergencyIndex, holds: bool) -> Option<EmergencyReserve> {
        let entry = self.pressure.emergencies.get_mut(index)?;
        let reserve = entry.reserve;
        entry.releases = entry.releases.saturating_add(1);
        entry.unreported = reserve.handler.is_some();
        entry.holds = holds && entry.unreported;
        let kind = PressureKind::Released(reserve.bytes());
        let event = PressureEvent::new(reserve.name, kind);
        self.heaps.phases().notify_pressure(&event);
        self.open(index);
        Some(reserve)
    }
}

/// Emergency reserves.
impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> CapsHeap<L, P, O, HEAPS> {
    /// Releases the first reserve without which `attempt` fails and with which it does not; returns
    /// what it returned. Each block is freed, and allocated again where that does not help, under
    /// one lock.
    pub(super) fn release_for<T>(
        &self,
        candidates: HeapMask,
        mut attempt: impl FnMut(&mut State<L, P, O, HEAPS>) -> Option<T>,
    ) -> Option<T> {
        for index in (0..).take(EMERGENCIES).map(EmergencyIndex) {
            let mut state = self.state.acquire();
            if !state.is_releasable(index, candidates, true) {
                continue;
            }
            if let Some((served, _)) = self.release(state, index, true, &mut attempt) {
                return Some(served);
            }
        }
        None
    }

    /// Releases a reserve of a request that is refused, if its handlers have no memory without it;
    /// what it returns is dropped when the failure handler has returned.
    pub(super) fn release_for_handlers(
        &self,
        candidates: HeapMask,
        relief: &mut Relief,
    ) -> Option<Held<'_, L, P, O, HEAPS>> {
        for index in (0..).take(EMERGENCIES).map(EmergencyIndex) {
            let mut state = self.state.acquire();
            if !state.is_releasable(index, candidates, false) {
                continue;
            }
            let hold = |state: &mut State<L, P, O, HEAPS>| {
                state.pressure.emergencies.holders += 1;
                Some(Held::begun(self))
            };
            if let Some((held, reserve)) = self.release(state, index, true, hold) {
                relief.add(reserve.name, reserve.bytes());
                return Some(held);
            }
        }
        None
    }

    /// Frees the block of a reserve, if it is armed and `attempt` returns something then, under the
    /// same lock; else it stays armed. `holds`: its handler is called before anybody who waits is
    /// served.
    fn release<T>(
        &self,
        mut state: Guard<'_, L, State<L, P, O, HEAPS>>,
        index: EmergencyIndex,
        holds: bool,
        attempt: impl FnOnce(&mut State<L, P, O, HEAPS>) -> Option<T>,
    ) -> Option<(T, EmergencyReserve)> {
        let entry = state.pressure.emergencies.get_mut(index)?;
        let ReserveState::Armed(block) = entry.state else {
            return None;
        };
        entry.state = ReserveState::InTransition;
        let freed = self.free_reserve(state, block);
        let mut state = match freed {
            Ok(state) => state,
            Err(misuse) => {
                self.report(Action::Free, Fault::Misuse(misuse));
                self.state.acquire().open(index);
                return None;
            }
        };
        let served = attempt(&mut state);
        if served.is_none()
            && let Some(arming) = state.allocate_reserve(index, &Ruling::FREE)
        {
            drop(state);
            self.finish_block(arming, false);
            return None;
        }
        let reserve = state.count_release(index, holds);
        drop(state);
        served.zip(reserve)
    }

    /// Frees a block that is in transition, and keeps the lock.
    fn free_reserve<'s>(
        &'s self,
        mut state: Guard<'s, L, State<L, P, O, HEAPS>>,
        block: NonNull<u8>,
    ) -> Result<Guard<'s, L, State<L, P, O, HEAPS>>, Misuse> {
        let address = state.address_of(block)?;
        let pending = state.heaps.phases().begin_free(address)?;
        let heap = pending.heap();
        // Bytes are filled without the lock, if at all.
        let kept = if P::FILLS {
            drop(state);
            None
        } else {
            Some(state)
        };
        // SAFETY: the reserve, in transition, is the block's only user; memory of a heap stays the
        // heap's.
        let filled = unsafe { pending.fill() };
        let mut state = kept.unwrap_or_else(|| self.state.acquire());
        state.heaps.phases().finish_free(filled)?;
        state.freed(address, heap);
        Ok(state)
    }

    /// Makes the block of a reserve ready; returns whether it is sound.
    pub(super) fn finish_arming(&self, arming: Arming<P>) -> bool {
        self.finish_block(arming, true)
    }

    /// [`CapsHeap::finish_arming`]; observers are notified if it `is_new`.
    fn finish_block(&self, arming: Arming<P>, is_new: bool) -> bool {
        // SAFETY: the block's address has not been published, and memory of a heap stays the
        // heap's.
        let finished = unsafe { arming.pending.finish() };
        let mut state = self.state.acquire();
        let entries = &mut state.pressure.emergencies;
        match finished {
            Ok(_) => {
                if let Some(entry) = entries.get_mut(arming.index) {
                    entry.state = ReserveState::Armed(arming.block);
                    let kind = PressureKind::Armed(entry.reserve.bytes());
                    let event = PressureEvent::new(entry.reserve.name, kind);
                    if is_new {
                        state.heaps.phases().notify_pressure(&event);
                    }
                }
                true
            }
            Err(corrupt) => {
                // The block is kept back as evidence; the next free tries another one.
                state.open(arming.index);
                drop(state);
                self.report(Action::Allocate, Fault::Corrupt(corrupt));
                false
            }
        }
    }
}

impl<L: RawLock, P: Poison, O: Observer, const HEAPS: usize> PressureControl<'_, L, P, O, HEAPS> {
    /// Keeps a block back until nothing else is left: it is freed, once, when a request of a task
    /// fails although all shrinkers have been run, and can be served with its bytes; or by
    /// [`PressureControl::release_emergency`]. The handler is called. A request that is too large
    /// even so is refused, and the reserve stays armed. It is armed again when there is enough free
    /// memory, which every free checks while it is open. Arming runs no shrinker and releases no
    /// other reserve.
    ///
    /// ```
    /// use heap_caps_alloc::{CapsHeap, EmergencyReserve, SpinLock};
    /// use soc_regions::Caps;
    ///
    /// static HEAP: CapsHeap<SpinLock> = CapsHeap::new(());
    /// # let memory = Box::leak(vec![std::mem::MaybeUninit::uninit(); 32_768].into_boxed_slice());
    /// # HEAP.add_buffer([Caps::BIT8 | Caps::DEFAULT, Caps::empty(), Caps::empty()], memory).unwrap();
    /// let last_words = EmergencyReserve::new("last words", Caps::BIT8, 4096)
    ///     .with_handler(|release| println!("{} released: saving and restarting", release.name));
    /// let reserve = HEAP.pressure().arm_emergency(last_words)?;
    ///
    /// let mut blocks = vec![];
    /// while HEAP.pressure().is_emergency_armed(reserve) {
    ///     blocks.push(HEAP.malloc(1000, Caps::BIT8)?); // a leak
    /// }
    /// assert_eq!(HEAP.inspect().failures(), 0, "the last one was served by the reserve");
    ///
    /// for block in blocks {
    ///     // SAFETY: the block is this program's own.
    ///     unsafe { HEAP.free(block)? };
    /// }
    /// assert!(HEAP.pressure().is_emergency_armed(reserve), "memory is back");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`EmergencyError::TableFull`] with [`EMERGENCIES`] registered;
    /// [`EmergencyError::Refused`] if no heap has such a block.
    pub fn arm_emergency(
        self,
        reserve: EmergencyReserve,
    ) -> Result<EmergencyIndex, EmergencyError> {
        let index = {
            let mut state = self.heap.state.acquire();
            state.hook();
            let added = state.pressure.emergencies.entries.add(Entry {
                reserve,
                state: ReserveState::InTransition,
                releases: 0,
                unreported: false,
                holds: false,
            });
            EmergencyIndex(added.ok_or(EmergencyError::TableFull)?)
        };
        let block = self.heap.allocate(&reserve.request);
        let mut state = self.heap.state.acquire();
        match block {
            Ok(block) => {
                if let Some(entry) = state.pressure.emergencies.get_mut(index) {
                    entry.state = ReserveState::Armed(block);
                }
                Ok(index)
            }
            Err(failure) => {
                state.pressure.emergencies.entries.remove(index.0);
                Err(EmergencyError::Refused(failure.cause))
            }
        }
    }

    /// Releases a reserve by hand, and calls its handler; returns whether it was armed.
    pub fn release_emergency(self, index: EmergencyIndex) -> bool {
        // Where no handler may be called now, nobody waits for it.
        let holds = self.heap.may_call_out();
        let state = self.heap.state.acquire();
        let released = self.heap.release(state, index, holds, |_| Some(()));
        self.heap.run_deferred();
        released.is_some()
    }

    /// Removes a reserve and frees its block; no handler is called. Returns `false` if there is
    /// none, or if it is being armed or released at this moment: it then stays registered.
    pub fn disarm_emergency(self, index: EmergencyIndex) -> bool {
        let mut state = self.heap.state.acquire();
        let entry = state.pressure.emergencies.get_mut(index);
        if entry.is_none_or(|entry| entry.state == ReserveState::InTransition) {
            return false;
        }
        let ended = state.pressure.emergencies.entries.remove(index.0);
        state.update_detour();
        drop(state);
        if let Some(Entry {
            state: ReserveState::Armed(block),
            ..
        }) = ended
        {
            // SAFETY: the block was the reserve's own.
            unsafe { self.heap.free_or_report(block) };
        }
        self.heap.run_deferred(); // it may have held memory for its handler
        true
    }

    /// Returns whether a reserve has its bytes.
    #[must_use]
    pub fn is_emergency_armed(self, index: EmergencyIndex) -> bool {
        let mut state = self.heap.state.acquire();
        let entry = state.pressure.emergencies.get_mut(index);
        entry.is_some_and(|entry| matches!(entry.state, ReserveState::Armed(_)))
    }
}
