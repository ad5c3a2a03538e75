//! Heap trace of live allocations, or of all, in a caller's buffer: ESP-IDF's standalone heap
//! trace.
//!
//! ```text
//!             start                stop
//!   idle ───► started ◄─────────► stopped         allocations are recorded while started,
//!                 │  ▲ resume        ▲            frees while started or paused
//!           pause ▼  │        stop   │
//!                paused ─────────────┘            start: again from any state
//! ```
//!
//! Events come from the one place through which every path of the heap goes
//! ([`heap_caps::Observer`]), so that each is seen exactly once: calloc, aligned and preferring
//! allocation, resizing in place and by moving. A resize that fails is no event, and the record
//! stays. A resize that succeeds ends the old record and begins a new one, as ESP-IDF counts it.

mod dump;
mod session;
mod slot;
mod table;

pub use dump::{DumpFilter, MemoryKind};
pub use session::{Mode, State, Summary, TraceError};
pub use slot::{Record, Slot};

use core::panic::Location;

use heap_caps::{Allocated, Freed, Observer, Reallocated};

use crate::context::{TraceContext, call_stack};
use table::{SlotIndex, Table};

/// The standalone heap trace: an observer. Each event takes O(1).
///
/// `DEPTH` is how many callers are kept of each allocation and free, 0 to 32 or any other number.
#[derive(Debug)]
pub struct Trace<'a, E: TraceContext = (), const DEPTH: usize = 2> {
    context: E,
    table: Option<Table<'a, DEPTH>>,
    state: State,
    summary: Summary,
    cursor: Option<Cursor>,
}

/// The record that was looked at last: the next one is one step away, unless something changed.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    index: usize,
    slot: SlotIndex,
    edits: u32,
}

/// Sessions.
impl<'a, E: TraceContext, const DEPTH: usize> Trace<'a, E, DEPTH> {
    /// Creates a trace without a buffer: it costs nothing but its code.
    #[must_use]
    pub const fn new(context: E) -> Self {
        const NOTHING: Summary = Summary {
            mode: Mode::All,
            total_allocations: 0,
            total_frees: 0,
            count: 0,
            capacity: 0,
            high_water_mark: 0,
            dropped: 0,
            hits: 0,
            misses: 0,
        };
        Self {
            context,
            table: None,
            state: State::Idle,
            summary: NOTHING,
            cursor: None,
        }
    }

    /// Gives it a buffer, of which it uses at most 65,534 slots; the one before comes back. O(1).
    ///
    /// # Errors
    /// It is started or paused, or the buffer is empty.
    pub fn set_buffer(
        &mut self,
        buffer: &'a mut [Slot<DEPTH>],
    ) -> Result<Option<&'a mut [Slot<DEPTH>]>, TraceError> {
        if buffer.is_empty() {
            return Err(TraceError::EmptyBuffer);
        }
        let before = self.take_buffer()?;
        self.table = Some(Table::new(buffer));
        Ok(before)
    }

    /// Takes the buffer back, with all records.
    ///
    /// # Errors
    /// It is started or paused.
    pub fn take_buffer(&mut self) -> Result<Option<&'a mut [Slot<DEPTH>]>, TraceError> {
        if matches!(self.state, State::Started | State::Paused) {
            return Err(TraceError::Running);
        }
        Ok(self.table.take().map(Table::into_buffer))
    }

    /// Begins a session, whatever was before: records and figures, the high-water mark included,
    /// restart. O(1).
    ///
    /// # Errors
    /// There is no buffer.
    pub fn start(&mut self, mode: Mode) -> Result<(), TraceError> {
        self.table.as_mut().ok_or(TraceError::NoBuffer)?.forget();
        self.summary = Summary {
            mode,
            ..Summary::default()
        };
        self.state = State::Started;
        Ok(())
    }

    /// Ends recording. Records stay.
    ///
    /// # Errors
    /// It is stopped already.
    pub fn stop(&mut self) -> Result<(), TraceError> {
        self.become_(State::Stopped)
    }

    /// Records frees only, from now on.
    ///
    /// # Errors
    /// It does so already.
    pub fn pause(&mut self) -> Result<(), TraceError> {
        self.become_(State::Paused)
    }

    /// Goes on recording.
    ///
    /// # Errors
    /// It is started already, or has no buffer.
    pub fn resume(&mut self) -> Result<(), TraceError> {
        if self.table.is_none() {
            return Err(TraceError::NoBuffer);
        }
        self.become_(State::Started)
    }

    fn become_(&mut self, state: State) -> Result<(), TraceError> {
        if self.state == state {
            return Err(TraceError::Already(state));
        }
        self.state = state;
        Ok(())
    }
}

