//! Record of one allocation.
//!
//! ```text
//!   Slot on a 32-bit chip, 24 + 8 · DEPTH bytes
//!   | address | freed 1, size 31 | ticks | caller | older | newer | chain | bucket | allocated by .. | freed by .. |
//!                                                   16 bits each: numbers of slots
//! ```

use core::panic::Location;

/// One place of a trace's buffer. Memory that contains zeros is an array of empty slots.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Slot<const DEPTH: usize> {
    pub(super) address: u32,
    size_and_freed: u32,
    pub(super) ticks: u32,
    caller: Option<&'static Location<'static>>,
    /// The record before it in order of allocation.
    pub(super) older: u16,
    /// The record behind it, or the next unused slot.
    pub(super) newer: u16,
    /// The next live record whose address has the same hash.
    pub(super) chain: u16,
    /// As a bucket of the hash table: its first live record. Independent of the rest of the slot.
    pub(super) bucket: u16,
    allocated_by: [u32; DEPTH],
    freed_by: [u32; DEPTH],
}

/// The top bit of the size: no heap has blocks of 2 GiB.
const FREED: u32 = 1 << 31;

impl<const DEPTH: usize> Slot<DEPTH> {
    /// Nothing is kept here.
    pub const EMPTY: Self = Self {
        address: 0,
        size_and_freed: 0,
        ticks: 0,
        caller: None,
        older: 0,
        newer: 0,
        chain: 0,
        bucket: 0,
        allocated_by: [0; DEPTH],
        freed_by: [0; DEPTH],
    };

    /// Keeps a new record. Links and the bucket stay as they are.
    pub(super) fn write(&mut self, record: &Record<DEPTH>) {
        self.address = record.address;
        self.size_and_freed = record.size.min(!FREED);
        self.ticks = record.ticks & !3 | u32::from(record.core & 1);
        self.caller = record.caller;
        self.allocated_by = record.allocated_by;
        self.freed_by = [0; DEPTH];
    }

    pub(super) const fn is_freed(&self) -> bool {
        self.size_and_freed & FREED != 0
    }

    pub(super) fn set_freed(&mut self, by: [u32; DEPTH]) {
        self.size_and_freed |= FREED;
        self.freed_by = by;
    }

    pub(super) fn record(&self) -> Record<DEPTH> {
        Record {
            address: self.address,
            size: self.size_and_freed & !FREED,
            ticks: self.ticks & !3,
            core: (self.ticks & 1) as u8,
            freed: self.is_freed(),
            caller: self.caller,
            allocated_by: self.allocated_by,
            freed_by: self.freed_by,
        }
    }
}

/// One allocation: ESP-IDF's `heap_trace_record_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<const DEPTH: usize> {
    /// The address handed out.
    pub address: u32,
    /// Bytes asked for.
    pub size: u32,
    /// The context's clock, its last two bits cleared.
    pub ticks: u32,
    /// The core that allocated, 0 or 1.
    pub core: u8,
    /// Whether it was freed: only [`Mode::All`](crate::Mode::All) keeps such records.
    pub freed: bool,
    /// Where the request stands in the source, if the caller is known.
    pub caller: Option<&'static Location<'static>>,
    /// Call stack of the allocation, innermost first, 0 where it is shorter.
    pub allocated_by: [u32; DEPTH],
    /// Call stack of the free.
    pub freed_by: [u32; DEPTH],
}

#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<Slot<2>>() == 24 + 8 * 2);