/// Looking.
impl<E: TraceContext, const DEPTH: usize> Trace<'_, E, DEPTH> {
    /// Returns whether events are recorded.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Returns how many records there are; in [`Mode::All`] those of freed blocks count too.
    #[must_use]
    pub fn count(&self) -> usize {
        self.table.as_ref().map_or(0, Table::len)
    }

    /// Returns all figures.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary {
            count: self.count(),
            capacity: self.table.as_ref().map_or(0, Table::capacity),
            ..self.summary
        }
    }

    /// Returns the record with this number, counted from the oldest; `None` behind the newest. O(1)
    /// for the number behind the last one asked for (or that one again), as long as no record went
    /// away; else O(number).
    pub fn get(&mut self, index: usize) -> Option<Record<DEPTH>> {
        let table = self.table.as_ref()?;
        let near = self
            .cursor
            .filter(|cursor| cursor.edits == table.edits && cursor.index <= index);
        let slot = match near {
            Some(cursor) => table.step(Some(cursor.slot), index - cursor.index)?,
            None => table.step(None, index)?,
        };
        self.cursor = Some(Cursor {
            index,
            slot,
            edits: table.edits,
        });
        table.record(slot)
    }

    /// Begins to read all records, the oldest first. There is one reader at a time.
    pub fn rewind(&mut self) {
        if let Some(table) = &mut self.table {
            table.rewind();
        }
    }

    /// Returns the next record of the reader; `None` at the end. O(1). Records that go away
    /// meanwhile are passed over, so the lock around the heap need not be held from one call to the
    /// next.
    pub fn read(&mut self) -> Option<Record<DEPTH>> {
        self.table.as_mut()?.read()
    }
}

/// Recording.
impl<E: TraceContext, const DEPTH: usize> Trace<'_, E, DEPTH> {
    fn began(&mut self, event: &Allocated) {
        let Some(table) = self.table.as_mut().filter(|_| self.state == State::Started) else {
            return;
        };
        let record = self::record(&self.context, event.address, event.size, event.caller);
        // A block that is handed out again was freed while nobody looked.
        if let Some(stale) = table.find(event.address) {
            end(table, self.summary.mode, stale, [0; DEPTH]);
        }
        if !table.append(&record) {
            table.remove_oldest();
            table.append(&record);
            self.summary.dropped = self.summary.dropped.saturating_add(1);
        }
        let high = &mut self.summary.high_water_mark;
        *high = table.len().max(*high);
        let total = &mut self.summary.total_allocations;
        *total = total.saturating_add(1);
    }

    fn ended(&mut self, address: u32) {
        let recording = matches!(self.state, State::Started | State::Paused);
        let table = self.table.as_mut().filter(|_| recording);
        let Some(table) = table.filter(|table| table.len() > 0) else {
            return;
        };
        let summary = &mut self.summary;
        summary.total_frees = summary.total_frees.saturating_add(1);
        match table.find(address) {
            Some(record) => {
                let by = match summary.mode {
                    Mode::All => call_stack(&self.context),
                    Mode::Leaks => [0; DEPTH],
                };
                end(table, summary.mode, record, by);
                summary.hits = summary.hits.saturating_add(1);
            }
            None => summary.misses = summary.misses.saturating_add(1),
        }
    }
}

/// Records what is known of an allocation that happens now.
fn record<const DEPTH: usize>(
    context: &impl TraceContext,
    address: u32,
    size: u32,
    caller: Option<&'static Location<'static>>,
) -> Record<DEPTH> {
    Record {
        address,
        size,
        ticks: context.ticks(),
        core: context.core(),
        freed: false,
        caller,
        allocated_by: call_stack(context),
        freed_by: [0; DEPTH],
    }
}

fn end<const DEPTH: usize>(
    table: &mut Table<'_, DEPTH>,
    mode: Mode,
    record: SlotIndex,
    by: [u32; DEPTH],
) {
    match mode {
        Mode::All => table.set_freed(record, by),
        Mode::Leaks => table.remove(record),
    }
}

impl<E: TraceContext, const DEPTH: usize> Observer for Trace<'_, E, DEPTH> {
    fn on_allocate(&mut self, event: &Allocated) {
        self.began(event);
    }

    fn on_free(&mut self, event: &Freed) {
        self.ended(event.address);
    }

    fn on_reallocate(&mut self, event: &Reallocated) {
        self.ended(event.old_address);
        self.began(&event.now);
    }
}
